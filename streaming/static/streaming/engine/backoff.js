/** Seconds between two attempts to reconnect; the last delay repeats. */
export const DELAYS = Object.freeze([0.5, 1, 2, 4, 8, 15]);

const JITTER = 0.2; // share of a delay, up or down: viewers that were disconnected together do not return together

export class Backoff {
  #attempt = 0;
  #random;

  /** @param {() => number} [random] from 0 up to 1 */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /** @returns {number} the next delay, in milliseconds */
  next() {
    const seconds = DELAYS[Math.min(this.#attempt, DELAYS.length - 1)];
    this.#attempt += 1;
    return seconds * 1000 * (1 - JITTER + 2 * JITTER * this.#random());
  }

  reset() {
    this.#attempt = 0;
  }
}
