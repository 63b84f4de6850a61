const MARGIN = 0.02; // seconds by which the newest picture may arrive before its time: they never come quite evenly
const GAIN = 4; // of the rate, per second of distance from the margin
const SLOWEST = 0.9;
const FASTEST = 2;
const STEP = 0.02; // smaller changes of the rate are not worth it
const TOO_FAR = 2; // seconds: only a jump catches up
const WINDOW = 25; // pictures

/** Keeps a video at its live edge by small changes of its speed. It jumps only when it was stopped for seconds. */
export class LagControl {
  #video;
  /** @type {number[]} of the last pictures, seconds by which they came before their time */
  #ahead = [];

  /** @param {Pick<HTMLVideoElement, "currentTime" | "playbackRate">} video */
  constructor(video) {
    this.#video = video;
  }

  /** @param {number} newest time of the newest picture in the buffer, seconds */
  arrived(newest) {
    const ahead = newest - this.#video.currentTime;
    if (ahead > TOO_FAR) {
      this.#video.currentTime = newest;
      this.#ahead = [];
      return;
    }
    this.#ahead.push(ahead);
    if (this.#ahead.length > WINDOW) this.#ahead.shift();
    const rate = Math.min(FASTEST, Math.max(SLOWEST, 1 + GAIN * (Math.min(...this.#ahead) - MARGIN)));
    if (Math.abs(rate - this.#video.playbackRate) > STEP) this.#video.playbackRate = rate;
  }
}
