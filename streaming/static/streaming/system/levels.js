/** How far the limits are used, in levels and words. */

export const ALARMS = Object.freeze({ high: 0.75, critical: 0.9 }); // shares of a limit

const STREAMS = { high: "Above 75 % of the limit", critical: "Above 90 % of the limit", full: "All streams are in use: new viewers are refused" };
const ONLY_RESERVED = "Only reserved slots are free: other viewers are refused";
const BANDWIDTH = {
  high: "Above 75 % of the bandwidth",
  critical: "Above 90 % of the bandwidth",
  full: "No bandwidth left: new viewers are refused",
};

/**
 * @typedef {object} Gate
 * @property {number | null} in_use null: not known
 * @property {number} limit
 * @property {number | null} available
 * @property {string} state
 * @property {string} [cause] what Redis answers where the state is "unavailable"
 * @property {string} [eviction] the maxmemory-policy of a Redis that may evict slots
 * @property {number} over how many above a limit that was lowered
 * @property {number} reserved slots for the members of a group only
 * @property {number} available_ordinary of those available, the ones that are not reserved
 * @property {number} mbps
 * @property {number} counted_mbps what newcomers are admitted by
 * @property {number} max_mbps 0: no budget
 */

/**
 * @param {number | null} used
 * @param {number} limit 0: none
 * @returns {"ok" | "high" | "critical" | "full"}
 */
export function levelOf(used, limit) {
  const share = limit ? (used ?? 0) / limit : 0;
  if (share >= 1) return "full";
  if (share >= ALARMS.critical) return "critical";
  return share >= ALARMS.high ? "high" : "ok";
}

/** @param {Gate} gate whose figures, but for the limits, say nothing without Redis */
export function isUnknown({ state }) {
  return state === "unavailable";
}

/** @param {Gate} gate why its figures are not known */
export function causeWords({ cause }) {
  return cause || "Redis does not answer";
}

/**
 * What the administrator has to know without looking for it; empty when all is well.
 * @param {Gate} gate
 */
export function alarmWords(gate) {
  if (isUnknown(gate)) return `${causeWords(gate)}: current viewers are unknown, and new viewers are refused`;
  const { in_use: inUse, limit, mbps, counted_mbps: counted, max_mbps: budget } = gate;
  const onlyReserved = gate.available > 0 && gate.available_ordinary === 0;
  const streams = onlyReserved ? ONLY_RESERVED : STREAMS[levelOf(inUse, limit)];
  const eviction = gate.eviction && `Redis may evict slots: set its maxmemory-policy to noeviction, not ${gate.eviction}`;
  const said = [streams, BANDWIDTH[levelOf(Math.max(mbps, counted), budget)], eviction];
  return said.filter(Boolean).join(" · ");
}

/** @param {number} over */
export function overWords(over) {
  return over > 0 ? `${over} over the limit` : "";
}

/** @param {Gate} gate @param {string} [group] */
export function reservedWords(gate, group = "") {
  const { reserved, available_ordinary: others } = gate;
  if (!reserved) return "";
  const free = isUnknown(gate) ? "" : `, ${others} free for others`;
  return `${reserved} ${reserved === 1 ? "slot" : "slots"} reserved${group ? ` for ${group}` : ""}${free}`;
}

/** @param {Gate} gate */
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

/** @param {number} number without zeros behind its point */
function compact(number) {
  return String(Math.round(number * 100) / 100);
}
