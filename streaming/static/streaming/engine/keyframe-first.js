import { FrameFlag, FrameKind } from "../shared/protocol.js";

/** @import { Frame } from "../shared/protocol.js" */

/** The base of the video decoders: after a gap or a change, they start with a keyframe. */
export class KeyframeFirst {
  #skip;
  /** @type {string | null} */
  #codec = null;
  /** @type {number | null} */
  #epoch = null;
  /** @type {number | null} */
  #lastSeq = null;
  #needsKey = true;

  /** @param {(frame: Frame) => void} skip is told of each frame that cannot be decoded */
  constructor(skip) {
    this.#skip = skip;
  }

  /** @param {string} codec such as "avc1.42C01F" */
  configure(codec) {
    if (codec === this.#codec) return;
    this.#codec = codec;
    this.interrupt();
  }

  /** Drops the frames inside the decoder and waits for a keyframe: frames of another kind follow. */
  interrupt() {
    this.#needsKey = true;
    this.close();
  }

  /** @param {Frame} frame */
  push(frame) {
    const key = Boolean(frame.flags & FrameFlag.KEY);
    const gap = frame.flags & FrameFlag.DISCONTINUITY || (this.#lastSeq !== null && frame.seq !== this.#lastSeq + 1);
    this.#lastSeq = frame.seq;
    if (frame.epoch !== this.#epoch) this.interrupt();
    this.#epoch = frame.epoch;
    if (gap) this.#needsKey = true;
    // Pictures after a keyframe of H.265 may refer to lost ones before it. Only a new decoder skips them.
    if (gap && frame.kind === FrameKind.H265) this.interrupt();
    if ((this.#needsKey && !key) || !this.#codec) {
      this.#skip(frame);
      return;
    }
    this.#needsKey = false;
    this.decode(frame, key, this.#codec);
  }

  /**
   * @abstract
   * @param {Frame} _frame the first one after `close` is a keyframe
   * @param {boolean} _key
   * @param {string} _codec
   */
  decode(_frame, _key, _codec) {}

  /** Drops the frames inside the decoder. @abstract */
  close() {}
}
