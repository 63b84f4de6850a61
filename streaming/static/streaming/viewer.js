import { Backoff } from "./backoff.js";
import { ServerClock } from "./clock.js";
import { Connection } from "./connection.js";
import {
  FrameKind,
  Outcome,
  Reason,
  ServerMessage,
  StreamState,
  ViewerMessage,
  defaultReason,
  outcomeOf,
  streamAddress,
} from "./protocol.js";
import { LocalReason, State } from "./states.js";
import { Stills } from "./stills.js";

const STALE_AFTER = 2_000; // ms
const HIDDEN_GRACE = 15_000; // ms a hidden page keeps its slot
const SLOT_RELEASE = 300; // ms in which the server gets a slot back: else a retry could be refused because of itself
const SNAPSHOT_INTERVAL = 2_000; // ms
const OPENINGS_BEFORE_FALLBACK = 3; // in a row that failed before the socket was open

/** @typedef {{kind: "live" | "snapshot", takenAt: number}} Picture `takenAt`: the server's clock, Unix milliseconds */

/** @returns {object} what the engine needs of a browser; tests hand in their own */
const browser = () => ({
  WebSocket: window.WebSocket,
  fetch: window.fetch.bind(window),
  decode: (blob) => createImageBitmap(blob),
  random: Math.random,
  page: window,
  document,
});

/**
 * One viewing of one camera: socket, states, reconnecting, acknowledgements. Draws nothing: each decoded picture goes to
 * `paint`, which owns the bitmap from then on and closes it. Dispatches `change` (status or quality) and `picture`.
 */
export class Viewer extends EventTarget {
  /** @type {import("./states.js").Status} */
  status = { state: State.IDLE, reason: null, message: null, inUse: null, limit: null };
  /** @type {Picture | null} the one on the screen */
  picture = null;
  /** @type {string | null} the quality that is being sent */
  quality = null;

  #cameraId;
  #wanted;
  #paint;
  #env;
  #clock = new ServerClock();
  #backoff;
  #stills;
  /** @type {Connection | null} */
  #connection = null;
  #failedOpenings = 0;
  #received = 0; // seq
  #decoded = 0; // seq
  #liveAfter = 0; // frames up to this seq came before the server said that the camera was lost
  #suspended = false;
  #retryTimer;
  #staleTimer;
  #hiddenTimer;
  #listening = new AbortController();

  /**
   * @param {object} options
   * @param {string} options.cameraId
   * @param {string | null} options.quality null: the server's default
   * @param {(bitmap: ImageBitmap) => void} options.paint
   * @param {object} [options.environment]
   */
  constructor({ cameraId, quality, paint, environment = browser() }) {
    super();
    this.#env = environment;
    this.#cameraId = cameraId;
    this.#wanted = quality;
    this.#paint = paint;
    this.#backoff = new Backoff(this.#env.random);
    this.#stills = new Stills(cameraId, (blob, takenAt) => this.#showStill(blob, takenAt), this.#env.fetch);
  }

