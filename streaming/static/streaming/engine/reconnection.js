import { Presence } from "./presence.js";
import { Reason } from "../shared/protocol.js";
import { RetryPolicy } from "./retry-policy.js";
import { LocalReason, NO_FACTS, State } from "./states.js";
import { StillSchedule } from "./still-schedule.js";

/** @import { ViewerMessages } from "../shared/protocol.js" */
/** @import { Browser } from "./browser.js" */
/** @import { Claim } from "./claim.js" */
/** @import { ServerClock } from "./clock.js" */
/** @import { End } from "./connection.js" */
/** @import { LiveStream } from "./live-stream.js" */
/** @import { Admission } from "./openings.js" */
/** @import { Facts, Status } from "./states.js" */
/** @import { Stills } from "./stills.js" */

export const SLOT_RELEASE = 300; // ms in which the server frees a slot: an earlier retry could be refused because of itself

/**
 * @typedef {object} ReconnectionListener
 * @property {(claim: Claim["query"], onEnd: (end: End) => void) => LiveStream} connect
 * @property {() => void} onStatus
 * @property {() => void} onTouch somebody uses the page
 * @property {() => boolean} seenElsewhere whether the picture is visible although the page is hidden
 */

/** @typedef {{stills: Stills, claim: Claim, openings: Admission, clock: ServerClock}} Parts of the same viewing */

/** Keeps a viewing connected while somebody looks. Fetches stills while there is no live picture. */
export class Reconnection {
  /** @type {Status} */
  status = { ...NO_FACTS, state: State.IDLE, offline: false };
  #stills;
  #claim;
  #openings;
  #listener;
  #browser;
  #policy;
  /** @type {Presence | null} */
  #presence = null;
  /** @type {LiveStream | null} */
  #stream = null;
  #suspended = false;
  #closed = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Parts} parts @param {ReconnectionListener} listener @param {Browser} browser */
  constructor({ stills, claim, openings, clock }, listener, browser) {
    const isSeen = () => browser.document.visibilityState === "visible" || listener.seenElsewhere();
    this.#stills = new StillSchedule(stills, isSeen);
    this.#claim = claim;
    this.#openings = openings;
    this.#listener = listener;
    this.#browser = browser;
    this.#policy = new RetryPolicy(clock, browser);
  }

  open() {
    if (this.status.state !== State.IDLE) return;
    this.#presence = new Presence(this.#browser, {
      leave: () => this.#suspend(),
      comeBack: () => this.#resume(),
      onNetwork: () => this.#onNetwork(),
      hurry: () => this.#hurry(),
      onTouch: () => this.#listener.onTouch(),
      staysConnected: () => this.#claim.keepsHiddenPage || this.#listener.seenElsewhere(),
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
    this.#claim.onClose();
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

  /** @param {number} takenAt the server's clock, Unix milliseconds */
  onLivePicture(takenAt) {
    if (this.status.state !== State.LIVE && this.#policy.onLive(takenAt)) this.change({ state: State.LIVE });
  }

  /** @param {Partial<Facts> & {state: State}} place in line */
  onPlace(place) {
    this.#policy.onPlace();
    this.change(place);
  }

  /** @param {number} takenAt the server's clock, Unix milliseconds */
  onStill(takenAt) {
    const delay = this.#policy.afterStill(takenAt);
    if (delay !== null) this.#timer = setTimeout(() => this.#connect(), delay);
  }

  /** Ends the viewing if only stills are left: a connection would report it by itself. */
  onLoggedOut() {
    if (this.status.state === State.UNAVAILABLE) this.end({ state: State.CLOSED, reason: Reason.NOT_AUTHENTICATED });
  }

  /**
   * Ends the connection, until the user asks for another.
   * @param {Partial<Facts> & {state: State}} status
   */
  end(status) {
    this.#disconnect();
    this.#claim.forget();
    this.change(status);
  }

  /** @param {Partial<Facts> & {state: State}} status */
  change(status) {
    this.status = { ...NO_FACTS, ...status, offline: !this.#browser.page.navigator.onLine };
    if (!this.#suspended) this.#stills.follow(this.status.state);
    this.#openings.follow(this, this.status);
    this.#listener.onStatus();
  }

  /** @param {number} delay ms */
  #start(delay) {
    this.change({ state: State.CONNECTING });
    if (delay) this.#timer = setTimeout(() => this.#connect(), delay);
    else this.#connect();
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#openings.request(this, {
      open: () => (this.#stream = this.#listener.connect(this.#claim.query, (end) => this.#onEnd(end))),
      hold: () => this.status.state !== State.WAITING && this.change({ state: State.WAITING }),
    });
  }

  #disconnect() {
    clearTimeout(this.#timer);
    this.#openings.cancel(this);
    if (this.#stream) this.#claim.onEnd();
    this.#stream?.close();
    this.#stream = null;
  }

  /** @param {End} end */
  #onEnd(end) {
    this.#disconnect();
    const next = this.#policy.after(end);
    const { state, reason } = next.status;
    if (state === State.REFUSED || state === State.CLOSED || reason === Reason.YIELDED) this.#claim.forget();
    const { status, delay } = this.#openings.persist(next);
    if (delay !== null) this.#timer = setTimeout(() => this.#connect(), delay);
    this.change(status);
  }

  /** A browser may be wrong about its network: a picture that is taken later makes the state live again. */
  #onNetwork() {
    this.change(this.status);
    this.#policy.onNetwork(this.status.offline);
    if (this.status.offline && this.status.state === State.LIVE) this.change({ state: State.STALE });
  }

  /** Frees the slot while nobody looks. */
  #suspend() {
    const { state } = this.status;
    if (this.#suspended || state === State.REFUSED || state === State.CLOSED) return;
    this.#suspended = true;
    this.#stills.follow(State.IDLE);
    this.#disconnect();
    if (state !== State.UNAVAILABLE) this.change({ state: State.RECONNECTING, reason: LocalReason.HIDDEN });
  }

  #resume() {
    if (!this.#suspended) return;
    this.#suspended = false;
    this.#stills.follow(this.status.state);
    if (this.#retriesByItself) this.#connect();
    else this.#policy.awaitCamera();
  }

  #hurry() {
    if (this.#stream === null && !this.#suspended && this.#retriesByItself) this.#connect();
  }

  get #retriesByItself() {
    const { state, reason } = this.status;
    return state === State.RECONNECTING || reason === LocalReason.NO_WEBSOCKET;
  }
}
