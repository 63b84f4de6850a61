const MINUTES = 60_000; // ms
const KEY = "nvr.no-video."; // and the camera's id

/** @import { VideoSupport } from "../engine/video-support.js" */

/**
 * Remembers until when a camera's own video is not tried again: with WebCodecs for five minutes of this viewing, with MSE
 * for a day in this browser.
 */
export class VideoFailures {
  #key;
  #now;
  #until = -Infinity; // Unix milliseconds

  /**
   * @param {string} cameraId
   * @param {VideoSupport} support
   * @param {() => number} [now]
   */
  constructor(cameraId, support, now = Date.now) {
    this.#key = support === "mse" ? KEY + cameraId : null;
    this.#now = now;
    if (this.#key) this.#until = Number(stored(this.#key) ?? -Infinity);
  }

  get isRecent() {
    return this.#now() < this.#until;
  }

  add() {
    this.#until = this.#now() + (this.#key ? 24 * 60 * MINUTES : 5 * MINUTES);
    if (this.#key) store(this.#key, String(this.#until));
  }

  /** The user has chosen: it may be tried again. */
  forget() {
    this.#until = -Infinity;
    if (this.#key) store(this.#key, null);
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
