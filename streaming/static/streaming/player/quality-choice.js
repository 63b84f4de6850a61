import { AutoQuality } from "./auto-quality.js";
import { QUALITIES } from "../shared/protocol.js";

/** @import { Format, Quality } from "../shared/protocol.js" */
/** @import { LinkTraffic } from "./auto-quality.js" */
/** @import { VideoFailures } from "./video-failures.js" */

export const AUTO = "auto";
export const ORIGINAL = "original";
/** @typedef {Quality | typeof AUTO} Choice */

/** @type {{width: number, quality: Quality}[]} pixels that a quality fills; above, "high" */
const SIZES = [
  { width: 640, quality: "low" },
  { width: 1280, quality: "medium" },
];
const JPEG_FOR = 3_000; // ms: `original` that arrives as JPEG for this long is not the camera's own video
/** @type {Quality[]} JPEG, by rising bandwidth */
const JPEG_QUALITIES = ["low", "medium", "high"];

/** The user's choice, or Auto, and the quality to ask the server for. */
export class QualityChoice {
  /** @type {Choice} */
  choice;
  #playsVideo;
  #pixels;
  #link;
  /** @type {AutoQuality} */
  #auto;
  #now;
  #failures;
  #isJpegOnly = false;
  /** @type {number | null} */
  #jpegSince = null;

  /**
   * @param {object} options
   * @param {Choice} options.choice
   * @param {boolean} options.playsVideo whether this browser plays cameras' own video
   * @param {Pick<VideoFailures, "isRecent" | "add" | "forget">} options.failures of the camera's own video
   * @param {() => number} options.pixels the width of the picture on the screen
   * @param {LinkTraffic} options.traffic
   * @param {() => Promise<number>} options.measure bandwidth of the link, kbit/s; Infinity: not known
   * @param {() => number} [options.now] milliseconds
   */
  constructor({ choice, playsVideo, failures, pixels, traffic, measure, now = Date.now }) {
    this.choice = choice;
    this.#playsVideo = playsVideo;
    this.#failures = failures;
    this.#pixels = pixels;
    this.#link = { traffic, measure };
    this.#now = now;
    this.#auto = this.#startAuto();
  }

  /** @returns {Quality} the quality to ask for */
  get quality() {
    if (this.choice === ORIGINAL && this.#failures.isRecent) return "high";
    if (this.choice !== AUTO) return this.choice;
    this.#auto.setLadder(this.#ladder());
    return this.#auto.quality;
  }

  /** @param {Choice} choice */
  choose(choice) {
    this.choice = choice;
    this.#failures.forget();
    this.#isJpegOnly = false;
    this.#jpegSince = null;
    this.#auto = this.#startAuto();
  }

  /**
   * Observes a live picture.
   * @param {{age: number, gap: boolean, quality: Quality | null, format: Format | null}} picture `age`: seconds; `gap`:
   *   whether the server dropped frames before it; `quality`: the one that the server sends
   */
  observe({ age, gap, quality, format }) {
    this.#noteFormat(quality === ORIGINAL, format);
    if (this.choice === AUTO) this.#auto.observe({ age, gap });
  }

  /**
   * The server has no room for another quality than this one.
   * @param {Quality} quality
   */
  kept(quality) {
    if (this.choice === AUTO) this.#auto.kept(quality);
    else this.choose(quality);
  }

  /**
   * This browser cannot play the camera's own video.
   * @param {Format} format
   */
  videoFailed(format) {
    this.#failures.add(format);
  }

  /** The live picture was interrupted: earlier observations no longer count. */
  restart() {
    this.#jpegSince = null;
    this.#auto.restart();
  }

  #startAuto() {
    return new AutoQuality({ ladder: this.#ladder(), ...this.#link, now: this.#now });
  }

  /** @param {boolean} isOriginal @param {Format | null} format */
  #noteFormat(isOriginal, format) {
    if (!isOriginal || format !== "jpeg") this.#jpegSince = null;
    else this.#jpegSince ??= this.#now();
    if (this.#jpegSince !== null && this.#now() - this.#jpegSince >= JPEG_FOR) this.#isJpegOnly = true;
  }

  /** @returns {Quality[]} the qualities that Auto may choose, the best one first */
  #ladder() {
    if (this.#playsVideo && !this.#isJpegOnly && !this.#failures.isRecent) return [ORIGINAL, "medium", "low"];
    const pixels = this.#pixels();
    const best = SIZES.find(({ width }) => pixels <= width)?.quality ?? "high";
    return JPEG_QUALITIES.slice(0, JPEG_QUALITIES.indexOf(best) + 1).reverse();
  }
}

/**
 * @param {string | null} choice
 * @returns {choice is Choice}
 */
export function isChoice(choice) {
  return choice === AUTO || QUALITIES.some((quality) => quality === choice);
}
