/** Fakes of a browser's media source, its buffer and the video that plays it. */

import { FakeBitmap } from "./fakes.mjs";

/** @import { MseBrowser } from "../../streaming/static/streaming/engine/mse-decoder.js" */

/** A source buffer whose operations end when the test asks for it. */
export class FakeSourceBuffer extends EventTarget {
  updating = false;
  isFull = false;
  appended = 0; // times
  removedUpTo = 0; // seconds

  appendBuffer() {
    if (this.isFull) throw new DOMException("full", "QuotaExceededError");
    this.updating = true;
    this.appended += 1;
  }

  /** @param {number} start @param {number} end */
  remove(start, end) {
    this.updating = true;
    this.removedUpTo = end;
  }

  finish() {
    this.updating = false;
    this.dispatchEvent(new Event("updateend"));
  }
}

export class FakeVideo {
  currentTime = 0;
  playbackRate = 1;
  plays = 0;
  src = "";
  /** @type {{message: string} | null} */
  error = null;
  /** @type {(() => void) | null} */
  onerror = null;
  /** @type {(now: number, picture: {mediaTime: number}) => void} */
  #onShown = () => {};

  async play() {
    this.plays += 1;
  }

  load() {}

  removeAttribute() {
    this.src = "";
  }

  /** @param {(now: number, picture: {mediaTime: number}) => void} onShown */
  requestVideoFrameCallback(onShown) {
    this.#onShown = onShown;
  }

  /** @param {number} mediaTime seconds */
  show(mediaTime) {
    this.currentTime = mediaTime;
    this.#onShown(0, { mediaTime });
  }

  fail() {
    this.error = { message: "Decoding error." };
    this.onerror?.();
  }
}

/** The media parts of a browser. They show what the test says. */
export class FakeMedia {
  supported = true;
  video = new FakeVideo(); // the newest
  buffer = new FakeSourceBuffer(); // of the newest source
  type = "";
  document = { visibilityState: "visible" };
  #source = new EventTarget();

  open() {
    this.#source.dispatchEvent(new Event("sourceopen"));
  }

  /** @returns {MseBrowser} */
  get environment() {
    const opened = (/** @type {EventTarget} */ source) => (this.#source = source);
    const begin = (/** @type {string} */ type) => {
      this.type = type;
      return (this.buffer = new FakeSourceBuffer());
    };
    const isSupported = () => this.supported;
    class MediaSource extends Blob {
      static isTypeSupported = isSupported;
      #events = new EventTarget();
      addSourceBuffer = begin;

      constructor() {
        super([]); // so that it has an address
        opened(this.#events);
      }

      /** @param {string} name @param {() => void} heard */
      addEventListener(name, heard) {
        this.#events.addEventListener(name, heard);
      }
    }
    const createVideo = () => (this.video = new FakeVideo());
    const VideoFrame = FakeBitmap;
    const fake = { MediaSource, createVideo, VideoFrame, document: this.document, steady: () => Date.now() };
    return /** @type {MseBrowser} */ (/** @type {unknown} */ (fake));
  }
}
