import { colorSpaceOf } from "./color-space.js";
import { FrameFlag } from "../shared/protocol.js";

const COMMON_CODEC = "avc1.42E01F"; // baseline, 1280x720: what can be played at all is asked before a camera is known
const SILENT_AFTER = 5_000; // ms with pictures going in and none coming out
const REMEMBERED = 64; // access units on their way: more than any decoder holds back

/** @typedef {import("../shared/protocol.js").Frame} Frame */

/**
 * Whether this page can play a camera's own H.264. Only secure contexts can: https, and this very machine.
 * @param {{isSecureContext: boolean, VideoDecoder?: typeof VideoDecoder}} page
 * @returns {Promise<boolean>}
 */
export async function playsH264(page = window) {
  if (!page.isSecureContext || !("VideoDecoder" in page)) return false;
  const answer = await page.VideoDecoder.isConfigSupported(configuration(COMMON_CODEC)).catch(() => null);
  return answer?.supported ?? false;
}

/** Annex B, hence without a description; without `optimizeForLatency` a decoder holds pictures back. */
const configuration = (codec) => ({ codec, optimizeForLatency: true });

/**
 * @typedef {object} Listener
 * @property {(picture: VideoFrame, frame: Frame) => void} onPicture the picture belongs to the listener, which closes it
 * @property {(frame: Frame) => void} onSkipped not to be seen: decoded as backlog, or lost up to this one
 * @property {(error: DOMException | null) => void} onError the decoder is gone and waits for a key picture to start
 *   again; null: pictures went in and none came out
 */

/** A camera's own H.264 through WebCodecs: access units in, pictures out in the order in which they are shown. */
export class H264Decoder {
  #page;
  #listener;
  #codec = null;
  #decoder = null;
  #epoch = null;
  #lastSeq = null;
  #needsKey = true;
  /** @type {Map<number, Frame>} by the time stamp that the decoder hands back */
  #inside = new Map();
  #silence;

  /**
   * @param {{VideoDecoder: typeof VideoDecoder, EncodedVideoChunk: typeof EncodedVideoChunk}} page
   * @param {Listener} listener
   */
  constructor(page, listener) {
    this.#page = page;
    this.#listener = listener;
  }

  /** @param {string} codec as in "avc1.42C01F" */
  configure(codec) {
    if (codec === this.#codec) return;
    this.#codec = codec;
    this.interrupt();
  }

  /** Other pictures come in between: the next one of video is a key picture. What is still inside is dropped. */
  interrupt() {
    this.#needsKey = true;
    this.#close();
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
    this.#decode(frame, key);
  }

  close() {
    this.#close();
  }

  #decode(frame, key) {
    const timestamp = this.#remember(frame);
    try {
      this.#decoder ??= this.#open(frame);
      const chunk = { type: key ? "key" : "delta", timestamp, data: frame.payload };
      this.#decoder.decode(new this.#page.EncodedVideoChunk(chunk));
      this.#silence ??= setTimeout(() => this.#fail(null), SILENT_AFTER);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param {Frame} key the first picture: it says what colors it and those after it have */
  #open(key) {
    const decoder = new this.#page.VideoDecoder({
      output: (picture) => this.#onOutput(picture, decoder),
      error: (error) => decoder === this.#decoder && this.#fail(error),
    });
    this.#decoder = decoder; // before `configure`, which may fail at once
    decoder.configure({ ...configuration(this.#codec), colorSpace: colorSpaceOf(key.payload) });
    return decoder;
  }

  /** @returns {number} a time stamp of its own: a camera's may come twice, as they jump back when its clock is known */
  #remember(frame) {
    let timestamp = Math.round(frame.presentedAt);
    while (this.#inside.has(timestamp)) timestamp += 1;
    this.#inside.set(timestamp, frame);
    if (this.#inside.size > REMEMBERED) this.#inside.delete(this.#inside.keys().next().value);
    return timestamp;
  }

  #onOutput(picture, decoder) {
    const frame = this.#inside.get(picture.timestamp);
    if (decoder !== this.#decoder || !frame) {
      picture.close();
      return;
    }
    this.#inside.delete(picture.timestamp);
    clearTimeout(this.#silence);
    this.#silence = undefined;
    if (frame.flags & FrameFlag.BACKLOG) {
      picture.close();
      this.#listener.onSkipped(frame);
    } else {
      this.#listener.onPicture(picture, frame);
    }
  }

  #fail(error) {
    const lost = [...this.#inside.values()].at(-1);
    this.interrupt();
    if (lost) this.#listener.onSkipped(lost);
    this.#listener.onError(error);
  }

  #close() {
    clearTimeout(this.#silence);
    this.#silence = undefined;
    this.#inside.clear();
    const decoder = this.#decoder;
    this.#decoder = null;
    if (decoder && decoder.state !== "closed") decoder.close();
  }
}
