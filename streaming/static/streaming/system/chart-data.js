/** The recorded history: as data for the charts, and in words for users who do not see them. */

import { ALARMS, rate } from "./levels.js";
import { duration } from "../shared/format.js";

/** @typedef {(number | null)[]} Column one value per step; null: nothing is recorded */
/** @typedef {Record<string, Column>} ByReason */

/**
 * The history of a time range, in columns of equal length.
 * @typedef {object} Columns
 * @property {number} step minutes
 * @property {number[]} time Unix seconds at which a step begins
 * @property {Column} peak streams in use
 * @property {Column} limit
 * @property {Column} mbps average
 * @property {Column} mbps_peak
 * @property {Column} max_mbps 0: no budget
 * @property {Column} seconds_at_full
 * @property {ByReason} refusals
 * @property {ByReason} would_refuse by the dry run
 * @property {Column} waited viewers who got a slot after waiting in line
 * @property {Column} wait_median seconds
 * @property {Column} wait_high seconds, 95 %
 * @property {Column} gave_up viewers who left the line without a slot
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

/** @param {Column} limit */
export function alarmLines(limit) {
  const line = (/** @type {number} */ share) => limit.map((value) => (value === null ? null : value * share));
  return { high: line(ALARMS.high), critical: line(ALARMS.critical) };
}

/**
 * The highest value of a chart. A limit far above the usage, perhaps for a moment only, would flatten the chart.
 * @param {Column} used
 * @param {Column} limit
 */
export function reach(used, limit) {
  const limits = limit.filter((value) => value !== null);
  const base = Math.max(...used.map((value) => value ?? 0), limits.length ? Math.min(...limits) : 0);
  return Math.max(base, ...limits.filter((value) => value <= 2 * base));
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
  return [`${most}${bandwidth}.`, fullWords(columns), refusalWords(columns.refusals), waitWords(columns), trialWords(columns)].filter(Boolean).join(" ");
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
