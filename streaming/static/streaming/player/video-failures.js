const MINUTES = 60_000; // ms
const KEY = "nvr.no-video."; // and the camera's id and the stream
/** @type {Quality[]} the streams of a camera, which may have different codecs */
const STREAMS = ["original", "sub"];

/** @import { Format, Quality } from "../shared/protocol.js" */
/** @import { VideoPlayer } from "../engine/video-support.js" */

/**
 * Remembers until when each stream of a camera is not tried again as video: H.264 with WebCodecs for five minutes of this
 * viewing, H.265 or MSE for a day in this browser.
 */
export class VideoFailures {
  #key;
  #by;
  #now;
  /** @type {Map<Quality, number>} Unix milliseconds */
  #until = new Map();

  /**
   * @param {string} cameraId
   * @param {VideoPlayer | null} by
   * @param {() => number} [now]
   */
  constructor(cameraId, by, now = Date.now) {
    this.#key = `${KEY}${cameraId}.`;
    this.#by = by;
    this.#now = now;
    for (const stream of STREAMS) this.#until.set(stream, Number(stored(this.#key + stream)));
  }

  /** @param {Quality} stream */
  isRecent(stream) {
    return this.#now() < (this.#until.get(stream) ?? 0);
  }

  /** @param {Quality} stream @param {Format} format */
  add(stream, format) {
    const lasts = this.#by === "mse" || format === "h265";
    const until = this.#now() + (lasts ? 24 * 60 * MINUTES : 5 * MINUTES);
    this.#until.set(stream, until);
    if (lasts) store(this.#key + stream, String(until));
  }

  /** The user has chosen: all streams may be tried again. */
  forget() {
    this.#until.clear();
    for (const stream of STREAMS) store(this.#key + stream, null);
  }
}

/** @param {string} key */
function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage is disabled
  }
}

/** @param {string} key @param {string | null} value */
function store(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Storage is disabled or full: it is remembered as long as the viewing.
  }
}
