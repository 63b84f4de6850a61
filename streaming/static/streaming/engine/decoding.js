import { FORMATS, FrameKind } from "../shared/protocol.js";
import { MseDecoder } from "./mse-decoder.js";
import { WebCodecsDecoder } from "./video-decoder.js";

/** @import { Format, Frame, Quality } from "../shared/protocol.js" */
/** @import { MseBrowser } from "./mse-decoder.js" */
/** @import { Browser } from "./browser.js" */
/** @import { VideoSupport } from "./video-support.js" */

const MAX_ERRORS = 3; // of WebCodecs with H.264 within ERROR_WINDOW, with which the video counts as failed
const ERROR_WINDOW = 30_000; // ms

/**
 * @typedef {object} DecodingListener
 * @property {(picture: ImageBitmap | VideoFrame, frame: Frame) => void} onPicture the listener owns the picture
 * @property {(frame: Frame) => void} onDone this frame and all before it are decoded or skipped; called before `onPicture`
 * @property {(frame: Frame) => void} onLost the frame will not be shown
 * @property {(quality: Quality, format: Format) => void} onVideoFailure this browser cannot play this stream of the camera
 */

/** Decodes the frames of one connection: JPEG and the camera's own video, also mixed. */
export class Decoding {
  #browser;
  #listener;
  #video;
  #mse;
  /** @type {number[]} times of the latest errors */
  #errors = [];
  #jpegRun = 0; // number of the current sequence of JPEG frames: a picture of an earlier sequence is late
  /** @type {number | null} */
  #kind = null;
  /** @type {number} of the newest frame of video */
  #videoKind = FrameKind.H264;
  /** @type {Quality} of the newest frame of video: which stream of the camera it is */
  #videoQuality = "original";
  /** @type {Quality} of the frames that follow */
  #nextQuality = "original";
  #shownJpeg = 0; // seq
  #videoShown = false;
  #closed = false;

  /**
   * @param {Pick<Browser, "decode" | "VideoDecoder" | "EncodedVideoChunk"> & MseBrowser} browser
   * @param {VideoSupport | null} support
   * @param {DecodingListener} listener
   */
  constructor(browser, support, listener) {
    this.#browser = browser;
    this.#listener = listener;
    this.#mse = support?.by === "mse";
    const Decoder = this.#mse ? MseDecoder : WebCodecsDecoder;
    this.#video = new Decoder(browser, {
      onPicture: (picture, frame) => {
        this.#videoShown = true;
        this.#finish(picture, frame);
      },
      onTaken: (frame) => listener.onDone(frame),
      onSkipped: (frame) => this.#finish(null, frame),
      onError: (error) => this.#onVideoError(error),
    });
  }

  /** @param {string} codec of the frames of video that follow @param {Quality} quality of the same */
  configure(codec, quality) {
    this.#video.configure(codec);
    this.#nextQuality = quality;
  }

  /** @param {Frame} frame */
  push(frame) {
    if (frame.kind !== this.#kind) {
      this.#video.interrupt();
      this.#jpegRun += 1;
      this.#kind = frame.kind;
    }
    if (frame.kind === FrameKind.H264 || frame.kind === FrameKind.H265) {
      this.#videoKind = frame.kind;
      if (this.#videoQuality !== this.#nextQuality) this.#changeStream();
      this.#video.push(frame);
    } else this.#decodeJpeg(frame, this.#jpegRun);
  }

  close() {
    this.#closed = true;
    this.#video.close();
  }

  /** The errors of one stream tell nothing of the other. */
  #changeStream() {
    this.#videoQuality = this.#nextQuality;
    this.#errors = [];
    this.#videoShown = false;
  }

  /** @param {Frame} frame @param {number} run */
  async #decodeJpeg(frame, run) {
    const blob = frame.kind === FrameKind.JPEG ? new Blob([frame.payload], { type: "image/jpeg" }) : null;
    const picture = blob && (await this.#browser.decode(blob).catch(() => null));
    if (this.#closed || run !== this.#jpegRun || frame.seq <= this.#shownJpeg) {
      picture?.close();
      return;
    }
    this.#shownJpeg = frame.seq;
    // A frame that cannot be decoded is done as well: the next one may be intact.
    this.#finish(picture, frame);
  }

  /** @param {ImageBitmap | VideoFrame | null} picture @param {Frame} frame */
  #finish(picture, frame) {
    this.#listener.onDone(frame);
    if (picture) this.#listener.onPicture(picture, frame);
    else this.#listener.onLost(frame);
  }

  /** @param {DOMException | null} error null: the decoder was silent */
  #onVideoError(error) {
    const now = Date.now();
    this.#errors = [...this.#errors.filter((at) => now - at < ERROR_WINDOW), now];
    const neverWorked = error === null && !this.#videoShown;
    const most = this.#mse || this.#videoKind === FrameKind.H265 ? 1 : MAX_ERRORS;
    if (!neverWorked && error?.name !== "NotSupportedError" && this.#errors.length < most) return;
    this.#errors = [];
    this.#listener.onVideoFailure(this.#videoQuality, FORMATS[this.#videoKind]);
  }
}
