/** The recorded history: as data for the charts, and in words for users who do not see them. */

import { rate } from "./levels.js";
import { duration } from "../shared/format.js";

/** @typedef {(number | null)[]} Column one value per step; null: nothing is recorded */
/** @typedef {Record<string, Column>} ByReason */
/** @typedef {[begin: number, end: number, limit: number]} LimitSpan a limit that was in force: Unix seconds, exact to a minute */

/**
 * The history of a time range, in columns of equal length.
 * @typedef {object} Columns
 * @property {number} step minutes
 * @property {number[]} time Unix seconds at which a step begins
 * @property {Column} peak streams in use
 * @property {Column} limit in the minute of the peak
 * @property {Column} mbps average
 * @property {Column} mbps_peak
 * @property {Column} max_mbps in the minute of the peak; 0: no budget
 * @property {Column} seconds_at_full
 * @property {ByReason} refusals
 * @property {ByReason} would_refuse by the dry run
 * @property {Column} waited viewers who got a slot after waiting in line
 * @property {Column} wait_median seconds
 * @property {Column} wait_high seconds, 95 %
 * @property {Column} gave_up viewers who left the line without a slot
 * @property {LimitSpan[]} limits of streams, each that was in force
 * @property {LimitSpan[]} budgets the same of Mbit/s
 * @property {{waited: number, wait_median: number | null, wait_high: number | null, gave_up: number}} waits of the whole time
 */

/** @typedef {{average_peak: number | null, max_peak: number | null, refusals: number}} Hour */
/** @typedef {{name: string, rank: number, own: Column, stacked: Column}} Layer of a stacked chart */

/** @type {Record<string, string>} */
const REASON_WORDS = {
  limit_reached: "All streams in use",
  bandwidth_reached: "Not enough bandwidth",
  camera_limit_reached: "Camera limit",
  user_limit_reached: "User limit",
  address_limit_reached: "Address limit",
  stopped_by_administrator: "Blocked by an administrator",
  gate_unavailable: "Limit could not be checked",
  line_full: "Waiting line full",
  wait_expired: "Waited too long",
};

/** @param {string} reason */
export function reasonWords(reason) {
  return REASON_WORDS[reason] ?? reason.replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase());
}

/**
 * Keeps the refusals by a limit, by the waiting line, by a block, and by a failed check of both. Others tell nothing about the limits.
 * @param {ByReason} refusals
 * @returns {ByReason}
 */
export function byLimits(refusals) {
  const others = ["stopped_by_administrator", "gate_unavailable", "line_full", "wait_expired"];
  return Object.fromEntries(Object.entries(refusals).filter(([name]) => name.endsWith("_reached") || others.includes(name)));
}

/** The order of the reasons, so that each keeps its color. */
const RANK = Object.keys(REASON_WORDS);
const rank = (/** @type {string} */ reason) => (RANK.includes(reason) ? RANK.indexOf(reason) : RANK.length);

/**
 * Stacks columns. The first layer is the sum of all: drawn in this order, each layer covers a part of the one before.
 * @param {ByReason} columns
 * @returns {Layer[]}
 */
export function stack(columns) {
  const names = Object.keys(columns).sort((one, other) => rank(one) - rank(other) || one.localeCompare(other));
  /** @type {Column | null} */
  let below = null;
  const layers = names.map((name) => {
    const own = columns[name];
    const lower = below;
    const stacked = own.map((value, index) => (value === null ? null : value + (lower?.[index] ?? 0)));
    below = stacked;
    return { name, rank: rank(name), own, stacked };
  });
  return layers.reverse();
}

const FLAT = 10; // a limit so many times as high as the rest would flatten a chart, perhaps for a moment only

/**
 * The highest value of a chart: of the usage, and of the limits that do not flatten it.
 * @param {Column} used
 * @param {LimitSpan[]} limits
 */
export function reach(used, limits) {
  const values = limits.map(([, , limit]) => limit);
  const base = Math.max(...used.map((value) => value ?? 0), values.length ? Math.min(...values) : 0);
  return Math.max(base, ...values.filter((value) => value <= FLAT * base));
}

/**
 * The line of a share of each limit: its times and values. A limit above the chart is drawn at its upper edge.
 * @param {LimitSpan[]} limits
 * @param {number} share
 * @param {number} top the highest value of the chart
 * @returns {[number[], Column]}
 */
export function limitLine(limits, share, top) {
  /** @type {[number[], Column]} */
  const [times, values] = [[], []];
  limits.forEach(([begin, end, limit], index) => {
    const value = Math.min(limit, top) * share;
    times.push(begin, end - 0.001);
    values.push(value, value);
    if (index + 1 < limits.length && limits[index + 1][0] > end) {
      times.push(end);
      values.push(null); // nothing is recorded from here
    }
  });
  return [times, values];
}

/**
 * @param {LimitSpan[]} limits
 * @param {number} time Unix seconds
 * @returns {number | null} the limit that was in force
 */
export function limitAt(limits, time) {
  return limits.find(([begin, end]) => begin <= time && time < end)?.[2] ?? null;
}

