import { FrameFlag } from "../shared/protocol.js";

/** @import { Frame } from "../shared/protocol.js" */

/** Tells which frames a decoder can take: after a gap or a change, the first one is a keyframe. */
export class KeyframeGate {
  /** @type {number | null} */
  #epoch = null;
  /** @type {number | null} */
  #lastSeq = null;
  #needsKey = true;

  /** The decoder starts again: frames before a keyframe are of no use. */
  close() {
    this.#needsKey = true;
  }

  /**
   * @param {Frame} frame
   * @returns {{usable: boolean, restart: boolean}} `restart`: the camera was opened again, and a decoder starts again with it
   */
  check(frame) {
    const restart = frame.epoch !== this.#epoch;
    const missing = this.#lastSeq !== null && frame.seq !== this.#lastSeq + 1;
    this.#epoch = frame.epoch;
    this.#lastSeq = frame.seq;
    if (restart || missing || frame.flags & FrameFlag.DISCONTINUITY) this.#needsKey = true;
    if (frame.flags & FrameFlag.KEY) this.#needsKey = false;
    return { usable: !this.#needsKey, restart };
  }
}
