import { join } from "./boxes.js";

/** @import { Browser } from "./browser.js" */

const KEPT = 5; // seconds behind the playing position that stay in the buffer, at least
const BEFORE = 0.001; // seconds

/** @typedef {Pick<Browser, "MediaSource" | "createVideo">} MediaBrowser */

/** Media segments on their way into a muted video, which is not part of the page. */
export class MediaFeed {
  video;
  #source;
  #onError;
  /** @type {SourceBuffer | null} */
  #buffer = null;
  /** @type {{segment: Uint8Array<ArrayBuffer>, onAppended: () => void}[]} */
  #waiting = [];
  /** @type {number[]} times of the keyframes in the buffer, seconds */
  #keys = [];
  /** @type {(() => void)[]} */
  #appending = [];
  #address;

  /**
   * @param {MediaBrowser} browser
   * @param {string} type with its codec
   * @param {(error: DOMException) => void} onError
   */
  constructor({ MediaSource, createVideo }, type, onError) {
    this.#onError = onError;
    this.#source = new MediaSource();
    this.#address = URL.createObjectURL(this.#source);
    this.#source.addEventListener("sourceopen", () => this.#open(type), { once: true });
    this.video = createVideo();
    this.video.onerror = () => this.#fail(this.video.error?.message);
    this.video.src = this.#address;
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} segment
   * @param {number | null} key time of its keyframe, seconds; null: it has none
   * @param {() => void} onAppended
   */
  append(segment, key, onAppended) {
    if (key !== null) this.#keys.push(key);
    this.#waiting.push({ segment, onAppended });
    this.#advance();
  }

  /** Plays from now on. A browser that saves power may refuse. */
  play() {
    this.video.play().catch((error) => error.name !== "AbortError" && this.#onError(error));
  }

  close() {
    this.#onError = () => {};
    this.#waiting = this.#appending = [];
    this.#buffer = null;
    this.video.onerror = null;
    this.video.removeAttribute("src");
    this.video.load(); // frees the decoder
    URL.revokeObjectURL(this.#address);
  }

  /** @param {string} type */
  #open(type) {
    URL.revokeObjectURL(this.#address);
    try {
      this.#buffer = this.#source.addSourceBuffer(type);
    } catch (error) {
      this.#onError(/** @type {DOMException} */ (error));
      return;
    }
    this.#buffer.addEventListener("updateend", () => this.#onUpdated());
    this.#buffer.addEventListener("error", () => this.#fail("The segment is invalid."));
    this.#advance();
  }

  #onUpdated() {
    for (const onAppended of this.#appending.splice(0)) onAppended();
    this.#advance();
  }

  #advance() {
    const buffer = this.#buffer;
    if (!buffer || buffer.updating) return;
    try {
      if (this.#isOld(this.#keys[1])) {
        this.#keys.shift();
        buffer.remove(0, this.#keys[0] - BEFORE); // up to a keyframe: to anywhere else, it would remove the rest of the GOP
      } else if (this.#waiting.length) {
        const batch = this.#waiting.splice(0);
        this.#appending = batch.map(({ onAppended }) => onAppended);
        buffer.appendBuffer(join(batch.map(({ segment }) => segment)));
      }
    } catch (error) {
      this.#onError(/** @type {DOMException} */ (error)); // the buffer is full, or the video has failed
    }
  }

  /** @param {number | undefined} time seconds */
  #isOld(time) {
    return time !== undefined && time < this.video.currentTime - KEPT;
  }

  /** @param {string} [message] */
  #fail(message) {
    this.#onError(new DOMException(message, "EncodingError"));
  }
}
