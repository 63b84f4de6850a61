const DRIFT = 1e-4; // by which two clocks may diverge: an old sample loses this much accuracy

/** Estimates the server's clock. The sample with the shortest round trip is the most accurate. */
export class ServerClock {
  /** @type {{trip: number, offset: number, at: number} | null} */
  #best = null;

  /**
   * @param {number} sent local time of the ping, milliseconds
   * @param {number} received local time of the pong
   * @param {number} serverTime the server's time in the pong
   */
  sample(sent, received, serverTime) {
    const best = this.#best;
    const [least, most] = [serverTime - received, serverTime - sent]; // bounds of the offset
    const holds = best !== null && best.offset >= least && best.offset <= most; // else one of the clocks was set
    const trip = received - sent;
    if (holds && trip > best.trip + (received - best.at) * DRIFT) return;
    this.#best = { trip, offset: (least + most) / 2, at: received };
  }

  /** @returns {number} the server's time, Unix milliseconds; the local time before the first sample */
  now() {
    return Date.now() + (this.#best?.offset ?? 0);
  }

  /** @returns {number} the latest that the server's time can be, Unix milliseconds: as if the pong took all of the round trip */
  latest() {
    return this.now() + (this.#best?.trip ?? 0) / 2;
  }
}