  open() {
    if (this.status.state !== State.IDLE) return;
    const on = (target, type, listener) =>
      target.addEventListener(type, listener, { signal: this.#listening.signal });
    on(this.#env.document, "visibilitychange", () => this.#onVisibility());
    on(this.#env.page, "online", () => this.#hurry());
    on(this.#env.page, "pagehide", () => this.#suspend());
    on(this.#env.page, "pageshow", () => this.#resume());
    this.#start();
  }

  /** Try again now, whatever ended the last try. */
  retry() {
    if (this.#listening.signal.aborted) return;
    const held = this.#connection !== null;
    this.#disconnect();
    this.#suspended = false;
    this.#backoff.reset();
    this.#failedOpenings = 0;
    this.#start(held ? SLOT_RELEASE : 0);
  }

  /** Give the slot back. May be called at any time, and more than once. */
  close() {
    if (this.#listening.signal.aborted) return;
    this.#listening.abort();
    clearTimeout(this.#hiddenTimer);
    this.#stills.stop();
    this.#disconnect();
    this.#change(State.CLOSED);
  }

  /** @param {string} quality */
  setQuality(quality) {
    this.#wanted = quality;
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
    this.#received = this.#decoded = this.#liveAfter = 0;
    const connection = new Connection(
      streamAddress(this.#cameraId, this.#wanted, this.#env.page.location),
      this.#clock,
      {
        onMessage: (message) => this.#onMessage(message),
        onFrame: (frame) => this.#onFrame(frame, connection),
        onEnd: (end) => this.#onEnd(end),
      },
      this.#env.WebSocket,
    );
    this.#connection = connection;
  }

  #disconnect() {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#staleTimer);
    this.#connection?.close();
    this.#connection = null;
  }

  #onMessage(message) {
    this.#failedOpenings = 0;
    if (message.type === ServerMessage.STATUS) this.#onStatus(message);
    if (message.type === ServerMessage.INFO && this.#wanted && this.#wanted !== message.quality) {
      this.setQuality(this.#wanted); // chosen while the connection was being opened
    }
    if (message.type === ServerMessage.INFO || message.type === ServerMessage.QUALITY_CHANGED) {
      this.quality = message.quality;
      this.dispatchEvent(new Event("change"));
    }
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

  /** Decode, acknowledge, paint; in this order, so that the server waits for what this machine can decode. */
  async #onFrame(frame, connection) {
    this.#received = frame.seq;
    const bitmap = await this.#decode(frame);
    if (connection !== this.#connection || frame.seq <= this.#decoded) {
      bitmap?.close();
      return;
    }
    this.#decoded = frame.seq;
    // A picture that cannot be decoded is acknowledged too: the next one may be sound.
    connection.send({ type: ViewerMessage.ACK, seq: frame.seq });
    if (!bitmap) return;
    this.#show(bitmap, { kind: "live", takenAt: frame.readAt });
    if (frame.seq > this.#liveAfter) this.#onLivePicture();
  }

  #onLivePicture() {
    clearTimeout(this.#staleTimer);
    this.#staleTimer = setTimeout(() => this.#change(State.STALE), STALE_AFTER);
    if (this.status.state === State.LIVE) return;
    this.#stills.stop();
    this.#backoff.reset();
    this.#change(State.LIVE);
  }

  /** @returns {Promise<ImageBitmap | null>} */
  async #decode({ kind, payload }) {
    if (kind !== FrameKind.JPEG) return null;
    return this.#env.decode(new Blob([payload], { type: "image/jpeg" })).catch(() => null);
  }

  /** A still never replaces a newer picture. */
  async #showStill(blob, takenAt) {
    const bitmap = await this.#env.decode(blob).catch(() => null);
    const late = this.#listening.signal.aborted || takenAt <= (this.picture?.takenAt ?? 0);
    if (late) bitmap?.close();
    else if (bitmap) this.#show(bitmap, { kind: "snapshot", takenAt });
  }

  #show(bitmap, picture) {
    this.picture = picture;
    this.#paint(bitmap);
    this.dispatchEvent(new Event("picture"));
  }

  #onEnd({ code, opened, error }) {
    this.#disconnect();
    this.#failedOpenings = opened ? 0 : this.#failedOpenings + 1;
    const reason = error?.reason ?? defaultReason(code) ?? LocalReason.CONNECTION_LOST;
    const facts = { reason, message: error?.message, inUse: error?.in_use, limit: error?.limit };
    const outcome = outcomeOf(code, reason);
    if (outcome === Outcome.REFUSED) this.#stop(State.REFUSED, facts);
    else if (outcome === Outcome.ENDED) this.#stop(State.CLOSED, facts);
    else if (outcome === Outcome.UNAVAILABLE) this.#fallBack(facts);
    else this.#reconnectLater(facts, error?.retry_after ?? 0);
  }

  /** Until the viewer asks again. A refused one sees one still behind the refusal. */
  #stop(state, facts) {
    if (state === State.REFUSED) this.#stills.once();
    else this.#stills.stop();
    this.#change(state, facts);
  }

  /** @param {number} atLeast seconds */
  #reconnectLater(facts, atLeast) {
    const wait = Math.max(this.#backoff.next(), atLeast * 1000);
    this.#retryTimer = setTimeout(() => this.#connect(), wait);
    if (this.#failedOpenings >= OPENINGS_BEFORE_FALLBACK) this.#fallBack({ reason: LocalReason.NO_WEBSOCKET });
    else this.#change(State.RECONNECTING, facts);
  }

  #fallBack(facts) {
    this.#stills.every(SNAPSHOT_INTERVAL);
    this.#change(State.UNAVAILABLE, facts);
  }

  #onVisibility() {
    clearTimeout(this.#hiddenTimer);
    if (this.#env.document.visibilityState === "visible") {
      this.#resume();
      this.#hurry();
    } else {
      this.#hiddenTimer = setTimeout(() => this.#suspend(), HIDDEN_GRACE);
    }
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

  #change(state, { reason = null, message = null, inUse = null, limit = null } = {}) {
    this.status = { state, reason, message, inUse, limit };
    this.dispatchEvent(new Event("change"));
  }
}
