import { FORMATS, FrameFlag } from "../shared/protocol.js";

/** @import { Format, Frame } from "../shared/protocol.js" */

const WINDOW = 5_000; // ms that the figures cover

/**
 * @typedef {object} Measurement
 * @property {number} framesPerSecond shown, on average over WINDOW
 * @property {number} kilobitsPerSecond received, on average over WINDOW
 * @property {number | null} ageMedian seconds since the server read a picture
 * @property {number | null} ageHigh seconds, 95th percentile
 * @property {number | null} cameraDelay seconds from the camera's capture to the server's read; null: not known
 * @property {number} dropped gaps that the server reported, and frames lost here
 */

/** Measures one viewing. */
export class Figures {
  dropped = 0;
  /** @type {number | null} seconds */
  cameraDelay = null;
  gaps = 0; // reported by the server: it had more frames than this viewer took
  /** @type {Format | null} */
  format = null;
  /** @type {{at: number, bytes: number}[]} */
  #received = [];
  /** @type {{at: number, age: number}[]} */
  #shown = [];
  #since = Date.now();

  /** @param {Pick<Frame, "kind" | "flags" | "payload">} frame */
  received({ kind, flags, payload }) {
    this.format = FORMATS[kind] ?? null;
    if (flags & FrameFlag.DISCONTINUITY) {
      this.gaps += 1;
      this.dropped += 1;
    }
    this.#received.push({ at: Date.now(), bytes: payload.length });
    forget(this.#received);
  }

  /** @param {number} age seconds */
  shown(age) {
    this.#shown.push({ at: Date.now(), age });
    forget(this.#shown);
  }

  /** @param {Frame} frame not shown; backlog does not count */
  lost({ flags }) {
    if (!(flags & FrameFlag.BACKLOG)) this.dropped += 1;
  }

  /** @returns {Measurement} */
  read() {
    forget(this.#received);
    forget(this.#shown);
    const seconds = Math.min(WINDOW, Math.max(1000, Date.now() - this.#since)) / 1000;
    const ages = this.#shown.map(({ age }) => age).sort((one, other) => one - other);
    const bytes = this.#received.reduce((sum, message) => sum + message.bytes, 0);
    return {
      framesPerSecond: ages.length / seconds,
      kilobitsPerSecond: (bytes * 8) / 1000 / seconds,
      ageMedian: quantile(ages, 0.5),
      ageHigh: quantile(ages, 0.95),
      cameraDelay: this.cameraDelay,
      dropped: this.dropped,
    };
  }
}

/** @param {{at: number}[]} entries those older than WINDOW are removed */
function forget(entries) {
  const oldest = Date.now() - WINDOW;
  while (entries.length && entries[0].at < oldest) entries.shift();
}

/** @param {number[]} sorted @param {number} share from 0 to 1 */
function quantile(sorted, share) {
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] : null;
}
