import { FrameKind } from "../shared/protocol.js";

/** @import { Frame } from "../shared/protocol.js" */

const MIN_INTERVAL = 25; // ms between two messages: the server disconnects a viewer that sends more than 60 a second
const MAX_DELAY = 250; // ms for which a decoded frame waits for others
const VIDEO_BATCH = 5; // frames; the server sends up to 25 ahead
const JPEG_BATCH = 2; // frames; the server sends up to 2 ahead

/** Acknowledges decoded frames in batches, without delaying the server. Each message covers all frames before it. */
export class Acknowledgements {
  #send;
  #now;
  #decoded = 0; // seq
  #sent = 0; // seq
  #sentAt = -Infinity;
  #readAt = NaN; // of the newest frame
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {(seq: number) => void} send
   * @param {() => number} now milliseconds of a monotonic clock
   */
  constructor(send, now) {
    this.#send = send;
    this.#now = now;
  }

  /**
   * @param {Pick<Frame, "seq" | "kind" | "readAt">} frame this frame and all before it are decoded or skipped
   * @param {number} age of the frame, ms; at least half a round trip
   */
  add({ seq, kind, readAt }, age) {
    if (seq <= this.#decoded) return;
    this.#decoded = seq;
    const interval = readAt - this.#readAt;
    this.#readAt = readAt;
    // A batch of two must reach the server before it has a third frame. Otherwise each frame is acknowledged.
    const jpegBatch = 2 * age < interval ? JPEG_BATCH : 1;
    const batch = kind === FrameKind.JPEG ? jpegBatch : VIDEO_BATCH;
    const wait = this.#sentAt + (seq - this.#sent < batch ? MAX_DELAY : MIN_INTERVAL) - this.#now();
    clearTimeout(this.#timer);
    if (wait <= 0) this.#flush();
    else this.#timer = setTimeout(() => this.#flush(), wait);
  }

  stop() {
    clearTimeout(this.#timer);
  }

  #flush() {
    this.#sent = this.#decoded;
    this.#sentAt = this.#now();
    this.#send(this.#decoded);
  }
}
