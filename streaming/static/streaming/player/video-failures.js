const MINUTES = 60_000; // ms
const KEY = "nvr.no-video."; // and the camera's id

/** @import { Format } from "../shared/protocol.js" */
/** @import { VideoPlayer } from "../engine/video-support.js" */

/**
 * Remembers until when a camera's own video is not tried again: H.264 with WebCodecs for five minutes of this viewing, H.265
 * or MSE for a day in this browser.
 */
export class VideoFailures {
  #key;
  #by;
  #now;
  #until = -Infinity; // Unix milliseconds

  /**
   * @param {string} cameraId
   * @param {VideoPlayer | null} by
   * @param {() => number} [now]
   */
  constructor(cameraId, by, now = Date.now) {
    this.#key = KEY + cameraId;
    this.#by = by;
    this.#now = now;
    this.#until = Number(stored(this.#key) ?? -Infinity);
  }

  get isRecent() {
    return this.#now() < this.#until;
  }

  /** @param {Format} format */
  add(format) {
    const lasts = this.#by === "mse" || format === "h265";
    this.#until = this.#now() + (lasts ? 24 * 60 * MINUTES : 5 * MINUTES);
    if (lasts) store(this.#key, String(this.#until));
  }

  /** The user has chosen: it may be tried again. */
  forget() {
    this.#until = -Infinity;
    store(this.#key, null);
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
