import { Reason } from "../shared/protocol.js";

/** @import { Status } from "../engine/states.js" */

const STORED = 3_000; // ms after which the server's figures have a new block for certain

/** The time until a blocked viewer may watch again. An administrator may lift the block before. */
export class BlockCountdown {
  #now;
  /** @type {number | null} */
  #until = null;
  #begunAt = -Infinity;
  #isLifted = false;

  /** @param {() => number} now milliseconds of a monotonic clock */
  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /** @param {number | undefined} seconds for which the server blocks this user; undefined: not known */
  note(seconds) {
    if (seconds === 0 && this.#now() - this.#begunAt > STORED) this.#isLifted = true;
  }

  /** @param {Status} status @returns {Status} with the end of the block that is true now */
  correct(status) {
    if (status.reason !== Reason.STOPPED_BY_ADMINISTRATOR) return status;
    if (status.until !== this.#until) {
      this.#until = status.until;
      this.#begunAt = this.#now();
      this.#isLifted = false;
    }
    return this.#isLifted && status.until !== null ? { ...status, until: 0 } : status;
  }
}
