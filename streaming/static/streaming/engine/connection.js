import { CloseCode, ServerMessage, ViewerMessage, parseFrame } from "../shared/protocol.js";

/** @import { ErrorMessage, Frame, InfoMessage, PongMessage, StreamMessage, ViewerMessages } from "../shared/protocol.js" */
/** @import { Browser } from "./browser.js" */
/** @import { ServerClock } from "./clock.js" */

const OPEN_TIMEOUT = 10_000; // ms
const PING_INTERVAL = 5_000; // ms
const SILENCE = 12_000; // ms without any message, pongs included: the link is dead, although no close arrived

export const CONNECTION_LOST = 1006; // browsers report it when no close frame arrived

/**
 * How a connection ended.
 * @typedef {object} End
 * @property {number} code
 * @property {boolean} opened
 * @property {boolean} admitted whether it held a slot
 * @property {ErrorMessage | null} error the last `error` message of the server
 */

/**
 * @typedef {object} ConnectionListener
 * @property {(message: StreamMessage) => void} onMessage called for each text message other than `pong` and `error`
 * @property {(message: InfoMessage | PongMessage) => void} onStreams called for a message with facts of the camera's own video
 * @property {(frame: Frame) => void} onFrame
 * @property {(end: End) => void} onEnd called at most once, and never after `close()`
 */

/** One WebSocket, from opening to close. Parses messages, measures the server's clock and detects a dead link. */
export class Connection {
  #socket;
  #clock;
  /** @type {ConnectionListener | null} null after the end */
  #listener;
  #opened = false;
  #admitted = false;
  /** @type {ErrorMessage | null} */
  #error = null;
  #now;
  #heardAt = 0; // by `steady`
  #pingedAt = 0; // by `steady`
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #openTimer;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #pingTimer;

  /**
   * @param {string} address
   * @param {ServerClock} clock
   * @param {ConnectionListener} listener
   * @param {Pick<Browser, "WebSocket" | "steady">} browser
   */
  constructor(address, clock, listener, { WebSocket: Socket, steady }) {
    this.#clock = clock;
    this.#listener = listener;
    this.#now = steady;
    this.#socket = new Socket(address);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.#onOpen();
    this.#socket.onmessage = (event) => this.#onMessage(event.data);
    this.#socket.onclose = (event) => this.#end(event.code);
    this.#openTimer = setTimeout(() => this.#end(CONNECTION_LOST), OPEN_TIMEOUT);
  }

  /** @param {ViewerMessages} message */
  send(message) {
    if (this.#listener && this.#opened) this.#socket.send(JSON.stringify(message));
  }

  /** Frees the slot at once. */
  close() {
    this.#listener = null;
    this.#stop();
  }

  #onOpen() {
    this.#opened = true;
    this.#heardAt = this.#now();
    clearTimeout(this.#openTimer);
    this.#pingTimer = setInterval(() => this.#ping(), PING_INTERVAL);
    this.#ping();
  }

  #ping() {
    const unanswered = this.#heardAt < this.#pingedAt; // a hidden page's timers run once a minute: silence before a ping is none
    if (unanswered && this.#now() - this.#heardAt > SILENCE) return this.#end(CONNECTION_LOST);
    this.#pingedAt = this.#now();
    this.send({ type: ViewerMessage.PING, time: Date.now() });
  }

  /** @param {string | ArrayBuffer} data */
  #onMessage(data) {
    if (!this.#listener) return;
    this.#heardAt = this.#now();
    let frame;
    let message;
    try {
      if (typeof data === "string") message = JSON.parse(data);
      else frame = parseFrame(data);
    } catch {
      this.#end(CloseCode.PROTOCOL_ERROR); // the server's version differs from this page's
      return;
    }
    if (frame) this.#listener.onFrame(frame);
    else this.#onText(message, this.#listener);
  }

  /**
   * @param {StreamMessage | PongMessage | ErrorMessage} message
   * @param {ConnectionListener} listener
   */
  #onText(message, listener) {
    if ("streams" in message) listener.onStreams(message);
    if (message.type === ServerMessage.PONG) this.#clock.sample(message.time, Date.now(), message.server_time);
    else if (message.type === ServerMessage.ERROR) this.#error = message;
    else {
      this.#admitted ||= message.type === ServerMessage.INFO;
      listener.onMessage(message);
    }
  }

  /** @param {number} code */
  #end(code) {
    const listener = this.#listener;
    this.#listener = null;
    this.#stop();
    listener?.onEnd({ code, opened: this.#opened, admitted: this.#admitted, error: this.#error });
  }

  #stop() {
    clearTimeout(this.#openTimer);
    clearInterval(this.#pingTimer);
    this.#socket.close(CloseCode.NORMAL);
  }
}
