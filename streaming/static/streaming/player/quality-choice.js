import { AutoQuality } from "./auto-quality.js";
import { QUALITIES } from "../shared/protocol.js";

/** @import { Format, Quality } from "../shared/protocol.js" */
/** @import { CameraStreams } from "../engine/camera-streams.js" */
/** @import { LinkTraffic } from "./auto-quality.js" */
/** @import { VideoFailures } from "./video-failures.js" */

export const AUTO = "auto";
export const TILE = "tile"; // of a wall: the substream, or the own video of a small camera
export const ORIGINAL = "original";
export const SUB = "sub";
/** @typedef {Quality | typeof AUTO | typeof TILE} Choice */

/** @type {{width: number, quality: Quality}[]} pixels that a quality fills; above, "high" */
const SIZES = [
  { width: 640, quality: "low" },
  { width: 1280, quality: "medium" },
];
const SUB_WIDTH = 640; // pixels of a substream that was not seen yet, and the most of a camera that needs none
const ENLARGED = 1.1; // times its own size that a substream is shown, before the larger stream replaces it
const JPEG_FOR = 3_000; // ms: a camera's own video that arrives as JPEG for this long is not passed on
/** @type {Quality[]} JPEG, by rising bandwidth */
const JPEG_QUALITIES = ["low", "medium", "high"];

/** The user's choice, or Auto, and the quality to ask the server for. */
export class QualityChoice {
  /** @type {Choice} */
  choice;
  #playsVideo;
  #streams;
  #pixels;
  #link;
  /** @type {AutoQuality} */
  #auto;
  #now;
  #failures;
  /** @type {Set<Quality>} the camera's own video that comes as JPEG */
  #jpegOnly = new Set();
  /** @type {{quality: Quality, at: number} | null} */
  #jpegSince = null;

  /**
   * @param {object} options
   * @param {Choice} options.choice
   * @param {boolean} options.playsVideo whether this browser plays cameras' own video
   * @param {Pick<CameraStreams, "hasSubstream" | "of">} options.streams
   * @param {Pick<VideoFailures, "isRecent" | "add" | "forget">} options.failures of the camera's own video
   * @param {() => number} options.pixels the width of the picture on the screen
   * @param {LinkTraffic} options.traffic
   * @param {() => Promise<number>} options.measure bandwidth of the link, kbit/s; Infinity: not known
   * @param {() => number} [options.now] milliseconds
   */
  constructor({ choice, playsVideo, streams, failures, pixels, traffic, measure, now = Date.now }) {
    this.choice = choice;
    this.#playsVideo = playsVideo;
    this.#streams = streams;
    this.#failures = failures;
    this.#pixels = pixels;
    this.#link = { traffic, measure };
    this.#now = now;
    this.#auto = this.#startAuto();
  }

  /** @returns {Quality} the quality to ask for */
  get quality() {
    if (this.choice === TILE) return this.#ofTile;
    if (this.choice === SUB && (!this.#streams.hasSubstream || this.#failures.isRecent(SUB))) return "low";
    if (this.choice === ORIGINAL && this.#failures.isRecent(ORIGINAL)) return "high";
    if (this.choice !== AUTO) return this.choice;
    const ladder = this.#ladder();
    const [wasSub, isSub] = [this.#auto.best === SUB, ladder[0] === SUB];
    const mayWait = isSub && !wasSub && this.#auto.hasJustChanged; // a picture that grows does not wait
    if (!mayWait) this.#auto.setLadder(ladder, wasSub && !isSub);
    return this.#auto.quality;
  }

  /** @returns {Quality} a small camera's own video takes less than JPEG, and has all its frames */
  get #ofTile() {
    const isSmall = (this.#streams.of(ORIGINAL)?.width ?? Infinity) <= SUB_WIDTH;
    const own = this.#streams.hasSubstream ? SUB : isSmall ? ORIGINAL : null;
    return own && this.plays(own) ? own : "low";
  }

  /** @param {Quality} quality @returns {boolean} whether the camera's own video comes as it is, not as JPEG */
  plays(quality) {
    if (quality !== ORIGINAL && quality !== SUB) return false;
    return this.#playsVideo && !this.#failures.isRecent(quality) && !this.#jpegOnly.has(quality);
  }

  /** @param {Choice} choice */
  choose(choice) {
    this.choice = choice;
    this.#failures.forget();
    this.#jpegOnly.clear();
    this.#jpegSince = null;
    this.#auto = this.#startAuto();
  }

  /**
   * Observes a live picture.
   * @param {{age: number, gap: boolean, quality: Quality | null, format: Format | null}} picture `age`: seconds; `gap`:
   *   whether the server dropped frames before it; `quality`: the one that the server sends
   */
  observe({ age, gap, quality, format }) {
    this.#noteFormat(quality, format);
    if (this.choice === AUTO) this.#auto.observe({ age, gap });
  }

  /**
   * The server has no room for another quality than this one.
   * @param {Quality} quality
   */
  kept(quality) {
    if (this.choice === AUTO) this.#auto.kept(quality);
    else if (this.choice !== TILE) this.choose(quality);
  }

  /**
   * This browser cannot play this stream of the camera. The other one may have another codec.
   * @param {Quality} quality
   * @param {Format} format
   */
  videoFailed(quality, format) {
    this.#failures.add(quality, format);
  }

  /** The live picture was interrupted: earlier observations no longer count. */
  restart() {
    this.#jpegSince = null;
    this.#auto.restart();
  }

  #startAuto() {
    return new AutoQuality({ ladder: this.#ladder(), ...this.#link, now: this.#now });
  }

  /** @param {Quality | null} quality @param {Format | null} format */
  #noteFormat(quality, format) {
    const isOwn = quality === ORIGINAL || quality === SUB;
    if (!isOwn || format !== "jpeg") this.#jpegSince = null;
    else if (this.#jpegSince?.quality !== quality) this.#jpegSince = { quality, at: this.#now() };
    else if (this.#now() - this.#jpegSince.at >= JPEG_FOR) this.#jpegOnly.add(quality);
  }

  /** @returns {Quality[]} the qualities that Auto may choose, the best one first */
  #ladder() {
    const hasSub = this.#streams.hasSubstream && this.plays(SUB);
    const pixels = this.#pixels();
    if (hasSub && this.#isSubEnough(pixels)) return [SUB, "low"];
    if (this.plays(ORIGINAL)) return hasSub ? [ORIGINAL, SUB, "low"] : [ORIGINAL, "medium", "low"];
    const best = SIZES.find(({ width }) => pixels <= width)?.quality ?? "high";
    const jpeg = JPEG_QUALITIES.slice(0, JPEG_QUALITIES.indexOf(best) + 1).reverse();
    return hasSub ? [...jpeg.slice(0, -1), SUB, "low"] : jpeg;
  }

  /**
   * Whether the substream is as large as the picture on the screen. One that is shown already may be a little smaller.
   * @param {number} pixels
   */
  #isSubEnough(pixels) {
    const width = this.#streams.of(SUB)?.width ?? SUB_WIDTH;
    return pixels > 0 && pixels <= (this.#auto?.best === SUB ? width * ENLARGED : width);
  }
}

/**
 * @param {string | null} choice
 * @returns {choice is Choice}
 */
export function isChoice(choice) {
  return choice === AUTO || QUALITIES.some((quality) => quality === choice);
}
