import { AutoQuality } from "./auto-quality.js";
import { QUALITIES } from "../shared/protocol.js";

/** @import { Format, Quality } from "../shared/protocol.js" */
/** @import { LinkTraffic } from "./auto-quality.js" */

export const AUTO = "auto";
export const ORIGINAL = "original";
/** @typedef {Quality | typeof AUTO} Choice */

/** @type {{width: number, quality: Quality}[]} pixels that a quality fills; above, "high" */
const SIZES = [
  { width: 640, quality: "low" },
  { width: 1280, quality: "medium" },
];
const VIDEO_RETRY = 300_000; // ms after which a camera's own video is tried again after a failure
const JPEG_FOR = 3_000; // ms: `original` that arrives as JPEG for this long is not the camera's own H.264
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
  #noVideoBefore = -Infinity;
  #isJpegOnly = false;
  /** @type {number | null} */
  #jpegSince = null;

  /**
   * @param {object} options
   * @param {Choice} options.choice
   * @param {boolean} options.playsVideo whether this browser plays H.264
   * @param {() => number} options.pixels the width of the picture on the screen
   * @param {LinkTraffic} options.traffic
   * @param {() => Promise<number>} options.measure bandwidth of the link, kbit/s; Infinity: not known
   * @param {() => number} [options.now] milliseconds
   */
  constructor({ choice, playsVideo, pixels, traffic, measure, now = Date.now }) {
    this.choice = choice;
    this.#playsVideo = playsVideo;
    this.#pixels = pixels;
    this.#link = { traffic, measure };
    this.#now = now;
    this.#auto = this.#startAuto();
  }

  /** @returns {Quality} the quality to ask for */
  get quality() {
    if (this.choice === ORIGINAL && this.#videoFailed) return "high";
    if (this.choice !== AUTO) return this.choice;
    this.#auto.setLadder(this.#ladder());
    return this.#auto.quality;
  }

  /** @param {Choice} choice */
  choose(choice) {
    this.choice = choice;
    this.#noVideoBefore = -Infinity;
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
    this.#auto.observe({ age, gap });
  }

  /**
   * The server has no room for another quality than this one.
   * @param {Quality} quality
   */
  kept(quality) {
    if (this.choice === AUTO) this.#auto.kept(quality);
    else this.choose(quality);
  }

  /** This browser cannot play the camera's own video. */
  videoFailed() {
    this.#noVideoBefore = this.#now() + VIDEO_RETRY;
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

  get #videoFailed() {
    return this.#now() < this.#noVideoBefore;
  }

  /** @returns {Quality[]} the qualities that Auto may choose, the best one first */
  #ladder() {
    if (this.#playsVideo && !this.#isJpegOnly && !this.#videoFailed) return [ORIGINAL, "medium", "low"];
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
