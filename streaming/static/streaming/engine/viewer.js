import { browser } from "./browser.js";
import { Claim } from "./claim.js";
import { ServerClock } from "./clock.js";
import { Figures } from "./figures.js";
import { LiveStream } from "./live-stream.js";
import { AT_ONCE } from "./openings.js";
import { ServerMessage, StreamState, ViewerMessage, streamAddress } from "../shared/protocol.js";
import { Reconnection } from "./reconnection.js";
import { State } from "./states.js";
import { Stills } from "./stills.js";
import { Traffic } from "./traffic.js";
import { WaitingLine } from "./waiting-line.js";

/** @import { Format, Frame, InfoMessage, Quality, QualityMessage, StatusMessage, StreamMessage } from "../shared/protocol.js" */
/** @import { Browser } from "./browser.js" */
/** @import { End } from "./connection.js" */
/** @import { Openings } from "./openings.js" */
/** @import { VideoSupport } from "./video-support.js" */

const STALE_AFTER = 2_000; // ms

/** @typedef {{kind: "live" | "snapshot", takenAt: number}} Picture `takenAt`: the server's clock, Unix milliseconds */
/** @typedef {{inUse: number | null, limit: number | null}} SlotsInUse */

/**
 * @typedef {object} ViewerOptions
 * @property {string} cameraId
 * @property {Quality | null} quality null: the server's default
 * @property {VideoSupport | null} [video] what plays a camera's own video in this browser; null: nothing
 * @property {Traffic} [traffic] counts what arrives
 * @property {Openings | null} [wall] of a tile, which nobody looks at closely: shared by all tiles of the wall
 * @property {string | null} [replaces] id of a viewing of the same user, whose slot this one takes
 */

/**
 * @typedef {object} ViewerListener
 * @property {(picture: ImageBitmap | VideoFrame) => void} paint the listener owns the picture and closes it
 * @property {() => void} onPicture `picture` has changed; called after `paint`
 * @property {() => void} onChange `status` or `quality` has changed
 * @property {(message: InfoMessage | QualityMessage) => void} onQualityKept the server has no room for the wanted quality
 * @property {(quality: Quality, format: Format) => void} onVideoFailure this browser cannot play this stream of the camera
 * @property {() => void} onTurn the slot that the viewer waited for has come
 * @property {() => boolean} seenElsewhere whether the picture is visible although the page is hidden
 */

/** One viewing of one camera: its connection, live pictures and stills. Draws nothing. */
export class Viewer {
  /** @type {Picture | null} the one on the screen */
  picture = null;
  /** @type {Quality | null} the quality that the server sends */
  quality = null;
  /** @type {Quality | null} the quality to ask for; null: the server's default */
  wanted;
  figures = new Figures();
  /** @type {SlotsInUse} at the admission */
  gate = { inUse: null, limit: null };
  cameraId;
  line;

  #video;
  #traffic;
  #listener;
  #browser;
  #clock = new ServerClock();
  #reconnection;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #staleTimer;

