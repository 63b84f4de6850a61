import { FrameFlag, FrameKind } from "../shared/protocol.js";

/** What each JPEG quality sends at most; streaming/ingest/pictures.py has the same. */
const JPEG = {
  low: { pixels: 640 * 360, framesPerSecond: 5 },
  medium: { pixels: 1280 * 720, framesPerSecond: 10 },
  high: { pixels: 1920 * 1080, framesPerSecond: 15 },
};
const USUAL_DENSITY = 0.09; // bytes per pixel of a JPEG, until one has come
const REMEMBERED = 0.99; // of what is known, with each picture of video: some four seconds
const PATIENCE = 10_000; // ms for a still
const PAUSE = 5_000; // ms between two pictures: the camera was away, and sent nothing

/** What arrives, and what each quality takes of a link: measured where it can be, else reckoned from a JPEG's size. */
export class Traffic {
  received = 0; // bytes of all frames
  #density = USUAL_DENSITY;
  #pixels = Infinity; // of the camera's own picture
  #bytes = 0; // of the camera's own video, within #time
  #time = 0; // ms of the server's clock: what this link does to the video does not count
  /** @type {number | null} */
  #lastReadAt = null;

  /** @param {import("../shared/protocol.js").Frame} frame as it arrives */
  add({ kind, flags, readAt, payload }) {
    this.received += payload.length;
    const isVideo = kind === FrameKind.H264;
    const passed = isVideo && this.#lastReadAt !== null ? readAt - this.#lastReadAt : 0;
    this.#lastReadAt = isVideo ? readAt : null;
    if (flags & FrameFlag.DISCONTINUITY || passed <= 0 || passed > PAUSE) return;
    this.#bytes = this.#bytes * REMEMBERED + payload.length;
    this.#time = this.#time * REMEMBERED + passed;
  }

  /**
   * @param {import("../shared/protocol.js").Frame} frame
   * @param {ImageBitmap | VideoFrame} picture what came of it
   */
  shown({ kind, payload }, picture) {
    if (kind === FrameKind.H264) this.#pixels = picture.displayWidth * picture.displayHeight;
    else this.#density = payload.length / (picture.width * picture.height);
  }

  /** @returns {number} kbit/s that a quality takes where nothing is dropped; Infinity: not known */
  need(quality) {
    const jpeg = JPEG[quality];
    if (!jpeg) return this.#time ? (this.#bytes * 8) / this.#time : Infinity;
    return (this.#density * Math.min(jpeg.pixels, this.#pixels) * jpeg.framesPerSecond * 8) / 1000;
  }
}

/**
 * What the link can carry: a still is fetched, and all that arrives meanwhile counted.
 * @param {string} path of the still
 * @param {Traffic} traffic
 * @param {typeof fetch} [fetch]
 * @param {() => number} [now] milliseconds
 * @returns {Promise<number>} kbit/s; Infinity: not known, as there is no still
 */
export async function measureLink(path, traffic, fetch = window.fetch.bind(window), now = () => performance.now()) {
  try {
    const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    const [started, before] = [now(), traffic.received];
    const still = await answer.arrayBuffer();
    const bytes = still.byteLength + traffic.received - before;
    return answer.ok ? (bytes * 8) / Math.max(1, now() - started) : Infinity;
  } catch {
    return Infinity;
  }
}
