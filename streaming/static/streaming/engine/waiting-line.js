import { State } from "./states.js";

/** @import { PlaceMessage } from "../shared/protocol.js" */
/** @import { Claim } from "./claim.js" */
/** @import { ServerClock } from "./clock.js" */
/** @import { Reconnection } from "./reconnection.js" */

/** A viewer's ways to a slot when all are taken: to wait for one, or to end another viewing of their own. */
export class WaitingLine {
  #claim;
  #clock;
  #reconnection;
  #onTurn;

  /**
   * @param {Claim} claim
   * @param {ServerClock} clock
   * @param {Reconnection} reconnection
   * @param {() => void} onTurn the slot that the viewer waited for has come
   */
  constructor(claim, clock, reconnection, onTurn) {
    this.#claim = claim;
    this.#clock = clock;
    this.#reconnection = reconnection;
    this.#onTurn = onTurn;
  }

  /** Joins the line. */
  join() {
    this.#claim.wait();
    this.#reconnection.retry();
  }

  /** Leaves the line. The viewer is then as one who was refused. */
  leave() {
    const { state, reason, inUse, limit, waiting } = this.#reconnection.status;
    if (state !== State.WAITING) return;
    const others = Math.max((waiting ?? 0) - 1, 0);
    this.#reconnection.end({ state: State.REFUSED, reason, inUse, limit, waiting: others });
  }

  /** @param {string} viewingId one's own viewing, which ends and hands its slot to this one */
  takeOver(viewingId) {
    this.#claim.replace(viewingId);
    this.#reconnection.retry();
  }

  /** @param {PlaceMessage} message */
  onPlace({ reason, position, waiting, since, resume, in_use: inUse, limit }) {
    if (position < 1) {
      this.#claim.onToken(resume); // for the moment that a viewing of one's own takes to end
      return;
    }
    this.#claim.onPlace(resume);
    const here = since - this.#clock.now() + Date.now();
    this.#reconnection.onPlace({ state: State.WAITING, reason, position, waiting, since: here, inUse: inUse ?? null, limit: limit ?? null });
  }

  /** @param {string} [token] an older server gives none */
  onAdmitted(token = "") {
    const waited = this.#claim.onAdmitted(token);
    if (!waited) return;
    this.#reconnection.change({ state: State.CONNECTING });
    this.#onTurn();
  }
}
