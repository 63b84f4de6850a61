import { Acknowledgements } from "./acknowledgements.js";
import { Connection } from "./connection.js";
import { Decoding } from "./decoding.js";
import { playsCodec } from "./video-support.js";
import { ServerMessage, StreamState, ViewerMessage } from "../shared/protocol.js";

/** @import { Format, Frame, InfoMessage, PongMessage, Quality, QualityMessage, StreamMessage, ViewerMessages } from "../shared/protocol.js" */
/** @import { Browser } from "./browser.js" */
/** @import { ServerClock } from "./clock.js" */
/** @import { End } from "./connection.js" */
/** @import { Figures } from "./figures.js" */
/** @import { Traffic } from "./traffic.js" */
/** @import { VideoSupport } from "./video-support.js" */

/**
 * @typedef {object} StreamListener
 * @property {(message: StreamMessage) => void} onMessage
 * @property {(message: InfoMessage | PongMessage) => void} onStreams facts of the camera's own video
 * @property {(picture: ImageBitmap | VideoFrame, frame: Frame, live: boolean) => void} onPicture the listener owns the
 *   picture; `live`: the server has not reported the camera as lost since it sent the frame
 * @property {(quality: Quality, format: Format) => void} onVideoFailure this browser cannot play this stream of the camera
 * @property {(end: End) => void} onEnd called at most once, and never after `close()`
 */

/** @typedef {{clock: ServerClock, figures: Figures, traffic: Traffic}} Meters outlive the connection */

/** The stream of one connection: received, decoded, counted and acknowledged. */
export class LiveStream {
  #meters;
  #listener;
  #connection;
  #decoding;
  #acknowledgements;
  #browser;
  #video;
  /** @type {string | null} that of the frames that follow; null: they are JPEG, or the stream is closed */
  #codec = null;
  #received = 0; // seq
  #liveAfter = 0; // seq of the last frame before the server reported the camera as lost

  /**
   * @param {{address: string, video: VideoSupport | null}} options
   * @param {Meters} meters
   * @param {StreamListener} listener
   * @param {Browser} browser
   */
  constructor({ address, video }, meters, listener, browser) {
    const { clock, figures } = meters;
    this.#meters = meters;
    this.#listener = listener;
    this.#browser = browser;
    this.#video = video;
    this.#connection = new Connection(
      address,
      clock,
      {
        onMessage: (message) => this.#onMessage(message),
        onStreams: (message) => listener.onStreams(message),
        onFrame: (frame) => this.#onFrame(frame),
        onCameraDelay: (delay) => (figures.cameraDelay = delay),
        onEnd: (end) => listener.onEnd(end),
      },
      browser,
    );
    this.#acknowledgements = new Acknowledgements((seq) => this.send({ type: ViewerMessage.ACK, seq }), browser.steady);
    this.#decoding = new Decoding(browser, video, {
      // Frames are acknowledged after decoding, so that the server sends no more than this machine can decode.
      onDone: (frame) => this.#acknowledgements.add(frame, clock.now() - frame.readAt),
      onPicture: (picture, frame) => listener.onPicture(picture, frame, frame.seq > this.#liveAfter),
      onLost: (frame) => figures.lost(frame),
      onVideoFailure: (quality, format) => listener.onVideoFailure(quality, format),
    });
  }

  /** @param {ViewerMessages} message */
  send(message) {
    this.#connection.send(message);
  }

  /** Frees the slot at once. */
  close() {
    this.#codec = null;
    this.#connection.close();
    this.#decoding.close();
    this.#acknowledgements.stop();
  }

  /** @param {StreamMessage} message */
  #onMessage(message) {
    if (message.type === ServerMessage.STATUS) {
      if (message.state === StreamState.RECONNECTING) this.#liveAfter = this.#received;
    } else this.#onFormat(message);
    this.#listener.onMessage(message);
  }

  /** @param {InfoMessage | QualityMessage} message */
  #onFormat({ quality, format, codec }) {
    this.#codec = codec;
    if (codec) this.#decoding.configure(codec, quality);
    if (codec && format === "h265") this.#confirm(codec, quality);
  }

  /**
   * Few browsers play all H.265, so the server waits for this answer before it sends any.
   * @param {string} codec
   * @param {Quality} quality
   */
  async #confirm(codec, quality) {
    const plays = this.#video !== null && (await playsCodec(this.#video.by, codec, this.#browser));
    if (codec !== this.#codec) return; // another one was told meanwhile
    if (plays) this.send({ type: ViewerMessage.CONFIRM_CODEC, codec });
    else this.#listener.onVideoFailure(quality, "h265");
  }

  /** @param {Frame} frame */
  #onFrame(frame) {
    this.#received = frame.seq;
    this.#meters.figures.received(frame);
    this.#meters.traffic.add(frame);
    this.#decoding.push(frame);
  }
}
