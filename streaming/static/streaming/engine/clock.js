const DRIFT = 1e-4; // by which two clocks may run apart: an old sample is as much less exact

/** The server's clock as seen from here. The sample with the shortest round trip is the most exact. */
export class ServerClock {
  /** @type {{trip: number, offset: number, at: number} | null} */
  #best = null;

  /**
   * @param {number} sent local time at which the question left, milliseconds
   * @param {number} received local time at which the answer came
   * @param {number} serverTime the server's time in the answer
   */
  sample(sent, received, serverTime) {
    const best = this.#best;
    const [least, most] = [serverTime - received, serverTime - sent]; // whichever way took how long
    const holds = best && best.offset >= least && best.offset <= most; // else a clock was set anew
    const trip = received - sent;
    if (holds && trip > best.trip + (received - best.at) * DRIFT) return;
    this.#best = { trip, offset: (least + most) / 2, at: received };
  }

  /** @returns {number} the server's time now, Unix milliseconds; the local time until there is a sample */
  now() {
    return Date.now() + (this.#best?.offset ?? 0);
  }
}
