/** Text for values, the same on every page. */

/** @import { Quality } from "./protocol.js" */

/** @type {Record<Quality, string>} */
export const QUALITY_WORDS = { original: "Original", sub: "Sub", high: "High", medium: "Medium", low: "Low" };

/**
 * The viewers in line for a slot; empty without any.
 * @param {number | null | undefined} count
 */
export function waitingWords(count) {
  return count ? `${count}\u00a0waiting` : "";
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
