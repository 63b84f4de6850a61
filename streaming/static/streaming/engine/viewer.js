import { Acknowledgements } from "./acknowledgements.js";
import { Backoff } from "./backoff.js";
import { browser } from "./browser.js";
import { ServerClock } from "./clock.js";
import { CONNECTION_LOST, Connection } from "./connection.js";
import { Decoding } from "./decoding.js";
import { Figures } from "./figures.js";
import { Presence } from "./presence.js";
import {
  Outcome,
  Reason,
  ServerMessage,
  StreamState,
  ViewerMessage,
  defaultReason,
  outcomeOf,
  streamAddress,
} from "../shared/protocol.js";
import { LocalReason, State } from "./states.js";
import { Stills } from "./stills.js";
import { Traffic } from "./traffic.js";

const STALE_AFTER = 2_000; // ms
const SLOT_RELEASE = 300; // ms in which the server gets a slot back: else a retry could be refused because of itself
const SNAPSHOT_INTERVAL = 2_000; // ms
const GHOST = 20_000; // ms for which the slot of a lost connection may still be taken: the server waits 10 s for a sign, or a lease
const GHOST_RETRY = 4_000; // ms between two tries in that time, at most
const OPENINGS_BEFORE_FALLBACK = 3; // in a row that failed before the socket was open

/** @typedef {{kind: "live" | "snapshot", takenAt: number}} Picture `takenAt`: the server's clock, Unix milliseconds */

/**
 * One viewing of one camera: socket, states, reconnecting, acknowledgements. Draws nothing: each decoded picture goes to
 * `paint`, which owns it from then on and closes it. Dispatches `change` (status or quality), `picture`, and `videofailure`
 * when the camera's own video cannot be played here.
 */
export class Viewer extends EventTarget {
  /** @type {import("./states.js").Status} */
  status = { state: State.IDLE, reason: null, message: null, inUse: null, limit: null, until: null };
  /** @type {Picture | null} the one on the screen */
  picture = null;
  /** @type {string | null} the quality that is being sent */
  quality = null;
  /** @type {string | null} the quality that was asked for; null: the server's default */
  wanted;
  figures = new Figures();
  gate = { inUse: null, limit: null }; // when this viewing was admitted
  seenElsewhere = false; // in picture in picture: a hidden page keeps its stream

  #cameraId;
  #video;
  #traffic;
  #paint;
  #env;
  #clock = new ServerClock();
  #backoff;
  #stills;
  /** @type {Connection | null} */
  #connection = null;
  #decoding;
  #acknowledgements;
  #presence;
  #failedOpenings = 0;
  #received = 0; // seq
  #liveAfter = 0; // frames up to this seq came before the server said that the camera was lost
  #admitted = false; // on this connection
  #ghostUntil = -Infinity; // `steady` time
  #suspended = false;
  #retryTimer;
  #staleTimer;
  #closed = false;

