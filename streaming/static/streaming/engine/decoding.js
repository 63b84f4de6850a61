import { FrameKind } from "../shared/protocol.js";
import { H264Decoder } from "./video-decoder.js";

const ERRORS = 3; // of the decoder within ERRORS_WITHIN, after which other pictures are asked for
const ERRORS_WITHIN = 30_000; // ms

/** @typedef {import("../shared/protocol.js").Frame} Frame */

/**
 * @typedef {object} Listener
 * @property {(picture: ImageBitmap | VideoFrame, frame: Frame) => void} onPicture the picture belongs to the listener
 * @property {(frame: Frame) => void} onDone this frame and those before it have been dealt with; before its `onPicture`
 * @property {(frame: Frame) => void} onLost it will never be seen, and was no backlog
 * @property {() => void} onVideoFailure this camera's own video cannot be played here
 */

/** What one connection sends, decoded: JPEG and H.264, also mixed. */
export class Decoding {
  #page;
  #listener;
  #video;
  #errors = [];
  #jpegs = 0; // the number of the run of JPEG pictures: a picture of an earlier run comes too late
  #kind = null;
  #shownJpeg = 0; // seq
  #videoShown = false;
  #closed = false;

  /**
   * @param {object} page `decode(blob)`, `VideoDecoder`, `EncodedVideoChunk`
   * @param {Listener} listener
   */
  constructor(page, listener) {
    this.#page = page;
    this.#listener = listener;
    this.#video = new H264Decoder(page, {
      onPicture: (picture, frame) => {
        this.#videoShown = true;
        this.#finish(picture, frame);
      },
      onSkipped: (frame) => this.#finish(null, frame),
      onError: (error) => this.#onVideoError(error),
    });
  }

  /** @param {string} codec of the H.264 to come */
  set codec(codec) {
    this.#video.configure(codec);
  }

  /** @param {Frame} frame */
  push(frame) {
    if (frame.kind !== this.#kind) {
      this.#video.interrupt();
      this.#jpegs += 1;
      this.#kind = frame.kind;
    }
    if (frame.kind === FrameKind.H264) this.#video.push(frame);
    else this.#decodeJpeg(frame, this.#jpegs);
  }

  close() {
    this.#closed = true;
    this.#video.close();
  }

  async #decodeJpeg(frame, run) {
    const known = frame.kind === FrameKind.JPEG;
    const blob = known && new Blob([frame.payload], { type: "image/jpeg" });
    const picture = known ? await this.#page.decode(blob).catch(() => null) : null;
    if (this.#closed || run !== this.#jpegs || frame.seq <= this.#shownJpeg) {
      picture?.close();
      return;
    }
    this.#shownJpeg = frame.seq;
    // A picture that cannot be decoded is done too: the next one may be sound.
    this.#finish(picture, frame);
  }

  #finish(picture, frame) {
    this.#listener.onDone(frame);
    if (picture) this.#listener.onPicture(picture, frame);
    else this.#listener.onLost(frame);
  }

  #onVideoError(error) {
    const now = Date.now();
    this.#errors = [...this.#errors.filter((at) => now - at < ERRORS_WITHIN), now];
    const silent = error === null && !this.#videoShown;
    if (!silent && error?.name !== "NotSupportedError" && this.#errors.length < ERRORS) return;
    this.#errors = [];
    this.#listener.onVideoFailure();
  }
}