/**
 * Adds the columns of all reasons.
 * @param {ByReason} columns
 * @param {number[]} time
 * @returns {number[]}
 */
export function inAll(columns, time) {
  const all = Object.values(columns);
  return time.map((_, index) => all.reduce((sum, column) => sum + (column[index] ?? 0), 0));
}

/**
 * Both ends of each step. A line stays level during a step, and ends where a gap begins.
 * @param {number[]} time
 * @param {number} step minutes
 */
export function ends(time, step) {
  return time.flatMap((begin) => [begin, begin + step * 60 - 0.001]);
}

/**
 * Repeats each value, as `ends` has two times per step.
 * @param {Column} column
 */
export function twice(column) {
  return column.flatMap((value) => [value, value]);
}

/**
 * Tells the chart in a few sentences.
 * @param {Columns} columns
 * @param {(time: number) => string} clock formats Unix seconds
 */
export function summary(columns, clock) {
  const { time, peak, limit, mbps_peak: mbps } = columns;
  const index = highest(peak);
  if (index === null) return "No data for this period yet.";
  const most = `Peak: ${peak[index]} of ${limit[index]} streams in use (${clock(time[index])})`;
  const fast = highest(mbps);
  const bandwidth = fast === null ? "" : `, ${rate(mbps[fast])} Mbit/s`;
  return [`${most}${bandwidth}.`, aboveWords(columns), fullWords(columns), refusalWords(columns.refusals), waitWords(columns), trialWords(columns)].filter(Boolean).join(" ");
}

/** @param {Columns} columns */
function aboveWords({ peak, limits, mbps_peak: mbps, budgets }) {
  const above = (/** @type {Column} */ used, /** @type {LimitSpan[]} */ spans) => {
    const high = spans.map(([, , limit]) => limit).filter((limit) => limit > reach(used, spans));
    return [...new Set(high)].sort((one, other) => one - other);
  };
  const words = [...above(peak, limits), ...above(mbps, budgets).map((limit) => `${limit} Mbit/s`)];
  if (!words.length) return "";
  return words.length === 1 ? `A limit of ${words[0]} is above the chart.` : `Limits of ${words.join(", ")} are above the chart.`;
}

/** @param {Columns} columns */
function fullWords({ seconds_at_full: full }) {
  const seconds = sum(full);
  return seconds < 0.5 ? "Never full." : `Full for ${duration(seconds)}.`;
}

/** @param {ByReason} refusals */
function refusalWords(refusals) {
  const counts = Object.entries(refusals).map(([reason, column]) => ({ reason, count: sum(column) }));
  const told = counts.filter(({ count }) => count > 0).sort((one, other) => rank(one.reason) - rank(other.reason));
  if (!told.length) return "Nobody was refused.";
  const all = told.reduce((total, { count }) => total + count, 0);
  return `${all} refused (${told.map(({ reason, count }) => `${count}: ${reasonWords(reason).toLowerCase()}`).join(", ")}).`;
}

/** @param {Columns} columns */
function waitWords({ waits: { waited, wait_median: median, wait_high: high, gave_up: left } }) {
  const words = waited ? `${waited} waited for a slot (median ${spanWords(median)}, 95 %: ${spanWords(high)}).` : "";
  return [words, left ? `${left} gave up waiting.` : ""].filter(Boolean).join(" ");
}

/**
 * A time in line. It is estimated, so it has two digits.
 * @param {number | null | undefined} seconds
 */
export function spanWords(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return "under 1 s";
  return seconds < 100 ? `${Math.round(seconds)} s` : `${Number((seconds / 60).toPrecision(2))} min`;
}

/** @param {Columns} columns */
function trialWords({ would_refuse: columns, time }) {
  const count = sum(inAll(columns, time));
  return count && `A dry run would have refused ${count}.`;
}

/** @param {Column} column @returns {number | null} index of the first highest value */
function highest(column) {
  const values = column.filter((value) => value !== null);
  return values.length ? column.indexOf(Math.max(...values)) : null;
}

const sum = (/** @type {Column} */ column) => column.map((value) => value ?? 0).reduce((total, value) => total + value, 0);

/**
 * Reorders the hours of the day by the local time.
 * @template T
 * @param {T[]} hours 24, by UTC
 * @param {number} offset minutes from UTC, as `Date.getTimezoneOffset` gives them: negative in the east
 */
export function localHours(hours, offset) {
  const shift = Math.round(offset / 60);
  return hours.map((_, hour) => hours[(((hour + shift) % 24) + 24) % 24]);
}

/** @param {Hour[]} hours */
export function hoursWords(hours) {
  const busiest = highest(hours.map(({ average_peak: average }) => average));
  if (busiest === null) return "No data yet.";
  const { average_peak: average, max_peak: most } = hours[busiest];
  const hour = String(busiest).padStart(2, "0");
  return `Busiest from ${hour}:00 to ${hour}:59: ${average?.toFixed(1)} streams on average, at most ${most}.`;
}
