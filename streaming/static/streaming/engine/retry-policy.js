/** When to connect again. `outcomeOf` in shared/outcomes.js decides whether a close code is a refusal, an end, or a retry. */

import { Backoff } from "./backoff.js";
import { CONNECTION_LOST } from "./connection.js";
import { Outcome, defaultReason, outcomeOf } from "../shared/outcomes.js";
import { LocalReason, State } from "./states.js";

/** @import { ErrorMessage } from "../shared/protocol.js" */
/** @import { Browser } from "./browser.js" */
/** @import { ServerClock } from "./clock.js" */
/** @import { End } from "./connection.js" */
/** @import { Facts } from "./states.js" */

const GHOST = 20_000; // ms for which a lost connection may still hold its slot: until the server's timeout or the lease's end
const KEPT = 5_000; // ms for which the server keeps the slot of a lost connection: every second counts
const KEPT_DELAYS = [0.5]; // seconds between two attempts in that time
const MAX_GHOST_DELAY = 4_000; // ms between two attempts in that time
const CAMERA_DELAYS = [4, 8, 15, 30]; // seconds between a still of a camera that was away and an attempt to open its stream
const OPENINGS_BEFORE_FALLBACK = 3; // in a row that failed before the socket was open

/**
 * The state and the next attempt after the end of a connection.
 * @typedef {object} Next
 * @property {Partial<Facts> & {state: State}} status
 * @property {number | null} delay milliseconds until the next attempt; null: none, until the user asks for one or the
 *   camera is back
 */

/** Decides after each end of a connection whether and when to connect again. */
export class RetryPolicy {
  #backoff;
  #cameraBackoff;
  #keptBackoff;
  #keptUntil = -Infinity;
  #now;
  #failedOpenings = 0;
  #ghostUntil = -Infinity;
  #lostAt = Infinity; // by the server's clock: a newer still means that the lost camera is back; Infinity: none is lost
  #offlineSince = -Infinity; // by the server's clock
  #clock;

  /** @param {ServerClock} clock @param {Pick<Browser, "random" | "steady">} browser */
  constructor(clock, { random, steady }) {
    this.#clock = clock;
    this.#backoff = new Backoff(random);
    this.#cameraBackoff = new Backoff(random, CAMERA_DELAYS);
    this.#keptBackoff = new Backoff(random, KEPT_DELAYS);
    this.#now = steady;
  }

  /** The user asks for another attempt. */
  reset() {
    this.#backoff.reset();
    this.#cameraBackoff.reset();
    this.#failedOpenings = 0;
    this.#lostAt = Infinity;
  }

  /** A message arrived: the server can be reached. */
  onMessage() {
    this.#failedOpenings = 0;
  }

  /** @param {boolean} offline whether the browser says that it has no network */
  onNetwork(offline) {
    this.#offlineSince = offline ? this.#clock.latest() : -Infinity;
  }

  /**
   * A live picture arrived.
   * @param {number} takenAt by the server's clock
   * @returns {boolean} whether the stream is live; false: the picture was on its way when the browser lost its network
   */
  onLive(takenAt) {
    if (takenAt <= this.#offlineSince) return false;
    this.#backoff.reset();
    this.#cameraBackoff.reset();
    return true;
  }

  /** The viewer has a place in line: after a lost connection, every second counts. */
  onPlace() {
    this.#backoff.reset();
  }

  /** The camera is unavailable from now on: its next still tells that it is back. */
  awaitCamera() {
    this.#lostAt = this.#clock.latest();
  }

  /**
   * @param {number} takenAt time of a still, by the server's clock
   * @returns {number | null} milliseconds until the stream of a camera that is back is opened; null: it was not away
   */
  afterStill(takenAt) {
    if (takenAt <= this.#lostAt) return null;
    this.#lostAt = Infinity;
    return this.#cameraBackoff.next();
  }

  /**
   * @param {End} end
   * @returns {Next}
   */
  after({ code, opened, admitted, error }) {
    this.#failedOpenings = opened ? 0 : this.#failedOpenings + 1;
    const local = opened ? LocalReason.CONNECTION_LOST : LocalReason.NO_WEBSOCKET;
    const reason = error?.reason ?? defaultReason(code) ?? local;
    const retryAfter = (error?.retry_after ?? 0) * 1000;
    const until = retryAfter ? Date.now() + retryAfter : null;
    const facts = { ...factsOf(error), reason, until };
    if (admitted && code === CONNECTION_LOST) {
      this.#ghostUntil = this.#now() + GHOST;
      this.#keptUntil = this.#now() + KEPT;
    }
    switch (outcomeOf(code, reason)) {
      case Outcome.REFUSED:
        // The lost connection may still hold the slot for which this one was refused.
        if (this.#now() < this.#ghostUntil) return this.#reconnect({ reason: LocalReason.CONNECTION_LOST }, 0, MAX_GHOST_DELAY);
        return { status: { ...facts, state: State.REFUSED }, delay: null };
      case Outcome.ENDED:
        return { status: { ...facts, state: State.CLOSED }, delay: null };
      case Outcome.UNAVAILABLE:
        this.awaitCamera();
        return { status: { ...facts, state: State.UNAVAILABLE }, delay: null };
      default:
        if (this.#now() >= this.#keptUntil) return this.#reconnect(facts, retryAfter);
        return { status: { ...facts, state: State.RECONNECTING }, delay: Math.max(this.#keptBackoff.next(), retryAfter) };
    }
  }

  /**
   * @param {Partial<Facts>} facts
   * @param {number} minimum ms
   * @param {number} [maximum] ms
   * @returns {Next}
   */
  #reconnect(facts, minimum, maximum = Infinity) {
    const delay = Math.min(Math.max(this.#backoff.next(), minimum), maximum);
    if (this.#failedOpenings < OPENINGS_BEFORE_FALLBACK) return { status: { ...facts, state: State.RECONNECTING }, delay };
    return { status: { state: State.UNAVAILABLE, reason: LocalReason.NO_WEBSOCKET }, delay };
  }
}

/** @param {ErrorMessage | null} error */
function factsOf(error) {
  const { message = null, in_use: inUse = null, limit = null, waiting = null, yours = [] } = error ?? {};
  return { message, inUse, limit, waiting, yours };
}
