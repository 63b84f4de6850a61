/** The texts of the quality menu: what each quality shows, and what it takes. */

import { QUALITY_WORDS } from "../shared/format.js";

/** @import { Quality } from "../shared/protocol.js" */

/**
 * The picture of a quality, and the bandwidth that it takes.
 * @typedef {object} QualityFacts
 * @property {boolean} isJpeg its rate is estimated, not measured
 * @property {number} width pixels; 0 or Infinity: not known
 * @property {number} height
 * @property {number} framesPerSecond 0: not known
 * @property {number} kbps Infinity: not known
 */

/**
 * @param {Quality} quality
 * @param {QualityFacts} facts
 * @returns {string} such as "Original (1280 × 720, 25 fps, 2.0 Mbit/s)"
 */
export function qualityLabel(quality, { isJpeg, width, height, framesPerSecond, kbps }) {
  const isOwn = quality === "original" || quality === "sub";
  const format = isJpeg && isOwn ? "JPEG" : "";
  const size = width && isFinite(width) ? `${width} × ${height}` : "";
  const frames = framesPerSecond ? `${Math.round(framesPerSecond)} fps` : "";
  const rate = isFinite(kbps) ? (isJpeg ? "about " : "") + mbps(kbps) : "";
  const details = [format, size, frames, rate].filter(Boolean).join(", ");
  return QUALITY_WORDS[quality] + (details && ` (${details})`);
}

/** @param {number} kbps */
function mbps(kbps) {
  const value = kbps / 1000;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} Mbit/s`;
}
