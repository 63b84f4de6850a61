import { FrameFlag } from "../shared/protocol.js";

/** @import { Frame } from "../shared/protocol.js" */

const MAX_INTERVAL = 1_000_000; // of two frames; all times are microseconds
const LEAST = 1_000;
const FIRST_INTERVAL = 40_000; // until two frames have come
const LONGEST_STEP = 1.5; // intervals: after twice the duration of a frame, a browser sees a gap and stops
const DURATION = 2; // intervals: the video goes on while the next frame is late
const SHARE = 0.1; // of the newest interval in the average

/** @typedef {{decodeTime: number, offset: number, duration: number}} Times `offset`: of the presentation time */

/** Gives frames their media times: those at which the server read them, without the pauses. */
export class Timeline {
  #decodeTime = 0;
  #interval = FIRST_INTERVAL; // on average
  #isMeasured = false;
  /** @type {number | null} */
  #readAt = null; // ms
  #key = { decodeTime: 0, presentedAt: 0 };
  #presentedAt = -Infinity; // the latest one since the keyframe
  #reorders = false; // the camera has B-frames

  /**
   * @param {Pick<Frame, "flags" | "readAt" | "presentedAt">} frame in decode order
   * @returns {Times}
   */
  add({ flags, readAt, presentedAt }) {
    if (this.#readAt !== null) this.#step((readAt - this.#readAt) * 1000);
    this.#readAt = readAt;
    if (flags & FrameFlag.KEY) {
      this.#key = { decodeTime: this.#decodeTime, presentedAt };
      this.#presentedAt = presentedAt;
    }
    const since = presentedAt - this.#key.presentedAt;
    if (since > 0 && presentedAt < this.#presentedAt) this.#reorders = true;
    this.#presentedAt = Math.max(this.#presentedAt, presentedAt);
    const offset = this.#reorders ? Math.round(this.#key.decodeTime + since - this.#decodeTime) : 0;
    const sound = Math.abs(offset) < MAX_INTERVAL; // else the camera has set its clock
    return { decodeTime: this.#decodeTime, offset: sound ? offset : 0, duration: Math.round(DURATION * this.#interval) };
  }

  /** @param {number} passed since the frame before */
  #step(passed) {
    const interval = Math.min(Math.max(passed, LEAST), MAX_INTERVAL);
    this.#decodeTime += Math.round(Math.min(interval, LONGEST_STEP * this.#interval));
    this.#interval = this.#isMeasured ? this.#interval + SHARE * (interval - this.#interval) : interval;
    this.#isMeasured = true;
  }
}
