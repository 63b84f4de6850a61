const MARGIN = 0.02; // seconds by which the newest picture may arrive before its time: they never come quite evenly
const GAIN = 4; // of the rate, per second of distance from the margin
const SLOWEST = 0.9;
const FASTEST = 2;
const STEP = 0.05; // smaller changes of the rate are not worth it
const TOO_FAR = 2; // seconds: only a jump catches up
const WINDOW = 25; // pictures
const IN_TIME = 0.9; // share of the pictures that shall come before their time

/** Keeps a video at its live edge by small changes of its speed. It jumps only when it was stopped for seconds. */
export class LagControl {
  #video;
  #now;
  /** @type {number[]} from the times of the last pictures to their arrivals, seconds */
  #delays = [];

  /**
   * @param {Pick<HTMLVideoElement, "currentTime" | "playbackRate">} video
   * @param {() => number} now milliseconds of a monotonic clock
   */
  constructor(video, now) {
    this.#video = video;
    this.#now = now;
  }

  /** @param {number} newest time of the newest picture in the buffer, seconds */
  arrived(newest) {
    const now = this.#now() / 1000;
    this.#delays.push(now - newest);
    if (this.#delays.length > WINDOW) this.#delays.shift();
    const sorted = this.#delays.toSorted((one, other) => one - other);
    const delay = sorted[Math.ceil(IN_TIME * sorted.length) - 1];
    const ahead = now - this.#video.currentTime - delay; // of its time, for the latest ones
    if (ahead > TOO_FAR) this.#video.currentTime = newest;
    const rate = Math.min(FASTEST, Math.max(SLOWEST, 1 + GAIN * (ahead - MARGIN)));
    if (Math.abs(rate - this.#video.playbackRate) > STEP) this.#video.playbackRate = rate;
  }
}
