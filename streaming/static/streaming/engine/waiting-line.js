import { StreamState, ViewerMessage } from "../shared/protocol.js";
import { State } from "./states.js";

/** @import { PlaceMessage, QuestionMessage, StatusMessage } from "../shared/protocol.js" */
/** @import { Claim } from "./claim.js" */
/** @import { ServerClock } from "./clock.js" */
/** @import { Reconnection } from "./reconnection.js" */

const TOUCH_INTERVAL = 60_000; // ms between two messages that somebody is there

/**
 * A viewer and the line. They wait in it for a slot, or pass it by ending another viewing of their own. While others wait,
 * they may be asked whether they still watch.
 */
export class WaitingLine {
  /** @type {number | null} Unix milliseconds by this machine's clock: until then, somebody must answer; null: no question */
  answerBy = null;
  /** @type {number | null} Unix milliseconds by this machine's clock: then an operator takes the slot; null: nobody does */
  endsAt = null;
  /** @type {string | null} the server's name for the viewing that got a slot last */
  viewingId = null;
  #touchedAt = -Infinity; // Unix milliseconds: the server was told that somebody is there
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

  /** Somebody uses the page. The server is told once a minute, and at once when it has asked. */
  touch() {
    const now = Date.now();
    if (!this.#claim.isOfLine || (this.answerBy === null && now - this.#touchedAt < TOUCH_INTERVAL)) return;
    this.#touchedAt = now;
    this.#reconnection.send({ type: ViewerMessage.STILL_WATCHING });
    if (this.answerBy !== null) this.#setAnswerBy(null);
  }

  /**
   * @param {StatusMessage | PlaceMessage | QuestionMessage} message
   * @returns {message is PlaceMessage | QuestionMessage} whether it concerns the line
   */
  takes(message) {
    if (message.state === StreamState.WAITING) this.#onPlace(message);
    else if (message.reason === ViewerMessage.STILL_WATCHING) this.#setAnswerBy(Date.now() + message.answer_within * 1000);
    else {
      if (message.state === StreamState.LIVE) this.#setEndsAt(message.ends_in);
      return false;
    }
    return true;
  }

  /** @param {PlaceMessage} message */
  #onPlace({ reason, position, waiting, since, resume, in_use: inUse, limit }) {
    if (position < 1) {
      this.#claim.onToken(resume); // for the moment that a viewing of one's own takes to end
      return;
    }
    this.#claim.onPlace(resume);
    const here = since - this.#clock.now() + Date.now();
    this.#reconnection.onPlace({ state: State.WAITING, reason, position, waiting, since: here, inUse: inUse ?? null, limit: limit ?? null });
  }

  /** @param {string} [token] an older server gives none @param {string} [viewingId] */
  onAdmitted(token = "", viewingId) {
    this.viewingId = viewingId ?? null;
    this.answerBy = this.endsAt = null;
    const waited = this.#claim.onAdmitted(token);
    if (!waited) return;
    this.#reconnection.change({ state: State.CONNECTING });
    this.#onTurn();
  }

  /** @param {number} [seconds] nothing: no operator takes the slot */
  #setEndsAt(seconds) {
    const before = this.endsAt;
    this.endsAt = seconds === undefined ? null : Date.now() + seconds * 1000;
    if (before !== this.endsAt) this.#reconnection.change(this.#reconnection.status);
  }

  /** @param {number | null} time */
  #setAnswerBy(time) {
    this.answerBy = time;
    this.#reconnection.change(this.#reconnection.status);
  }
}
