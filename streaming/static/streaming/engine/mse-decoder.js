import { KeyframeFirst } from "./keyframe-first.js";
import { LagControl } from "./lag-control.js";
import { MediaFeed } from "./media-feed.js";
import { join } from "./boxes.js";
import { TIMESCALE, initSegment, mediaSegment, mediaType } from "./mp4.js";
import { FrameFlag } from "../shared/protocol.js";
import { Timeline } from "./timeline.js";

/** @import { Frame } from "../shared/protocol.js" */
/** @import { Browser } from "./browser.js" */
/** @import { DecoderListener } from "./video-decoder.js" */
/** @import { MediaBrowser } from "./media-feed.js" */

/** @typedef {MediaBrowser & Pick<Browser, "VideoFrame" | "document" | "steady">} MseBrowser */

const TICK = 1_000; // ms between two looks at what was shown
const SILENT_TICKS = 5; // with input and without output
const TOLERANCE = 500; // microseconds by which a picture's time may be rounded

/**
 * Decodes a camera's own video with Media Source Extensions, where there is no WebCodecs. Each access unit becomes one
 * fragment of MP4 for a video that is not part of the page. Its pictures are taken from there.
 */
export class MseDecoder extends KeyframeFirst {
  #browser;
  #listener;
  /** @type {Playback | null} */
  #playback = null;

  /**
   * @param {MseBrowser} browser
   * @param {DecoderListener} listener
   */
  constructor(browser, listener) {
    super((frame) => listener.onSkipped(frame));
    this.#browser = browser;
    this.#listener = listener;
  }

  /** @override @param {Frame} frame @param {boolean} _key @param {string} codec */
  decode(frame, _key, codec) {
    this.#playback ??= this.#open(codec);
    if (this.#playback) this.#playback.push(frame);
    else this.#listener.onSkipped(frame);
  }

  /** @override */
  close() {
    this.#playback?.close();
    this.#playback = null;
  }

  /** @param {string} codec */
  #open(codec) {
    if (this.#browser.MediaSource.isTypeSupported(mediaType(codec))) {
      return new Playback(this.#browser, mediaType(codec), { ...this.#listener, onError: (error) => this.#fail(error) });
    }
    this.#fail(new DOMException(codec, "NotSupportedError"));
    return null;
  }

  /** @param {DOMException | null} error */
  #fail(error) {
    const lost = this.#playback?.newest;
    this.interrupt();
    if (lost) this.#listener.onSkipped(lost);
    this.#listener.onError(error);
  }
}

/** One video, from a keyframe to the next restart of the camera. */
class Playback {
  #browser;
  #listener;
  #feed;
  #lag;
  #timeline = new Timeline();
  #sequence = 0;
  #newest = 0; // time of the newest frame, microseconds
  #started = false;
  /** @type {Map<number, Frame>} not shown yet, by their times */
  #pending = new Map();
  #fed = false; // since the last tick
  #silent = 0; // ticks
  #ticker;

  /**
   * @param {MseBrowser} browser
   * @param {string} type
   * @param {DecoderListener} listener
   */
  constructor(browser, type, listener) {
    this.#browser = browser;
    this.#listener = listener;
    this.#feed = new MediaFeed(browser, type, (error) => listener.onError(error));
    this.#lag = new LagControl(this.#feed.video, browser.steady);
    this.#ticker = setInterval(() => this.#tick(), TICK);
    this.#watch();
  }

  /** The newest frame that was not shown. */
  get newest() {
    return [...this.#pending.values()].at(-1);
  }

  /** @param {Frame} frame */
  push(frame) {
    const { decodeTime, offset, duration } = this.#timeline.add(frame);
    const [key, time] = [Boolean(frame.flags & FrameFlag.KEY), decodeTime + offset];
    this.#sequence += 1;
    const { kind, payload: accessUnit } = frame;
    const init = key ? initSegment(accessUnit, kind) : null; // with each keyframe: its parameter sets may differ
    const segment = mediaSegment({ sequence: this.#sequence, decodeTime, offset, duration, key, kind, accessUnit });
    this.#pending.set(time, frame);
    this.#newest = Math.max(this.#newest, time);
    this.#fed = true;
    this.#feed.append(init ? join([init, segment]) : segment, key ? time / TIMESCALE : null, () => this.#onAppended(frame));
  }

  close() {
    clearInterval(this.#ticker);
    this.#pending.clear();
    this.#feed.close();
  }

  /** @param {Frame} frame */
  #onAppended(frame) {
    this.#listener.onTaken(frame);
    if (frame.flags & FrameFlag.BACKLOG) return;
    if (this.#started) this.#lag.arrived(this.#newest / TIMESCALE);
    else this.#start();
  }

  /** Begins with the newest picture: what came before it is backlog. */
  #start() {
    this.#started = true;
    if (this.#newest > 0) this.#feed.video.currentTime = this.#newest / TIMESCALE;
    this.#feed.play();
  }

  #watch() {
    this.#feed.video.requestVideoFrameCallback((_, { mediaTime }) => {
      this.#onShown(mediaTime * TIMESCALE);
      this.#watch();
    });
  }

  /** @param {number} now microseconds */
  #onShown(now) {
    const times = [...this.#pending.keys()].filter((time) => time <= now + TOLERANCE);
    const shown = Math.max(...times);
    for (const time of times) {
      const frame = this.#pending.get(time);
      this.#pending.delete(time);
      if (!frame) continue;
      if (time === shown && !(frame.flags & FrameFlag.BACKLOG)) this.#show(frame, time);
      else this.#listener.onSkipped(frame);
    }
  }

  /** @param {Frame} frame @param {number} timestamp */
  #show(frame, timestamp) {
    this.#silent = 0;
    this.#listener.onPicture(new this.#browser.VideoFrame(this.#feed.video, { timestamp }), frame);
  }

  /** Looks for a video that gets frames and shows none. A hidden page shows none. */
  #tick() {
    const waits = this.#fed && this.#browser.document.visibilityState === "visible";
    this.#silent = waits ? this.#silent + 1 : 0;
    this.#fed = false;
    if (this.#silent >= SILENT_TICKS) this.#listener.onError(null);
  }
}
