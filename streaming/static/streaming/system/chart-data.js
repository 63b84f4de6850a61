/** The recorded past, shaped for the chart, and in words for whoever does not see it. */

import { ALARMS, rate } from "./levels.js";
import { duration } from "../shared/format.js";

/**
 * What the server knows of a time; columns of equal length, null where nothing is recorded.
 * @typedef {object} Columns
 * @property {number} step minutes
 * @property {number[]} time Unix seconds at which a step begins
 * @property {(number | null)[]} peak
 * @property {(number | null)[]} limit
 * @property {(number | null)[]} mbps average
 * @property {(number | null)[]} mbps_peak
 * @property {(number | null)[]} max_mbps 0: no budget
 * @property {(number | null)[]} seconds_at_full
 * @property {Record<string, (number | null)[]>} refusals by reason
 * @property {Record<string, (number | null)[]>} would_refuse by reason
 */

const REASON_WORDS = {
  limit_reached: "All streams in use",
  bandwidth_reached: "Not enough bandwidth",
  camera_limit_reached: "Camera limit",
  user_limit_reached: "User limit",
  address_limit_reached: "Address limit",
  stopped_by_administrator: "Blocked by an administrator",
  gate_unavailable: "Limit could not be checked",
};

/** @param {string} reason */
export function reasonWords(reason) {
  return REASON_WORDS[reason] ?? reason.replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase());
}

/**
 * Who was refused by a limit, a block, or because neither could be looked at. Who is not logged in, or asks for a camera that
 * there is not, says nothing about the limits.
 * @param {Record<string, (number | null)[]>} refusals by reason
 */
export function byLimits(refusals) {
  const others = ["stopped_by_administrator", "gate_unavailable"];
  return Object.fromEntries(Object.entries(refusals).filter(([name]) => name.endsWith("_reached") || others.includes(name)));
}

/** The reasons in the order of their words above, so that a color stays with its reason. */
const RANK = Object.keys(REASON_WORDS);
const rank = (reason) => (RANK.includes(reason) ? RANK.indexOf(reason) : RANK.length);

/**
 * One column on top of the other: the first is the sum of all, so that drawn in this order each next one covers its part.
 * @param {Record<string, (number | null)[]>} columns
 * @returns {{name: string, rank: number, own: (number | null)[], stacked: (number | null)[]}[]}
 */
export function stack(columns) {
  const names = Object.keys(columns).sort((one, other) => rank(one) - rank(other) || one.localeCompare(other));
  let below = null;
  const layers = names.map((name) => {
    const own = columns[name];
    below = own.map((value, index) => (value === null ? null : value + (below?.[index] ?? 0)));
    return { name, rank: rank(name), own, stacked: below };
  });
  return layers.reverse();
}

/** @param {(number | null)[]} limit */
export function alarmLines(limit) {
  const line = (share) => limit.map((value) => (value === null ? null : value * share));
  return { high: line(ALARMS.high), critical: line(ALARMS.critical) };
}

/**
 * How high a chart is to reach: a limit that stood far above all that was in use, perhaps for a moment, would flatten it.
 * @param {(number | null)[]} used
 * @param {(number | null)[]} limit
 */
export function reach(used, limit) {
  const limits = limit.filter((value) => value !== null);
  const base = Math.max(...used, limits.length ? Math.min(...limits) : 0);
  return Math.max(base, ...limits.filter((value) => value <= 2 * base));
}

/**
 * @param {Record<string, (number | null)[]>} columns by reason
 * @param {number[]} time
 * @returns {number[]} of all reasons
 */
export function inAll(columns, time) {
  const all = Object.values(columns);
  return time.map((_, index) => all.reduce((sum, column) => sum + (column[index] ?? 0), 0));
}

/**
 * Both ends of each step, so that a line is level for as long as its value held, however short, and ends where a gap begins.
 * @param {number[]} time
 * @param {number} step minutes
 */
export function ends(time, step) {
  return time.flatMap((begin) => [begin, begin + step * 60 - 0.001]);
}

/** @param {(number | null)[]} column for `ends` */
export function twice(column) {
  return column.flatMap((value) => [value, value]);
}

/**
 * The chart in a few sentences.
 * @param {Columns} columns
 * @param {(time: number) => string} clock words for Unix seconds
 */
export function summary(columns, clock) {
  const { time, peak, limit, mbps_peak: mbps } = columns;
  const index = highest(peak);
  if (index === null) return "No data for this period yet.";
  const most = `Peak: ${peak[index]} of ${limit[index]} streams in use (${clock(time[index])})`;
  const fast = highest(mbps);
  const bandwidth = fast === null ? "" : `, ${rate(mbps[fast])} Mbit/s`;
  return [`${most}${bandwidth}.`, fullWords(columns), refusalWords(columns.refusals), trialWords(columns)].filter(Boolean).join(" ");
}

function fullWords({ seconds_at_full: full }) {
  const seconds = sum(full);
  return seconds < 0.5 ? "Never full." : `Full for ${duration(seconds)}.`;
}

function refusalWords(refusals) {
  const counts = Object.entries(refusals).map(([reason, column]) => [reason, sum(column)]);
  const told = counts.filter(([, count]) => count > 0).sort((one, other) => rank(one[0]) - rank(other[0]));
  if (!told.length) return "Nobody was refused.";
  const all = told.reduce((total, [, count]) => total + count, 0);
  return `${all} refused (${told.map(([reason, count]) => `${count}: ${reasonWords(reason).toLowerCase()}`).join(", ")}).`;
}

function trialWords({ would_refuse: columns, time }) {
  const count = sum(inAll(columns, time));
  return count && `A dry run would have refused ${count}.`;
}

/** @param {(number | null)[]} column @returns {number | null} index of its first highest value */
function highest(column) {
  return column.reduce((best, value, index) => (value !== null && (best === null || value > column[best]) ? index : best), null);
}

const sum = (column) => column.reduce((total, value) => total + (value ?? 0), 0);

/**
 * The hours of the day as the clock on this wall has them.
 * @template T
 * @param {T[]} hours 24, by UTC
 * @param {number} offset minutes from UTC, as `Date.getTimezoneOffset` gives them: negative in the east
 */
export function localHours(hours, offset) {
  const shift = Math.round(offset / 60);
  return hours.map((_, hour) => hours[(((hour + shift) % 24) + 24) % 24]);
}

/**
 * @param {{average_peak: number | null, max_peak: number | null, refusals: number}[]} hours
 */
export function hoursWords(hours) {
  const busiest = highest(hours.map(({ average_peak: average }) => average));
  if (busiest === null) return "No data yet.";
  const { average_peak: average, max_peak: most } = hours[busiest];
  const hour = String(busiest).padStart(2, "0");
  return `Busiest from ${hour}:00 to ${hour}:59: ${average.toFixed(1)} streams on average, at most ${most}.`;
}
