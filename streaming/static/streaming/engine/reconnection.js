import { Presence } from "./presence.js";
import { Reason } from "../shared/protocol.js";
import { RetryPolicy } from "./retry-policy.js";
import { LocalReason, State } from "./states.js";

/** @import { ViewerMessages } from "../shared/protocol.js" */
/** @import { Browser } from "./browser.js" */
/** @import { ServerClock } from "./clock.js" */
/** @import { End } from "./connection.js" */
/** @import { LiveStream } from "./live-stream.js" */
/** @import { Status } from "./states.js" */
/** @import { Stills } from "./stills.js" */

export const SLOT_RELEASE = 300; // ms in which the server frees a slot: an earlier retry could be refused because of itself
const STILL_INTERVAL = 2_000; // ms

/**
 * @typedef {object} ReconnectionListener
 * @property {(onEnd: (end: End) => void) => LiveStream} connect
 * @property {() => void} onStatus
 * @property {() => boolean} seenElsewhere whether the picture is visible although the page is hidden
 */

/** Keeps a viewing connected while somebody looks. Fetches stills while there is no live picture. */
export class Reconnection {
  /** @type {Status} */
  status = { state: State.IDLE, reason: null, message: null, inUse: null, limit: null, until: null, offline: false };
  #stills;
  #clock;
  #listener;
  #browser;
  #policy;
  /** @type {Presence | null} */
  #presence = null;
  /** @type {LiveStream | null} */
  #stream = null;
  #admitted = false; // on this connection
  #suspended = false;
  #closed = false;
  #lostAt = Infinity; // by the server's clock: a newer still means that the lost camera is back; Infinity: none is lost
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {Stills} stills
   * @param {ServerClock} clock
   * @param {ReconnectionListener} listener
   * @param {Browser} browser
   */
  constructor(stills, clock, listener, browser) {
    this.#stills = stills;
    this.#clock = clock;
    this.#listener = listener;
    this.#browser = browser;
    this.#policy = new RetryPolicy(browser);
  }

  open() {
    if (this.status.state !== State.IDLE) return;
    this.#presence = new Presence(this.#browser, {
      leave: () => this.#suspend(),
      comeBack: () => this.#resume(),
      onNetwork: () => this.#onNetwork(),
      hurry: () => this.#hurry(),
      seenElsewhere: () => this.#listener.seenElsewhere(),
    });
    this.#start(0);
  }

  /** Connects now, whatever ended the last attempt. */
  retry() {
    if (this.#closed) return;
    const held = this.#stream !== null;
    this.#disconnect();
    this.#suspended = false;
    this.#policy.reset();
    this.#start(held ? SLOT_RELEASE : 0);
  }

  /** Frees the slot. May be called at any time, and more than once. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#presence?.stop();
    this.#stills.stop();
    this.#disconnect();
    this.change({ state: State.CLOSED });
  }

  /** @param {ViewerMessages} message */
  send(message) {
    this.#stream?.send(message);
  }

  onMessage() {
    this.#policy.onMessage();
  }

  onAdmitted() {
    this.#admitted = true;
  }

  onLivePicture() {
    if (this.status.state === State.LIVE) return;
    this.#stills.stop();
    this.#policy.onLive();
    this.change({ state: State.LIVE });
  }

  /** @param {number} takenAt the server's clock, Unix milliseconds */
  onStill(takenAt) {
    if (takenAt <= this.#lostAt) return;
    this.#lostAt = Infinity;
    this.#timer = setTimeout(() => this.#connect(), this.#policy.cameraDelay());
  }

  /** Ends the viewing if only stills are left: a connection would report it by itself. */
  onLoggedOut() {
    if (this.status.state !== State.UNAVAILABLE) return;
    this.#disconnect();
    this.#stills.stop();
    this.change({ state: State.CLOSED, reason: Reason.NOT_AUTHENTICATED });
  }

  /** @param {Partial<Status> & {state: State}} status */
  change({ state, reason = null, message = null, inUse = null, limit = null, until = null }) {
    const offline = !this.#browser.page.navigator.onLine;
    this.status = { state, reason, message, inUse, limit, until, offline };
    this.#listener.onStatus();
  }

  /** @param {number} delay ms */
  #start(delay) {
    this.change({ state: State.CONNECTING });
    this.#stills.once();
    if (delay) this.#timer = setTimeout(() => this.#connect(), delay);
    else this.#connect();
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#admitted = false;
    this.#stream = this.#listener.connect((end) => this.#onEnd(end));
  }

  #disconnect() {
    clearTimeout(this.#timer);
    this.#lostAt = Infinity;
    this.#stream?.close();
    this.#stream = null;
  }

  /** @param {End} end */
  #onEnd(end) {
    this.#disconnect();
    const { status, delay } = this.#policy.after(end, this.#admitted);
    if (delay !== null) this.#timer = setTimeout(() => this.#connect(), delay);
    if (status.state === State.REFUSED) this.#stills.once();
    if (status.state === State.CLOSED) this.#stills.stop();
    this.change(status);
    this.#pollStills();
  }

  /** Fetches stills while the stream is unavailable. If its camera is, they also tell when it is back. */
  #pollStills() {
    if (this.status.state !== State.UNAVAILABLE) return;
    if (!this.#retriesByItself) this.#lostAt = this.#clock.now();
    this.#stills.every(STILL_INTERVAL);
  }

  /** A browser may be wrong about its network: the next live picture makes the state live again. */
  #onNetwork() {
    this.change(this.status);
    if (this.status.offline && this.status.state === State.LIVE) this.change({ state: State.STALE });
  }

  /** Frees the slot while nobody looks. */
  #suspend() {
    const { state } = this.status;
    if (this.#suspended || state === State.REFUSED || state === State.CLOSED) return;
    this.#suspended = true;
    this.#stills.stop();
    this.#disconnect();
    if (state !== State.UNAVAILABLE) this.change({ state: State.RECONNECTING, reason: LocalReason.HIDDEN });
  }

  #resume() {
    if (!this.#suspended) return;
    this.#suspended = false;
    this.#pollStills();
    if (this.#retriesByItself) this.#connect();
  }

  #hurry() {
    if (this.#stream === null && !this.#suspended && this.#retriesByItself) this.#connect();
  }

  get #retriesByItself() {
    const { state, reason } = this.status;
    return state === State.RECONNECTING || reason === LocalReason.NO_WEBSOCKET;
  }
}
