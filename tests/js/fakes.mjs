/** Fakes for the engine: a browser and a server at the level of the socket. */

/** @import { Browser } from "../../streaming/static/streaming/engine/browser.js" */
/** @import { Frame } from "../../streaming/static/streaming/shared/protocol.js" */
/** @import { ViewerListener } from "../../streaming/static/streaming/engine/viewer.js" */

/** @typedef {{seq: number, version?: number, payload?: number[]} & Partial<Omit<Frame, "payload">>} FrameFields */

/**
 * @param {FrameFields} fields
 * @returns {ArrayBuffer} one binary message
 */
export function frameBytes({ seq, version = 1, kind = 1, flags = 0, epoch = 0, readAt = 0, payload = [] }) {
  const message = new ArrayBuffer(24 + payload.length);
  const header = new DataView(message);
  header.setUint8(0, version);
  header.setUint8(1, kind);
  header.setUint8(2, flags);
  header.setUint8(3, epoch);
  header.setUint32(4, seq);
  header.setFloat64(8, readAt);
  new Uint8Array(message, 24).set(payload);
  return message;
}

/**
 * @param {Partial<Frame>} fields
 * @returns {Frame}
 */
export function frame(fields) {
  return { kind: 1, flags: 0, epoch: 0, seq: 1, readAt: 0, presentedAt: 0, payload: new Uint8Array(0), ...fields };
}

/** @typedef {{type: string, seq?: number, quality?: string, time?: number, codec?: string}} SentMessage */

export class FakeSocket {
  /** @type {number | null} */
  closedWith = null;
  /** @type {SentMessage[]} without pings */
  sent = [];
  /** @type {SentMessage[]} */
  pings = [];
  // The engine assigns these, as it does on a browser's WebSocket.
  onopen = () => {};
  /** @type {(event: {data: string | ArrayBuffer}) => void} */
  onmessage = () => {};
  /** @type {(event: {code: number}) => void} */
  onclose = () => {};

  /** @param {string} address */
  constructor(address) {
    this.address = address;
  }

  /** @param {string} text */
  send(text) {
    const message = JSON.parse(text);
    (message.type === "ping" ? this.pings : this.sent).push(message);
  }

  /** @param {number} code */
  close(code) {
    this.closedWith ??= code;
  }

  // Actions of the server:

  accept() {
    this.onopen();
  }

  /** @param {object} message */
  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  /** @param {FrameFields} fields */
  sendFrame(fields) {
    this.onmessage({ data: frameBytes(fields) });
  }

  /** @param {number} code @param {object} [error] */
  end(code, error) {
    if (error) this.say({ type: "error", code, ...error });
    this.onclose({ code });
  }
}

export class FakeBitmap {
  closed = false;
  width = 1280;
  height = 720;

  close() {
    this.closed = true;
  }
}

/** A tab's `sessionStorage`. */
class FakeStorage {
  /** @type {Map<string, string>} */
  #items = new Map();

  /** @param {string} key */
  getItem(key) {
    return this.#items.get(key) ?? null;
  }

  /** @param {string} key @param {string} value */
  setItem(key, value) {
    this.#items.set(key, value);
  }

  /** @param {string} key */
  removeItem(key) {
    this.#items.delete(key);
  }
}

/** A browser whose network, decoder and visibility the test controls. */
export class FakeBrowser {
  /** @type {FakeSocket[]} */
  sockets = [];
  /** @type {string[]} */
  fetched = [];
  /** @type {number | null} time of the still that the server has */
  snapshot = null;
  denied = false; // whether stills are answered 401
  random = () => 0.5;
  steady = () => Date.now();
  document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  page = Object.assign(new EventTarget(), {
    location: { protocol: "http:", host: "nvr.test" },
    navigator: { onLine: true },
    sessionStorage: new FakeStorage(),
  });
  VideoDecoder = FakeVideoDecoder;
  EncodedVideoChunk = FakeChunk;

  constructor() {
    const { sockets } = this;
    this.WebSocket = class extends FakeSocket {
      /** @param {string} address */
      constructor(address) {
        super(address);
        sockets.push(this);
      }
    };
  }