  /**
   * @param {ViewerOptions} options
   * @param {ViewerListener} listener
   * @param {Browser} [environment]
   */
  constructor({ cameraId, quality, video = null, traffic = new Traffic(), wall = null, replaces = null }, listener, environment = browser()) {
    this.wanted = quality;
    this.cameraId = cameraId;
    this.#video = video;
    this.#traffic = traffic;
    this.#listener = listener;
    this.#browser = environment;
    const stills = new Stills(
      cameraId,
      {
        onStill: (blob, takenAt) => this.#showStill(blob, takenAt),
        onLoggedOut: () => this.#reconnection.onLoggedOut(),
      },
      environment.fetch,
      wall,
    );
    const claim = new Claim(cameraId, environment.page, wall !== null);
    if (replaces) claim.replaceOnly(replaces);
    this.#reconnection = new Reconnection(
      { stills, claim, openings: wall ?? AT_ONCE, clock: this.#clock },
      {
        connect: (query, onEnd) => this.#connect(query, onEnd),
        onStatus: () => this.#onStatus(),
        onTouch: () => this.line.touch(),
        seenElsewhere: () => Boolean(wall?.isDisplay) || listener.seenElsewhere(),
      },
      environment,
    );
    this.line = new WaitingLine(claim, this.#clock, this.#reconnection, () => listener.onTurn());
  }

  get status() {
    return this.#reconnection.status;
  }

  /** @returns {number | null} seconds since the picture on the screen was taken */
  get age() {
    return this.picture && this.#ageOf(this.picture);
  }

  open() {
    this.#reconnection.open();
  }

  /** Connects now, whatever ended the last attempt. */
  retry() {
    this.#reconnection.retry();
  }

  /** Frees the slot. May be called at any time, and more than once. */
  close() {
    this.#reconnection.close();
  }

  /** @param {Quality} quality */
  setQuality(quality) {
    this.wanted = quality;
    this.#reconnection.send({ type: ViewerMessage.QUALITY_CHANGE, quality });
  }

  /** @param {Claim["query"]} claim @param {(end: End) => void} onEnd */
  #connect(claim, onEnd) {
    const address = streamAddress(this.cameraId, this.wanted, this.#browser.page.location, this.#video?.formats, claim);
    return new LiveStream(
      { address, video: this.#video },
      { clock: this.#clock, figures: this.figures, traffic: this.#traffic },
      {
        onMessage: (message) => this.#onMessage(message),
        onStreams: (message) => this.#traffic.streams.learn(message),
        onPicture: (picture, frame, live) => this.#onPicture(picture, frame, live),
        onVideoFailure: (quality, format) => this.#listener.onVideoFailure(quality, format),
        onEnd,
      },
      this.#browser,
    );
  }

  #onStatus() {
    const { state } = this.status;
    if (state !== State.LIVE && state !== State.STALE) clearTimeout(this.#staleTimer);
    this.#listener.onChange();
  }

  /** @param {StreamMessage} message */
  #onMessage(message) {
    this.#reconnection.onMessage();
    if (message.type === ServerMessage.STATUS && !this.line.takes(message)) this.#onStreamState(message);
    if (message.type === ServerMessage.INFO) this.#onInfo(message);
    if (message.type === ServerMessage.INFO || message.type === ServerMessage.QUALITY_CHANGED) {
      this.quality = this.#traffic.quality = message.quality;
      if (message.reason) this.#listener.onQualityKept(message);
      this.#listener.onChange();
    }
  }

  /** @param {InfoMessage} message */
  #onInfo({ quality, in_use: inUse, limit, resume, viewing_id: id }) {
    this.line.onAdmitted(resume, id);
    this.gate = { inUse, limit };
    if (this.wanted && this.wanted !== quality) this.setQuality(this.wanted); // chosen while connecting
  }

  /**
   * The state `live` changes nothing: the next picture does.
   * @param {StatusMessage} message
   */
  #onStreamState({ state, reason, message = null }) {
    const again = state === StreamState.RECONNECTING || this.status.state === State.RECONNECTING;
    const next = again ? State.RECONNECTING : State.CONNECTING;
    if (state !== StreamState.LIVE) this.#reconnection.change({ state: next, reason, message });
  }

  /** @param {ImageBitmap | VideoFrame} picture @param {Frame} frame @param {boolean} live */
  #onPicture(picture, frame, live) {
    this.#traffic.shown(frame, picture);
    this.picture = { kind: "live", takenAt: frame.readAt };
    this.figures.shown(this.#ageOf(this.picture));
    if (live) this.#onLivePicture(frame.readAt); // before `onPicture`, so that its listener reads the new state
    this.#show(picture);
  }

  /** @param {number} takenAt */
  #onLivePicture(takenAt) {
    clearTimeout(this.#staleTimer);
    this.#staleTimer = setTimeout(() => this.#reconnection.change({ state: State.STALE }), STALE_AFTER);
    this.#reconnection.onLivePicture(takenAt);
  }

  /**
   * A still never replaces a newer picture.
   * @param {Blob} blob
   * @param {number} takenAt
   */
  async #showStill(blob, takenAt) {
    this.#reconnection.onStill(takenAt);
    const bitmap = await this.#browser.decode(blob).catch(() => null);
    const late = this.status.state === State.CLOSED || takenAt <= (this.picture?.takenAt ?? 0);
    if (late || !bitmap) return bitmap?.close();
    this.picture = { kind: "snapshot", takenAt };
    this.#show(bitmap);
  }

  /** @param {ImageBitmap | VideoFrame} picture */
  #show(picture) {
    this.#listener.paint(picture);
    this.#listener.onPicture();
  }

  /** @param {Picture} picture */
  #ageOf({ takenAt }) {
    return Math.max(0, this.#clock.now() - takenAt) / 1000;
  }
}
