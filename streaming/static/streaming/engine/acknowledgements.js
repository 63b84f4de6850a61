import { FrameKind } from "../shared/protocol.js";

const AT_LEAST = 25; // ms between two messages: the server takes a viewer that sends more than 60 a second for a flood
const AT_MOST = 250; // ms that a decoded picture waits for others
const VIDEO_TOGETHER = 5; // of the 25 that the server sends ahead
const JPEG_TOGETHER = 2; // both that it sends ahead

/** Tells the server what has been decoded, in bundles where that holds nothing up. Cumulative: the newest says it all. */
export class Acknowledgements {
  #send;
  #now;
  #done = 0; // seq
  #told = 0; // seq
  #toldAt = -Infinity;
  #readAt = NaN; // of the newest
  #timer;

  /**
   * @param {(seq: number) => void} send
   * @param {() => number} now milliseconds of a clock that nobody sets
   */
  constructor(send, now) {
    this.#send = send;
    this.#now = now;
  }

  /**
   * @param {import("../shared/protocol.js").Frame} frame it, and those before it, need nothing more
   * @param {number} age of it, ms; half a round trip at least
   */
  add({ seq, kind, readAt }, age) {
    if (seq <= this.#done) return;
    this.#done = seq;
    const interval = readAt - this.#readAt;
    this.#readAt = readAt;
    // That of two JPEGs is with the server before it has a third, or each has its own.
    const jpegTogether = 2 * age < interval ? JPEG_TOGETHER : 1;
    const together = kind === FrameKind.H264 ? VIDEO_TOGETHER : jpegTogether;
    const wait = this.#toldAt + (seq - this.#told < together ? AT_MOST : AT_LEAST) - this.#now();
    clearTimeout(this.#timer);
    if (wait <= 0) this.#tell();
    else this.#timer = setTimeout(() => this.#tell(), wait);
  }

  stop() {
    clearTimeout(this.#timer);
  }

  #tell() {
    this.#told = this.#done;
    this.#toldAt = this.#now();
    this.#send(this.#done);
  }
}
