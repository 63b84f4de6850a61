const SAMPLES = 12; // a minute of pings: old samples leave, so a clock that was set anew is believed again

/** The server's clock as seen from here. The sample with the shortest round trip is the most exact. */
export class ServerClock {
  /** @type {{trip: number, offset: number}[]} */
  #samples = [];
  #offset = 0;

  /**
   * @param {number} sent local time at which the question left, milliseconds
   * @param {number} received local time at which the answer came
   * @param {number} serverTime the server's time in the answer
   */
  sample(sent, received, serverTime) {
    this.#samples.push({ trip: received - sent, offset: serverTime - (sent + received) / 2 });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
    this.#offset = this.#samples.reduce((best, next) => (next.trip < best.trip ? next : best)).offset;
  }

  /** @returns {number} the server's time now, Unix milliseconds; the local time until there is a sample */
  now() {
    return Date.now() + this.#offset;
  }
}
