/** Seconds between two attempts to reconnect; the last delay repeats. */
export const DELAYS = Object.freeze([0.5, 1, 2, 4, 8, 15]);

const JITTER = 0.2; // share of a delay, up or down: viewers that were disconnected together do not return together

export class Backoff {
  #attempt = 0;
  #random;
  #delays;

  /**
   * @param {() => number} [random] from 0 up to 1
   * @param {readonly number[]} [delays] seconds; the last one repeats
   */
  constructor(random = Math.random, delays = DELAYS) {
    this.#random = random;
    this.#delays = delays;
  }

  /** @returns {number} the next delay, in milliseconds */
  next() {
    const seconds = this.#delays[Math.min(this.#attempt, this.#delays.length - 1)];
    this.#attempt += 1;
    return seconds * 1000 * (1 - JITTER + 2 * JITTER * this.#random());
  }

  reset() {
    this.#attempt = 0;
  }
}