  /**
   * @param {object} options
   * @param {string} options.cameraId
   * @param {string | null} options.quality null: the server's default
   * @param {boolean} [options.video] whether H.264 can be played here
   * @param {Traffic} [options.traffic] where what arrives is counted
   * @param {(picture: ImageBitmap | VideoFrame) => void} options.paint
   * @param {object} [options.environment]
   */
  constructor({ cameraId, quality, video = false, traffic = new Traffic(), paint, environment = browser() }) {
    super();
    this.#env = environment;
    this.#cameraId = cameraId;
    this.wanted = quality;
    this.#video = video;
    this.#traffic = traffic;
    this.#paint = paint;
    this.#backoff = new Backoff(this.#env.random);
    this.#stills = new Stills(
      cameraId,
      (blob, takenAt) => this.#showStill(blob, takenAt),
      () => this.#onLoggedOut(),
      this.#env.fetch,
    );
  }

  open() {
    if (this.status.state !== State.IDLE) return;
    this.#presence = new Presence(this.#env, {
      leave: () => this.#suspend(),
      comeBack: () => this.#resume(),
      hurry: () => this.#hurry(),
      seenElsewhere: () => this.seenElsewhere,
    });
    this.#start();
  }

  /** Try again now, whatever ended the last try. */
  retry() {
    if (this.#closed) return;
    const held = this.#connection !== null;
    this.#disconnect();
    this.#suspended = false;
    this.#backoff.reset();
    this.#failedOpenings = 0;
    this.#start(held ? SLOT_RELEASE : 0);
  }

  /** Give the slot back. May be called at any time, and more than once. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#presence?.stop();
    this.#stills.stop();
    this.#disconnect();
    this.#change(State.CLOSED);
  }

  /** @param {string} quality */
  setQuality(quality) {
    this.wanted = quality;
    this.#connection?.send({ type: ViewerMessage.QUALITY_CHANGE, quality });
  }

  /** @returns {number | null} seconds since the picture on the screen was taken */
  get age() {
    return this.picture && Math.max(0, this.#clock.now() - this.picture.takenAt) / 1000;
  }

  #start(wait = 0) {
    this.#change(State.CONNECTING);
    this.#stills.once();
    if (wait) this.#retryTimer = setTimeout(() => this.#connect(), wait);
    else this.#connect();
  }

  #connect() {
    clearTimeout(this.#retryTimer);
    this.#received = this.#liveAfter = 0;
    this.#admitted = false;
    const connection = new Connection(
      streamAddress(this.#cameraId, this.wanted, this.#env.page.location, this.#video),
      this.#clock,
      {
        onMessage: (message) => this.#onMessage(message),
        onFrame: (frame) => this.#onFrame(frame),
        onEnd: (end) => this.#onEnd(end),
      },
      this.#env,
    );
    this.#connection = connection;
    this.#acknowledgements = new Acknowledgements((seq) => connection.send({ type: ViewerMessage.ACK, seq }), this.#env.steady);
    this.#decoding = new Decoding(this.#env, {
      // Acknowledged when decoded, so that the server waits for what this machine can decode.
      onDone: (frame) => this.#acknowledgements.add(frame, this.#clock.now() - frame.readAt),
      onPicture: (picture, frame) => this.#onPicture(picture, frame),
      onLost: (frame) => this.figures.lost(frame),
      onVideoFailure: () => this.dispatchEvent(new Event("videofailure")),
    });
  }

  #disconnect() {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#staleTimer);
    this.#connection?.close();
    this.#connection = null;
    this.#decoding?.close();
    this.#acknowledgements?.stop();
  }

  #onMessage(message) {
    this.#failedOpenings = 0;
    if (message.type === ServerMessage.STATUS) this.#onStatus(message);
    if (message.type === ServerMessage.INFO) this.#onInfo(message);
    if (message.type === ServerMessage.INFO || message.type === ServerMessage.QUALITY_CHANGED) {
      this.quality = message.quality;
      if (message.codec) this.#decoding.codec = message.codec;
      // Another quality was asked for, and there is no room for it.
      if (message.reason) this.dispatchEvent(new CustomEvent("qualitykept", { detail: message }));
      this.dispatchEvent(new Event("change"));
    }
  }

  #onInfo({ quality, in_use: inUse, limit }) {
    this.#admitted = true;
    this.gate = { inUse, limit };
    if (this.wanted && this.wanted !== quality) this.setQuality(this.wanted); // chosen while it was being opened
  }

  /** `live` needs no answer: the next picture says it better. */
  #onStatus({ state, reason }) {
    if (state === StreamState.RECONNECTING) {
      this.#liveAfter = this.#received;
      clearTimeout(this.#staleTimer);
      this.#change(State.RECONNECTING, { reason });
    } else if (state === StreamState.CONNECTING) {
      const again = this.status.state === State.RECONNECTING;
      this.#change(again ? State.RECONNECTING : State.CONNECTING, { reason });
    }
  }

  #onFrame(frame) {
    this.#received = frame.seq;
    this.figures.received(frame);
    this.#traffic.add(frame);
    this.#decoding.push(frame);
  }

  #onPicture(bitmap, frame) {
    this.#traffic.shown(frame, bitmap);
    this.picture = { kind: "live", takenAt: frame.readAt };
    this.figures.shown(this.age);
    if (frame.seq > this.#liveAfter) this.#onLivePicture(); // so that `picture` finds the state that it makes
    this.#show(bitmap);
  }

  #onLivePicture() {
    clearTimeout(this.#staleTimer);
    this.#staleTimer = setTimeout(() => this.#change(State.STALE), STALE_AFTER);
    if (this.status.state === State.LIVE) return;
    this.#stills.stop();
    this.#backoff.reset();
    this.#change(State.LIVE);
  }

  /** A still never replaces a newer picture. */
  async #showStill(blob, takenAt) {
    const bitmap = await this.#env.decode(blob).catch(() => null);
    const late = this.#closed || takenAt <= (this.picture?.takenAt ?? 0);
    if (late || !bitmap) {
      bitmap?.close();
      return;
    }
    this.picture = { kind: "snapshot", takenAt };
    this.#show(bitmap);
  }

  #show(bitmap) {
    this.#paint(bitmap);
    this.dispatchEvent(new Event("picture"));
  }

  #onEnd({ code, opened, error }) {
    this.#disconnect();
    this.#failedOpenings = opened ? 0 : this.#failedOpenings + 1;
    const reason = error?.reason ?? defaultReason(code) ?? LocalReason.CONNECTION_LOST;
    const retryAfter = (error?.retry_after ?? 0) * 1000;
    const until = retryAfter ? Date.now() + retryAfter : null;
    const facts = { reason, message: error?.message, inUse: error?.in_use, limit: error?.limit, until };
    const outcome = outcomeOf(code, reason);
    const now = this.#env.steady();
    if (this.#admitted && code === CONNECTION_LOST) this.#ghostUntil = now + GHOST;
    // Refused perhaps because of itself: the server may not know yet that the lost connection is gone.
    const ghost = outcome === Outcome.REFUSED && now < this.#ghostUntil;
    if (ghost) this.#reconnectLater({ reason: LocalReason.CONNECTION_LOST }, 0, GHOST_RETRY);
    else if (outcome === Outcome.REFUSED) this.#stop(State.REFUSED, facts);
    else if (outcome === Outcome.ENDED) this.#stop(State.CLOSED, facts);
    else if (outcome === Outcome.UNAVAILABLE) this.#fallBack(facts);
    else this.#reconnectLater(facts, retryAfter);
  }

  /** Until the viewer asks again. A refused one sees one still behind the refusal. */
  #stop(state, facts) {
    if (state === State.REFUSED) this.#stills.once();
    else this.#stills.stop();
    this.#change(state, facts);
  }

  /** @param {number} atLeast ms @param {number} [atMost] ms */
  #reconnectLater(facts, atLeast, atMost = Infinity) {
    const wait = Math.min(Math.max(this.#backoff.next(), atLeast), atMost);
    this.#retryTimer = setTimeout(() => this.#connect(), wait);
    if (this.#failedOpenings >= OPENINGS_BEFORE_FALLBACK) this.#fallBack({ reason: LocalReason.NO_WEBSOCKET });
    else this.#change(State.RECONNECTING, facts);
  }

  #fallBack(facts) {
    this.#stills.every(SNAPSHOT_INTERVAL);
    this.#change(State.UNAVAILABLE, facts);
  }

  /** Where there is a connection, or will be one, that says it. */
  #onLoggedOut() {
    if (this.status.state !== State.UNAVAILABLE) return;
    this.#disconnect();
    this.#stop(State.CLOSED, { reason: Reason.NOT_AUTHENTICATED });
  }

  /** Nobody looks, or the page goes away: give the slot back, and remember to return. */
  #suspend() {
    const { state } = this.status;
    if (this.#suspended || state === State.REFUSED || state === State.CLOSED) return;
    this.#suspended = true;
    this.#stills.stop();
    this.#disconnect();
    if (state !== State.UNAVAILABLE) this.#change(State.RECONNECTING, { reason: LocalReason.HIDDEN });
  }

  #resume() {
    if (!this.#suspended) return;
    this.#suspended = false;
    if (this.status.state === State.UNAVAILABLE) this.#stills.every(SNAPSHOT_INTERVAL);
    if (this.#retriesByItself) this.#connect();
  }

  /** The network or the viewer is back: do not sit out the wait. */
  #hurry() {
    if (this.#connection === null && !this.#suspended && this.#retriesByItself) this.#connect();
  }

  get #retriesByItself() {
    const { state, reason } = this.status;
    return state === State.RECONNECTING || reason === LocalReason.NO_WEBSOCKET;
  }

  #change(state, { reason = null, message = null, inUse = null, limit = null, until = null } = {}) {
    this.status = { state, reason, message, inUse, limit, until };
    this.dispatchEvent(new Event("change"));
  }
}
