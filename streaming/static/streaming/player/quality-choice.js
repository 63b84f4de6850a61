import { AutoQuality } from "./auto-quality.js";
import { QUALITIES } from "../shared/protocol.js";

export const AUTO = "auto";
export const ORIGINAL = "original";
const SIZES = [
  [640, "low"],
  [1280, "medium"],
]; // pixels that a quality fills; above, "high"
const VIDEO_AGAIN = 300_000; // ms after which a camera's own video is tried again where it could not be played
const JPEG_FOR = 3_000; // ms: `original` that comes as JPEG for so long is not the camera's own H.264
const TRAFFIC = ["low", "medium", "high"]; // what JPEG costs, rising

/** What somebody chose, or Auto, and the quality to ask the server for because of it. */
export class QualityChoice {
  choice;
  #playsVideo;
  #pixels;
  #link;
  #auto;
  #now;
  #noVideoBefore = -Infinity;
  #isJpegOnly = false;
  /** @type {number | null} */
  #jpegSince = null;

  /**
   * @param {object} options
   * @param {string} options.choice AUTO or one of QUALITIES
   * @param {boolean} options.playsVideo
   * @param {() => number} options.pixels the width in which the picture is shown, in pixels of the screen
   * @param {import("../engine/traffic.js").Traffic} options.traffic
   * @param {() => Promise<number>} options.measure kbit/s that the link can carry; Infinity: not known
   * @param {() => number} [options.now] milliseconds
   */
  constructor({ choice, playsVideo, pixels, traffic, measure, now = Date.now }) {
    this.choice = choice;
    this.#playsVideo = playsVideo;
    this.#pixels = pixels;
    this.#link = { traffic, measure };
    this.#now = now;
    this.#startAuto();
  }

  /** @returns {string} one of QUALITIES */
  get quality() {
    if (this.choice === ORIGINAL && this.#videoFailed) return "high";
    if (this.choice !== AUTO) return this.choice;
    this.#auto.ladder = this.#ladder();
    return this.#auto.quality;
  }

  /** @param {string} choice AUTO or one of QUALITIES */
  choose(choice) {
    this.choice = choice;
    this.#noVideoBefore = -Infinity;
    this.#isJpegOnly = false;
    this.#jpegSince = null;
    this.#startAuto();
  }

  /**
   * A live picture has been shown.
   * @param {{age: number, gap: boolean, quality: string, format: string}} picture `quality`: the one that is being sent
   */
  observe({ age, gap, quality, format }) {
    this.#noteFormat(quality === ORIGINAL, format);
    this.#auto.observe({ age, gap });
  }

  /**
   * The server has no room for another quality than this one.
   * @param {string} quality
   */
  kept(quality) {
    if (this.choice === AUTO) this.#auto.kept(quality);
    else this.choose(quality);
  }

  /** The camera's own video cannot be played here. */
  videoFailed() {
    this.#noVideoBefore = this.#now() + VIDEO_AGAIN;
  }

  /** Another connection. */
  restart() {
    this.#jpegSince = null;
    this.#auto.restart();
  }

  #startAuto() {
    this.#auto = new AutoQuality({ ladder: this.#ladder(), ...this.#link, now: this.#now });
  }

  #noteFormat(isOriginal, format) {
    if (!isOriginal || format !== "jpeg") this.#jpegSince = null;
    else this.#jpegSince ??= this.#now();
    if (this.#jpegSince !== null && this.#now() - this.#jpegSince >= JPEG_FOR) this.#isJpegOnly = true;
  }

  get #videoFailed() {
    return this.#now() < this.#noVideoBefore;
  }

  /** Below the camera's own video come the small JPEG qualities. */
  #ladder() {
    if (this.#playsVideo && !this.#isJpegOnly && !this.#videoFailed) return [ORIGINAL, "medium", "low"];
    const pixels = this.#pixels();
    const best = SIZES.find(([width]) => pixels <= width)?.[1] ?? "high";
    return TRAFFIC.slice(0, TRAFFIC.indexOf(best) + 1).reverse();
  }
}

/** @param {string | null} choice */
export function isChoice(choice) {
  return choice === AUTO || QUALITIES.includes(choice);
}