  /** @returns {Promise<FakeBitmap>} */
  async decode() {
    return new FakeBitmap();
  }

  /** @param {string} path */
  async fetch(path) {
    this.fetched.push(path);
    if (!this.snapshot) return { ok: false, status: this.denied ? 401 : 503, headers: new Headers() };
    const headers = new Headers({ "X-Frame-Time": String(this.snapshot) });
    return { ok: true, headers, blob: async () => new Blob(["jpeg"]) };
  }

  /** @returns {Browser} as the engine takes it: it uses nothing beyond what is here */
  get environment() {
    const decode = () => this.decode();
    const fetch = (/** @type {string} */ path) => this.fetch(path);
    const { WebSocket, VideoDecoder, EncodedVideoChunk, random, steady, page, document } = this;
    const fake = { WebSocket, fetch, decode, VideoDecoder, EncodedVideoChunk, random, steady, page, document };
    return /** @type {Browser} */ (/** @type {unknown} */ (fake));
  }

  /** The newest connection. */
  get socket() {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("No connection was opened.");
    return socket;
  }

  /** The query of the newest connection. */
  get query() {
    return new URL(this.socket.address).searchParams;
  }

  /** @param {boolean} onLine */
  goOnline(onLine) {
    this.page.navigator.onLine = onLine;
    this.page.dispatchEvent(new Event(onLine ? "online" : "offline"));
  }

  /** @param {"visible" | "hidden"} visibilityState */
  show(visibilityState) {
    this.document.visibilityState = visibilityState;
    this.document.dispatchEvent(new Event("visibilitychange"));
  }
}

/**
 * @param {Partial<ViewerListener>} listener
 * @returns {ViewerListener}
 */
export function listening(listener) {
  const nothing = () => {};
  const pictures = { paint: nothing, onPicture: nothing, onQualityKept: nothing, onVideoFailure: nothing };
  return { ...pictures, onChange: nothing, onTurn: nothing, seenElsewhere: () => false, ...listener };
}

/** Waits until all promises are settled. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

export class FakeChunk {
  /** @param {{type: string, timestamp: number}} fields */
  constructor({ type, timestamp }) {
    this.type = type;
    this.timestamp = timestamp;
  }
}

/** A decoder that gives a picture when the test asks it to. */
export class FakeVideoDecoder {
  /** @type {FakeVideoDecoder[]} */
  static all = [];
  static throws = false;
  /** @type {string[]} codecs that it does not play */
  static unsupported = [];
  state = "unconfigured";
  /** @type {FakeChunk[]} */
  chunks = [];
  /** @type {VideoDecoderConfig} */
  configuration = { codec: "" };
  #output;
  #error;

  /** @param {{output: (picture: FakeBitmap) => void, error: (error: DOMException) => void}} listener */
  constructor({ output, error }) {
    this.#output = output;
    this.#error = error;
    FakeVideoDecoder.all.push(this);
  }

  /** @param {VideoDecoderConfig} config */
  static async isConfigSupported(config) {
    return { supported: !FakeVideoDecoder.unsupported.includes(config.codec), config };
  }

  /** The newest decoder. */
  static get newest() {
    const decoder = FakeVideoDecoder.all.at(-1);
    if (!decoder) throw new Error("No decoder was made.");
    return decoder;
  }

  /** @param {VideoDecoderConfig} configuration */
  configure(configuration) {
    this.configuration = configuration;
    this.state = "configured";
  }

  /** @param {FakeChunk} chunk */
  decode(chunk) {
    if (FakeVideoDecoder.throws) throw new DOMException("no", "DataError");
    this.chunks.push(chunk);
  }

  close() {
    this.state = "closed";
  }

  /** @param {number} index of the chunk whose picture is done */
  show(index) {
    const picture = Object.assign(new FakeBitmap(), { timestamp: this.chunks[index].timestamp });
    this.#output(picture);
    return picture;
  }

  /** @param {string} name */
  fail(name) {
    this.state = "closed";
    this.#error(new DOMException("Decoding error.", name));
  }
}
