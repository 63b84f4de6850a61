import { State } from "./states.js";

/** @import { Stills } from "./stills.js" */

const UNAVAILABLE_INTERVAL = 2_000; // ms
const WAITING_INTERVAL = 5_000; // ms: while all slots are in use, the bandwidth belongs to the streams

/** Fetches stills while there is no live picture, as often as the state of the viewing needs. */
export class StillSchedule {
  #stills;
  #isSeen;
  /** @type {State} */
  #state = State.IDLE;

  /**
   * @param {Stills} stills
   * @param {() => boolean} isSeen whether somebody sees the picture: a page may be hidden while it waits
   */
  constructor(stills, isSeen) {
    this.#stills = stills;
    this.#isSeen = isSeen;
  }

  /** @param {State} state `idle`: none are fetched */
  follow(state) {
    if (state === this.#state) return;
    this.#state = state;
    switch (state) {
      case State.CONNECTING:
      case State.REFUSED:
        return this.#stills.once();
      case State.UNAVAILABLE:
        return void this.#stills.every(UNAVAILABLE_INTERVAL);
      case State.WAITING:
        return void this.#stills.every(WAITING_INTERVAL, this.#isSeen);
      case State.RECONNECTING:
        return; // goes on as before
      default:
        return this.#stills.stop();
    }
  }
}
