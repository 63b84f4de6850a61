import { colorSpaceOf } from "./color-space.js";
import { KeyframeFirst } from "./keyframe-first.js";
import { FrameFlag } from "../shared/protocol.js";

/** @import { Frame } from "../shared/protocol.js" */
/** @import { Browser } from "./browser.js" */

const SILENT_AFTER = 5_000; // ms with input and without output
const MAX_PENDING = 64; // access units inside the decoder: more than any decoder holds back

/**
 * Annex B has no description. Without `optimizeForLatency` a decoder holds pictures back.
 * @param {string} codec
 * @returns {VideoDecoderConfig}
 */
export const configuration = (codec) => ({ codec, optimizeForLatency: true });

/**
 * @typedef {object} DecoderListener
 * @property {(picture: VideoFrame, frame: Frame) => void} onPicture the listener owns the picture and closes it
 * @property {(frame: Frame) => void} onTaken this frame and all before it are in a buffer, and will be shown later
 * @property {(frame: Frame) => void} onSkipped the frame is not shown: it is backlog, or lost with all before it
 * @property {(error: DOMException | null) => void} onError the decoder is closed; the next keyframe starts another.
 *   null: it had input and gave no output
 */

/** Decodes a camera's own video with WebCodecs. Takes access units, returns pictures in presentation order. */
export class WebCodecsDecoder extends KeyframeFirst {
  #browser;
  #listener;
  /** @type {VideoDecoder | null} */
  #decoder = null;
  /** @type {Map<number, Frame>} frames inside the decoder, by the timestamp that it returns with the picture */
  #pending = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #silence;

  /**
   * @param {Pick<Browser, "VideoDecoder" | "EncodedVideoChunk">} browser
   * @param {DecoderListener} listener
   */
  constructor(browser, listener) {
    super((frame) => listener.onSkipped(frame));
    this.#browser = browser;
    this.#listener = listener;
  }

  /** @override */
  close() {
    clearTimeout(this.#silence);
    this.#silence = undefined;
    this.#pending.clear();
    const decoder = this.#decoder;
    this.#decoder = null;
    if (decoder && decoder.state !== "closed") decoder.close();
  }

  /** @override @param {Frame} frame @param {boolean} key @param {string} codec */
  decode(frame, key, codec) {
    const timestamp = this.#remember(frame);
    try {
      this.#decoder ??= this.#open(frame, codec);
      const type = key ? "key" : "delta";
      this.#decoder.decode(new this.#browser.EncodedVideoChunk({ type, timestamp, data: frame.payload }));
      this.#silence ??= setTimeout(() => this.#fail(null), SILENT_AFTER);
    } catch (error) {
      this.#fail(/** @type {DOMException} */ (error)); // WebCodecs throws nothing else
    }
  }

  /**
   * @param {Frame} keyframe the first frame: its parameter set tells the colors
   * @param {string} codec
   */
  #open(keyframe, codec) {
    /** @type {VideoDecoder} */
    const decoder = new this.#browser.VideoDecoder({
      output: (picture) => this.#onOutput(picture, decoder),
      error: (error) => decoder === this.#decoder && this.#fail(error),
    });
    this.#decoder = decoder; // before `configure`, which may fail at once
    decoder.configure({ ...configuration(codec), colorSpace: colorSpaceOf(keyframe.payload, keyframe.kind) });
    return decoder;
  }

  /**
   * @param {Frame} frame
   * @returns {number} a unique timestamp: a camera's may repeat, as it jumps when the camera sets its clock
   */
  #remember(frame) {
    let timestamp = Math.round(frame.presentedAt);
    while (this.#pending.has(timestamp)) timestamp += 1;
    this.#pending.set(timestamp, frame);
    const [oldest] = this.#pending.keys();
    if (this.#pending.size > MAX_PENDING) this.#pending.delete(oldest);
    return timestamp;
  }

  /** @param {VideoFrame} picture @param {VideoDecoder} decoder */
  #onOutput(picture, decoder) {
    const frame = this.#pending.get(picture.timestamp);
    if (decoder !== this.#decoder || !frame) {
      picture.close();
      return;
    }
    this.#pending.delete(picture.timestamp);
    clearTimeout(this.#silence);
    this.#silence = undefined;
    if (frame.flags & FrameFlag.BACKLOG) {
      picture.close();
      this.#listener.onSkipped(frame);
    } else {
      this.#listener.onPicture(picture, frame);
    }
  }

  /** @param {DOMException | null} error */
  #fail(error) {
    const lost = [...this.#pending.values()].at(-1);
    this.interrupt();
    if (lost) this.#listener.onSkipped(lost);
    this.#listener.onError(error);
  }
}
