const SAMPLES = 12; // a minute of pings: old samples leave, so a clock that was set anew is believed again

/** The server's clock as seen from here. The sample with the shortest round trip is the most exact. */
export class ServerClock {
  /** @type {{trip: number, offset: number}[]} */
  #samples = [];

  /**
   * @param {number} sent local time at which the question left, milliseconds
   * @param {number} received local time at which the answer came
   * @param {number} serverTime the server's time in the answer
   */
  sample(sent, received, serverTime) {
    this.#samples.push({ trip: received - sent, offset: serverTime - (sent + received) / 2 });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }

  /** @returns {number} the server's time now, Unix milliseconds; the local time until there is a sample */
  now() {
    const [first, ...others] = this.#samples;
    if (!first) return Date.now();
    return Date.now() + others.reduce((best, next) => (next.trip < best.trip ? next : best), first).offset;
  }
}
