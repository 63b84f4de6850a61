import { CloseCode, ServerMessage, ViewerMessage, parseFrame } from "../shared/protocol.js";

const OPEN_TIMEOUT = 10_000; // ms
const PING_INTERVAL = 5_000; // ms
const SILENCE = 12_000; // ms without any message, pongs included: the connection is dead though nobody said so

export const CONNECTION_LOST = 1006; // what browsers report when no close frame arrived

/**
 * @typedef {object} Listener
 * @property {(message: Record<string, any>) => void} onMessage a text message other than `pong` and `error`
 * @property {(frame: import("../shared/protocol.js").Frame) => void} onFrame
 * @property {(end: {code: number, opened: boolean, error: Record<string, any> | null}) => void} onEnd at most once,
 *   and never after `close()`; `error` is the server's last word
 */

/** One WebSocket, from opening to close: parses what arrives, measures the server's clock and notices a dead link. */
export class Connection {
  #socket;
  #clock;
  /** @type {Listener | null} null once ended */
  #listener;
  #opened = false;
  #error = null;
  #now;
  #heard = 0; // by `steady`
  #openTimer;
  #pingTimer;

  /**
   * @param {string} address
   * @param {import("./clock.js").ServerClock} clock
   * @param {Listener} listener
   * @param {{WebSocket: typeof WebSocket, steady: () => number}} browser
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

  /** @param {Record<string, unknown>} message */
  send(message) {
    if (this.#listener && this.#opened) this.#socket.send(JSON.stringify(message));
  }

  /** Give the slot back at once. */
  close() {
    this.#listener = null;
    this.#stop();
  }

  #onOpen() {
    this.#opened = true;
    this.#heard = this.#now();
    clearTimeout(this.#openTimer);
    this.#pingTimer = setInterval(() => this.#ping(), PING_INTERVAL);
    this.#ping();
  }

  #ping() {
    if (this.#now() - this.#heard > SILENCE) this.#end(CONNECTION_LOST);
    else this.send({ type: ViewerMessage.PING, time: Date.now() });
  }

  /** @param {string | ArrayBuffer} data */
  #onMessage(data) {
    if (!this.#listener) return;
    this.#heard = this.#now();
    let message;
    try {
      message = typeof data === "string" ? JSON.parse(data) : parseFrame(data);
    } catch {
      this.#end(CloseCode.PROTOCOL_ERROR); // a server of another version than this page
      return;
    }
    if (typeof data !== "string") this.#listener.onFrame(message);
    else if (message.type === ServerMessage.PONG) this.#clock.sample(message.time, Date.now(), message.server_time);
    else if (message.type === ServerMessage.ERROR) this.#error = message;
    else this.#listener.onMessage(message);
  }

  /** @param {number} code */
  #end(code) {
    const listener = this.#listener;
    this.#listener = null;
    this.#stop();
    listener?.onEnd({ code, opened: this.#opened, error: this.#error });
  }

  #stop() {
    clearTimeout(this.#openTimer);
    clearInterval(this.#pingTimer);
    this.#socket.close(CloseCode.NORMAL);
  }
}
