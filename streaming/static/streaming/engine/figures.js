import { FrameFlag, FrameKind } from "../shared/protocol.js";

const WINDOW = 5_000; // ms that the figures look back

/**
 * What a viewing measures of itself.
 * @typedef {object} Reading
 * @property {number} framesPerSecond shown, on average of the last seconds
 * @property {number} kilobitsPerSecond received
 * @property {number | null} ageMedian seconds
 * @property {number | null} ageHigh seconds, of 95 in 100 pictures
 * @property {number} dropped gaps that the server left, and pictures lost here
 */

/** Collects the figures of one viewing. */
export class Figures {
  dropped = 0;
  gaps = 0; // reported by the server: it had more than this viewer took
  format = null;
  /** @type {{at: number, bytes: number}[]} */
  #received = [];
  /** @type {{at: number, age: number}[]} */
  #shown = [];
  #since = Date.now();

  /** @param {import("../shared/protocol.js").Frame} frame */
  received({ kind, flags, payload }) {
    this.format = kind === FrameKind.H264 ? "h264" : "jpeg";
    if (flags & FrameFlag.DISCONTINUITY) {
      this.gaps += 1;
      this.dropped += 1;
    }
    this.#received.push({ at: Date.now(), bytes: payload.length });
    this.#forget(this.#received);
  }

  /** @param {number} age seconds */
  shown(age) {
    this.#shown.push({ at: Date.now(), age });
    this.#forget(this.#shown);
  }

  /** @param {import("../shared/protocol.js").Frame} frame */
  lost({ flags }) {
    if (!(flags & FrameFlag.BACKLOG)) this.dropped += 1;
  }

  /** @returns {Reading} */
  read() {
    this.#forget(this.#received);
    this.#forget(this.#shown);
    const seconds = Math.min(WINDOW, Math.max(1000, Date.now() - this.#since)) / 1000;
    const ages = this.#shown.map(({ age }) => age).sort((one, other) => one - other);
    const bytes = this.#received.reduce((sum, message) => sum + message.bytes, 0);
    return {
      framesPerSecond: ages.length / seconds,
      kilobitsPerSecond: (bytes * 8) / 1000 / seconds,
      ageMedian: quantile(ages, 0.5),
      ageHigh: quantile(ages, 0.95),
      dropped: this.dropped,
    };
  }

  #forget(entries) {
    const oldest = Date.now() - WINDOW;
    while (entries.length && entries[0].at < oldest) entries.shift();
  }
}

/** @param {number[]} sorted */
function quantile(sorted, part) {
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] : null;
}
