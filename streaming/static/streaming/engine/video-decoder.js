import { colorSpaceOf } from "./color-space.js";
import { FrameFlag } from "../shared/protocol.js";

/** @import { Frame } from "../shared/protocol.js" */
/** @import { Browser } from "./browser.js" */

const COMMON_CODEC = "avc1.42E01F"; // baseline, 1280x720: stands for H.264 before the camera's codec is known
const SILENT_AFTER = 5_000; // ms with input and without output
const MAX_PENDING = 64; // access units inside the decoder: more than any decoder holds back

/**
 * Whether this page can play a camera's own H.264. Only secure contexts can: https and localhost.
 * @param {{isSecureContext: boolean, VideoDecoder?: Pick<typeof VideoDecoder, "isConfigSupported">}} page
 * @returns {Promise<boolean>}
 */
export async function playsH264(page = window) {
  if (!page.isSecureContext || !page.VideoDecoder) return false;
  const answer = await page.VideoDecoder.isConfigSupported(configuration(COMMON_CODEC)).catch(() => null);
  return answer?.supported ?? false;
}

/**
 * Annex B has no description. Without `optimizeForLatency` a decoder holds pictures back.
 * @param {string} codec
 * @returns {VideoDecoderConfig}
 */
const configuration = (codec) => ({ codec, optimizeForLatency: true });

/**
 * @typedef {object} DecoderListener
 * @property {(picture: VideoFrame, frame: Frame) => void} onPicture the listener owns the picture and closes it
 * @property {(frame: Frame) => void} onSkipped the frame is not shown: it is backlog, or lost with all before it
 * @property {(error: DOMException | null) => void} onError the decoder is closed; the next keyframe starts another.
 *   null: it had input and gave no output
 */

/** Decodes a camera's own H.264 with WebCodecs. Takes access units, returns pictures in presentation order. */
export class H264Decoder {
  #browser;
  #listener;
  /** @type {string | null} */
  #codec = null;
  /** @type {VideoDecoder | null} */
  #decoder = null;
  /** @type {number | null} */
  #epoch = null;
  /** @type {number | null} */
  #lastSeq = null;
  #needsKey = true;
  /** @type {Map<number, Frame>} frames inside the decoder, by the timestamp that it returns with the picture */
  #pending = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #silence;

  /**
   * @param {Pick<Browser, "VideoDecoder" | "EncodedVideoChunk">} browser
   * @param {DecoderListener} listener
   */
  constructor(browser, listener) {
    this.#browser = browser;
    this.#listener = listener;
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
    if ((this.#needsKey && !key) || !this.#codec) {
      this.#listener.onSkipped(frame);
      return;
    }
    this.#needsKey = false;
    this.#decode(frame, key, this.#codec);
  }

  close() {
    clearTimeout(this.#silence);
    this.#silence = undefined;
    this.#pending.clear();
    const decoder = this.#decoder;
    this.#decoder = null;
    if (decoder && decoder.state !== "closed") decoder.close();
  }

  /** @param {Frame} frame @param {boolean} key @param {string} codec */
  #decode(frame, key, codec) {
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
    decoder.configure({ ...configuration(codec), colorSpace: colorSpaceOf(keyframe.payload) });
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
