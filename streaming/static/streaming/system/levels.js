/** The usage of the limits, in levels and words. */

/** @import { Gate } from "../shared/protocol.js" */

export const ALARMS = Object.freeze({ high: 0.75, critical: 0.9 }); // shares of a limit

/** @typedef {"ok" | "high" | "critical" | "full"} Level */

/** @type {Partial<Record<Level, string>>} */
const STREAMS = { high: "Above 75 % of the limit", critical: "Above 90 % of the limit", full: "All streams are in use: new viewers are refused" };
const ONLY_RESERVED = "Only reserved slots are free: other viewers are refused";
/** @type {Partial<Record<Level, string>>} */
const BANDWIDTH = {
  high: "Above 75 % of the bandwidth",
  critical: "Above 90 % of the bandwidth",
  full: "No bandwidth left: new viewers are refused",
};

/**
 * @typedef {object} GateDetails
 * @property {string} [cause] the answer of Redis, if the state is "unavailable"
 * @property {string} [eviction] the maxmemory-policy of a Redis that may evict slots
 * @property {number} over streams above a limit that was lowered
 * @property {number} reserved slots that only the members of a group may take
 * @property {number} available_ordinary available slots that are not reserved
 * @property {number} mbps sent, as measured
 * @property {number} counted_mbps bandwidth that the admission of a new viewer counts as used
 * @property {number} max_mbps 0: no budget
 * @property {Level} level of the use of all limits
 */

/** @typedef {Gate & GateDetails} SystemGate */

/**
 * @param {number | null} used
 * @param {number} limit 0: none
 * @returns {Level}
 */
export function levelOf(used, limit) {
  const share = limit ? (used ?? 0) / limit : 0;
  if (share >= 1) return "full";
  if (share >= ALARMS.critical) return "critical";
  return share >= ALARMS.high ? "high" : "ok";
}

/**
 * Without Redis, only the limits are known.
 * @param {Pick<SystemGate, "state">} gate
 */
export function isUnknown({ state }) {
  return state === "unavailable";
}

/**
 * Tells why a gate's figures are not known.
 * @param {Pick<SystemGate, "cause">} gate
 */
export function causeWords({ cause }) {
  return cause || "Redis does not answer";
}

/**
 * The alarm for the administrator; empty if there is none.
 * @param {SystemGate} gate
 */
export function alarmWords(gate) {
  if (isUnknown(gate)) return `${causeWords(gate)}: current viewers are unknown, and new viewers are refused`;
  const { in_use: inUse, limit, mbps, counted_mbps: counted, max_mbps: budget } = gate;
  const onlyReserved = (gate.available ?? 0) > 0 && gate.available_ordinary === 0;
  const streams = onlyReserved ? ONLY_RESERVED : STREAMS[levelOf(inUse, limit)];
  const eviction = gate.eviction && `Redis may evict slots: set its maxmemory-policy to noeviction, not ${gate.eviction}`;
  const said = [streams, BANDWIDTH[levelOf(Math.max(mbps, counted), budget)], eviction];
  return said.filter(Boolean).join(" · ");
}

/** @param {number} over */
export function overWords(over) {
  return over > 0 ? `${over} over the limit` : "";
}

/** @param {SystemGate} gate @param {string} [group] */
export function reservedWords(gate, group = "") {
  const { reserved, available_ordinary: others } = gate;
  if (!reserved) return "";
  const free = isUnknown(gate) ? "" : `, ${others} free for others`;
  return `${reserved} ${reserved === 1 ? "slot" : "slots"} reserved${group ? ` for ${group}` : ""}${free}`;
}

/** @param {SystemGate} gate */
export function countedWords(gate) {
  if (isUnknown(gate) || !gate.max_mbps) return "";
  return `${rate(gate.counted_mbps)} Mbit/s reserved for current viewers`;
}

/** @param {number} maximum Mbit/s */
export function budgetWords(maximum) {
  return maximum ? `of ${compact(maximum)} Mbit/s` : "Mbit/s (no limit)";
}

/** @param {number | null | undefined} mbps */
export function rate(mbps) {
  return mbps === null || mbps === undefined ? "–" : mbps.toFixed(mbps < 9.95 ? 2 : 1);
}

/**
 * Drops trailing zeros after the decimal point.
 * @param {number} number
 */
function compact(number) {
  return String(Math.round(number * 100) / 100);
}
