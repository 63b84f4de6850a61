/** @import { InfoMessage, PongMessage, Quality, StreamFacts } from "../shared/protocol.js" */

/** The known facts of a camera's own video: its main stream is the quality `original`, its substream `sub`. */
export class CameraStreams {
  #hasSubstream;
  /** @type {Partial<Record<Quality, StreamFacts>>} */
  #facts = {};

  /** @param {boolean} [hasSubstream] as far as the page knows; the server's answer is newer */
  constructor(hasSubstream = false) {
    this.#hasSubstream = hasSubstream;
  }

  get hasSubstream() {
    return this.#hasSubstream;
  }

  /** @param {Pick<InfoMessage, "qualities" | "streams"> | Pick<PongMessage, "streams">} message */
  learn(message) {
    Object.assign(this.#facts, message.streams);
    if ("qualities" in message && message.qualities) this.#hasSubstream = message.qualities.includes("sub");
  }

  /**
   * @param {Quality} quality
   * @returns {StreamFacts | null} null: not known, or not the camera's own video
   */
  of(quality) {
    return this.#facts[quality] ?? null;
  }
}
