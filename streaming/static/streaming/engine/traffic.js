import { FrameFlag, FrameKind } from "../shared/protocol.js";
import { CameraStreams } from "./camera-streams.js";

/** @import { Frame, Quality, StreamFacts } from "../shared/protocol.js" */

/**
 * The maximum of each quality as JPEG. streaming/ingest/qualities.py has the same values.
 * @type {Record<Quality, {width: number, height: number, framesPerSecond: number}>}
 */
const JPEG = {
  low: { width: 640, height: 360, framesPerSecond: 5 },
  medium: { width: 1280, height: 720, framesPerSecond: 10 },
  high: { width: 1920, height: 1080, framesPerSecond: 15 },
  original: { width: Infinity, height: Infinity, framesPerSecond: 15 },
  sub: { width: Infinity, height: Infinity, framesPerSecond: 15 },
};
const USUAL_DENSITY = 0.09; // bytes per pixel of a JPEG, until one has arrived
const DECAY = 0.99; // of the averages, with each frame of video: they cover some four seconds
const STILL_TIMEOUT = 10_000; // ms
const MAX_PAUSE = 5_000; // ms between two frames: after a longer pause, the camera was away

/**
 * Returns the size and the rate of a quality as JPEG.
 * @param {Quality} quality
 * @param {StreamFacts | null} own the camera's own video; null: not known
 */
export function shownAsJpeg(quality, own) {
  const { width, height, framesPerSecond } = JPEG[quality];
  if (!own) return { width, height, framesPerSecond };
  const scale = Math.min(width / own.width, height / own.height, 1);
  const rate = Math.min(framesPerSecond, own.frames_per_second || Infinity);
  return { width: Math.round(own.width * scale), height: Math.round(own.height * scale), framesPerSecond: rate };
}

/** Counts received bytes, and estimates the bandwidth of each quality: measured, or derived from the size of a JPEG. */
export class Traffic {
  received = 0; // bytes of all frames
  /** @type {Quality} that arrives */
  quality = "original";
  streams;
  #density = USUAL_DENSITY;
  #pixels = Infinity; // of the camera's own picture
  /**
   * Of the camera's own video in each quality: bytes within a time, which is in ms of the server's clock, so that the delays of
   * this link do not count.
   * @type {Map<Quality, {bytes: number, time: number}>}
   */
  #video = new Map();
  /** @type {{at: number, quality: Quality} | null} */
  #last = null;

  /** @param {CameraStreams} [streams] */
  constructor(streams = new CameraStreams()) {
    this.streams = streams;
  }

  /** @param {Pick<Frame, "kind" | "flags" | "readAt" | "payload">} frame as it arrives */
  add({ kind, flags, readAt, payload }) {
    this.received += payload.length;
    const isVideo = kind === FrameKind.H264;
    const passed = isVideo && this.#last?.quality === this.quality ? readAt - this.#last.at : 0;
    this.#last = isVideo ? { at: readAt, quality: this.quality } : null;
    if (flags & FrameFlag.DISCONTINUITY || passed <= 0 || passed > MAX_PAUSE) return;
    const { bytes, time } = this.#video.get(this.quality) ?? { bytes: 0, time: 0 };
    this.#video.set(this.quality, { bytes: bytes * DECAY + payload.length, time: time * DECAY + passed });
  }

  /**
   * @param {Pick<Frame, "payload">} frame
   * @param {Pick<ImageBitmap, "width" | "height"> | Pick<VideoFrame, "displayWidth" | "displayHeight">} picture decoded from it
   */
  shown({ payload }, picture) {
    if ("displayWidth" in picture) this.#pixels = this.quality === "sub" ? this.#pixels : picture.displayWidth * picture.displayHeight;
    else this.#density = payload.length / (picture.width * picture.height);
  }

  /**
   * @param {Quality} quality
   * @returns {number} kbit/s of this quality when no frame is dropped; Infinity: not known
   */
  need(quality) {
    if (isFinite(JPEG[quality].width)) return this.needAsJpeg(quality);
    const video = this.#video.get(quality);
    return video?.time ? (video.bytes * 8) / video.time : this.streams.of(quality)?.kbps || Infinity;
  }

  /**
   * @param {Quality} quality
   * @returns {number} kbit/s of JPEG; Infinity: not known
   */
  needAsJpeg(quality) {
    const own = this.streams.of(quality === "sub" ? "sub" : "original");
    const { width, height, framesPerSecond } = shownAsJpeg(quality, own);
    const pixels = own ? width * height : Math.min(width * height, this.#pixels);
    return (this.#density * pixels * framesPerSecond * 8) / 1000;
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
