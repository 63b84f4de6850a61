/** What the engine needs of a browser, at the level of the socket, and a server's words for it. */

/** @returns {ArrayBuffer} one binary message */
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

export class FakeSocket {
  closedWith = null;
  /** @type {any[]} without pings */
  sent = [];
  pings = [];

  constructor(address) {
    this.address = address;
  }

  send(text) {
    const message = JSON.parse(text);
    (message.type === "ping" ? this.pings : this.sent).push(message);
  }

  close(code) {
    this.closedWith ??= code;
  }

  // What the server does:

  accept() {
    this.onopen();
  }

  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  sendFrame(fields) {
    this.onmessage({ data: frameBytes(fields) });
  }

  end(code, error) {
    if (error) this.say({ type: "error", code, ...error });
    this.onclose({ code });
  }
}

export class FakeBitmap {
  closed = false;

  close() {
    this.closed = true;
  }
}

/** A browser whose network, decoder and visibility the test holds in its hands. */
export class FakeBrowser {
  /** @type {FakeSocket[]} */
  sockets = [];
  fetched = [];
  snapshot = null;
  denied = false; // of snapshots
  random = () => 0.5;
  steady = () => Date.now();
  document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  page = Object.assign(new EventTarget(), { location: { protocol: "http:", host: "nvr.test" } });
  decode = async () => new FakeBitmap();

  constructor() {
    const { sockets } = this;
    this.WebSocket = class extends FakeSocket {
      constructor(address) {
        super(address);
        sockets.push(this);
      }
    };
    this.fetch = async (path) => {
      this.fetched.push(path);
      if (!this.snapshot) return { ok: false, status: this.denied ? 401 : 503, headers: new Headers() };
      const headers = new Headers({ "X-Frame-Time": String(this.snapshot) });
      return { ok: true, headers, blob: async () => new Blob(["jpeg"]) };
    };
  }

  get socket() {
    return this.sockets.at(-1);
  }

  show(visibilityState) {
    this.document.visibilityState = visibilityState;
    this.document.dispatchEvent(new Event("visibilitychange"));
  }
}

/** Let everything run that waits for a promise only. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

export class FakeChunk {
  constructor(fields) {
    Object.assign(this, fields);
  }
}

/** A decoder whose pictures come out when the test says so. */
export class FakeVideoDecoder {
  /** @type {FakeVideoDecoder[]} */
  static all = [];
  static throws = false;
  state = "unconfigured";
  chunks = [];
  #output;
  #error;

  constructor({ output, error }) {
    this.#output = output;
    this.#error = error;
    FakeVideoDecoder.all.push(this);
  }

  configure(configuration) {
    this.configuration = configuration;
    this.state = "configured";
  }

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

  fail(name) {
    this.state = "closed";
    this.#error(new DOMException("Decoding error.", name));
  }
}
