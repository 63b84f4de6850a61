import { FrameKind } from "./protocol.js";

const AT_LEAST = 25; // ms between two messages: the server takes a viewer that sends more than 60 a second for a flood
const AT_MOST = 250; // ms that a decoded picture of video waits for others
const TOGETHER = 5; // pictures of video

/** Tells the server what has been decoded: each JPEG, and video in bundles. Cumulative, so the newest says it all. */
export class Acknowledgements {
  #send;
  #done = 0; // seq
  #told = 0; // seq
  #toldAt = -Infinity;
  #timer;

  /** @param {(seq: number) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /** @param {import("./protocol.js").Frame} frame it, and those before it, need nothing more */
  add({ seq, kind }) {
    if (seq <= this.#done) return;
    this.#done = seq;
    const waits = kind === FrameKind.H264 && seq - this.#told < TOGETHER ? AT_MOST : AT_LEAST;
    const wait = this.#toldAt + waits - Date.now();
    clearTimeout(this.#timer);
    if (wait <= 0) this.#tell();
    else this.#timer = setTimeout(() => this.#tell(), wait);
  }

  stop() {
    clearTimeout(this.#timer);
  }

  #tell() {
    this.#told = this.#done;
    this.#toldAt = Date.now();
    this.#send(this.#done);
  }
}
