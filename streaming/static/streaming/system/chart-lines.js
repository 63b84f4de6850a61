/** Lines of the charts, and those of the limits, which have times of their own. */

import uPlot from "../vendor/uplot/uPlot.esm.js";

import { limitAt, limitLine } from "./chart-data.js";
import { place } from "./dom.js";
import { ALARMS } from "./levels.js";

/** @import { LimitSpan } from "./chart-data.js" */

/** @typedef {(value: number | null | undefined) => string} Words */

const DASHED = [6, 5];

/** @type {[label: string, color: string, share: number][]} */
const LIMIT_LINES = [
  ["Limit", "full", 1],
  ["90 %", "critical", ALARMS.critical],
  ["75 %", "high", ALARMS.high],
];

/** @param {string} name */
export const color = (name) => getComputedStyle(place("system")).getPropertyValue(`--chart-${name}`).trim();

/** @param {string} label @param {string} name of its color @param {Words} words @returns {uPlot.Series} */
export function line(label, name, words) {
  return { label, stroke: color(name), width: 2, points: { show: false }, value: (_, number) => words(number) };
}

/** @param {LimitSpan[]} limits @param {Words} words @returns {uPlot.Series[]} none without limits */
export function limitSeries(limits, words) {
  const lines = limits.length ? LIMIT_LINES : [];
  return lines.map(([label, name, share]) => ({
    ...line(label, name, words),
    ...(share < 1 && { width: 1, dash: DASHED }),
    points: { show: false, size: 0 }, // at the cursor, too: it would be where the limit began
    // The limit itself: the line may be lower, at the upper edge of the chart.
    value: (plot, _value, _series, index) => {
      const limit = index === null ? null : limitAt(limits, plot.data[0][index]);
      return words(limit === null ? null : limit * share);
    },
  }));
}

/**
 * Adds the lines of limits, which have times of their own.
 * @param {uPlot.AlignedData} data
 * @param {LimitSpan[]} limits
 * @param {number} top
 */
export function withLimits(data, limits, top) {
  if (!limits.length) return data;
  const lines = LIMIT_LINES.map(([, , share]) => limitLine(limits, share, top));
  return uPlot.join([data, ...lines]);
}

/**
 * The point whose value the legend shows: the latest one of this series, as each series may have times of its own.
 * @param {uPlot} plot
 * @param {number} series
 * @param {number} index of the point at the cursor
 */
export function latestKnown({ data }, series, index) {
  while (index > 0 && data[series][index] === undefined) index -= 1;
  return index;
}
