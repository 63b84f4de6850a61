import { FrameFlag, FrameKind } from "../shared/protocol.js";

/** @import { Frame, Quality } from "../shared/protocol.js" */

/**
 * The maximum of each JPEG quality. streaming/ingest/qualities.py has the same values.
 * @type {Partial<Record<Quality, {pixels: number, framesPerSecond: number}>>}
 */
const JPEG = {
  low: { pixels: 640 * 360, framesPerSecond: 5 },
  medium: { pixels: 1280 * 720, framesPerSecond: 10 },
  high: { pixels: 1920 * 1080, framesPerSecond: 15 },
};
const USUAL_DENSITY = 0.09; // bytes per pixel of a JPEG, until one has arrived
const DECAY = 0.99; // of the averages, with each frame of video: they cover some four seconds
const STILL_TIMEOUT = 10_000; // ms
const MAX_PAUSE = 5_000; // ms between two frames: after a longer pause, the camera was away

/** Counts received bytes, and estimates the bandwidth of each quality: measured, or derived from the size of a JPEG. */
export class Traffic {
  received = 0; // bytes of all frames
  #density = USUAL_DENSITY;
  #pixels = Infinity; // of the camera's own picture
  #bytes = 0; // of the camera's own video, within #time
  #time = 0; // ms of the server's clock, so that the delays of this link do not count
  /** @type {number | null} */
  #lastReadAt = null;

  /** @param {Pick<Frame, "kind" | "flags" | "readAt" | "payload">} frame as it arrives */
  add({ kind, flags, readAt, payload }) {
    this.received += payload.length;
    const isVideo = kind !== FrameKind.JPEG;
    const passed = isVideo && this.#lastReadAt !== null ? readAt - this.#lastReadAt : 0;
    this.#lastReadAt = isVideo ? readAt : null;
    if (flags & FrameFlag.DISCONTINUITY || passed <= 0 || passed > MAX_PAUSE) return;
    this.#bytes = this.#bytes * DECAY + payload.length;
    this.#time = this.#time * DECAY + passed;
  }

  /**
   * @param {Pick<Frame, "payload">} frame
   * @param {Pick<ImageBitmap, "width" | "height"> | Pick<VideoFrame, "displayWidth" | "displayHeight">} picture decoded from it
   */
  shown({ payload }, picture) {
    if ("displayWidth" in picture) this.#pixels = picture.displayWidth * picture.displayHeight;
    else this.#density = payload.length / (picture.width * picture.height);
  }

  /**
   * @param {Quality} quality
   * @returns {number} kbit/s of this quality when no frame is dropped; Infinity: not known
   */
  need(quality) {
    const jpeg = JPEG[quality];
    if (!jpeg) return this.#time ? (this.#bytes * 8) / this.#time : Infinity;
    return (this.#density * Math.min(jpeg.pixels, this.#pixels) * jpeg.framesPerSecond * 8) / 1000;
  }
}

/**
 * Measures the bandwidth of the link: fetches a still and counts all bytes that arrive meanwhile.
 * @param {string} path of the still
 * @param {Pick<Traffic, "received">} traffic
 * @param {(path: string, options: RequestInit) => Promise<Pick<Response, "ok" | "arrayBuffer">>} [fetch]
 * @param {() => number} [now] milliseconds
 * @returns {Promise<number>} kbit/s; Infinity: not known, because there is no still
 */
export async function measureLink(path, traffic, fetch = window.fetch.bind(window), now = () => performance.now()) {
  try {
    const answer = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(STILL_TIMEOUT) });
    const [started, before] = [now(), traffic.received];
    const still = await answer.arrayBuffer();
    const bytes = still.byteLength + traffic.received - before;
    return answer.ok ? (bytes * 8) / Math.max(1, now() - started) : Infinity;
  } catch {
    return Infinity;
  }
}
