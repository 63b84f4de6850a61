/** Settings > System: how far the limits are used, and by whom. */

import { find } from "../shared/find.js";

import { alarmWords, budgetWords, causeWords, countedWords, isUnknown, levelOf, overWords, rate, reservedWords } from "./levels.js";
import { place, say, showTable } from "./dom.js";
import { QUALITY_WORDS, duration, waitingWords } from "../shared/format.js";

/** @import { GateState, Quality } from "../shared/protocol.js" */
/** @import { SystemGate } from "./levels.js" */

/**
 * @typedef {object} ViewerRow
 * @property {string} id of the viewing
 * @property {string} user
 * @property {string} camera
 * @property {Quality} quality
 * @property {number} since Unix milliseconds
 * @property {number} mbps
 */

/** @typedef {{id: string, name: string, state: string, viewers: number, mbps: number}} CameraRow */
/** @typedef {{id: string, seen: number, viewers: number, cameras: number, mbps: number}} WorkerRow `seen`: Unix milliseconds */
/** @typedef {{viewers: ViewerRow[], cameras: CameraRow[], workers: WorkerRow[]}} UsageLists */
/**
 * `time`: Unix milliseconds. `viewers` is a page of at most `viewers_limit`, of `viewers_count` viewers.
 * @typedef {{time: number, gate: SystemGate, viewers_count: number, viewers_limit: number} & UsageLists} Usage
 */

/** @type {Record<GateState, string>} */
const GATE_WORDS = {
  open: "Stream count is up to date.",
  recovering: "Recovering the stream count. Running streams are counted first; new viewers wait.",
  unavailable: "Stream count is unavailable. New viewers are refused.",
};

/** @type {Record<string, string>} */
const CAMERA_WORDS = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting" };

/** @param {Usage} usage */
export function showLists({ time, gate, viewers, cameras, workers }) {
  const since = (/** @type {number} */ then) => duration(Math.max(0, Math.floor((time - then) / 1000)));
  showTable("viewers", viewers, (viewer) => ({
    ...viewer,
    mbps: rate(viewer.mbps),
    quality: QUALITY_WORDS[viewer.quality] ?? viewer.quality,
    since: since(viewer.since),
  }));
  showTable("cameras", cameras, (camera) => ({
    ...camera,
    mbps: rate(camera.mbps),
    state: CAMERA_WORDS[camera.state] ?? camera.state,
  }));
  showTable("workers", workers, (worker) => ({ ...worker, mbps: rate(worker.mbps), seen: `${since(worker.seen)} ago` }));
  for (const [name, { length }] of Object.entries({ viewers, cameras, workers })) showUnknown(name, gate, length);
}

/** @param {string} name @param {SystemGate} gate @param {number} before number of rows that were known last */
function showUnknown(name, gate, before) {
  const unknown = isUnknown(gate);
  say(place(`unknown-${name}`), before ? "Last known values." : `Not available. ${causeWords(gate)}.`);
  place(`unknown-${name}`).hidden = !unknown;
  if (unknown) place(`no-${name}`).hidden = true;
}

/** @param {SystemGate} gate @param {string} group has the reserved slots */
export function showGate(gate, group) {
  say(place("in-use"), gate.in_use ?? "–");
  say(place("limit"), gate.limit);
  const unknown = isUnknown(gate);
  const sent = unknown ? null : gate.mbps;
  say(place("available"), unknown ? "–" : gate.available);
  say(place("over"), overWords(gate.over));
  say(place("reserved"), reservedWords(gate, group));
  say(place("waiting"), waitingWords(gate.waiting));
  say(place("mbps"), rate(sent));
  say(place("budget"), budgetWords(gate.max_mbps));
  say(place("counted"), countedWords(gate));
  say(place("state"), GATE_WORDS[gate.state] ?? gate.state);
  showMeter("streams", gate.in_use ?? 0, gate.limit);
  showMeter("bandwidth", Math.max(gate.mbps, gate.counted_mbps), gate.max_mbps);
  place("system").dataset.gate = gate.state;
  const alarm = alarmWords(gate);
  say(place("alarm"), alarm);
  place("alarm").hidden = !alarm;
  place("alarm").dataset.level = unknown ? "full" : gate.level;
  const over = gate.over ? `, ${overWords(gate.over)}` : "";
  say(place("announcer"), `${gate.in_use ?? "Unknown number"} of ${gate.limit} streams in use${over}`);
}

/** @param {string} name @param {number} value @param {number} maximum 0: none */
function showMeter(name, value, maximum) {
  const gauge = place(name);
  gauge.dataset.level = levelOf(value, maximum);
  gauge.dataset.limited = String(maximum > 0);
  const meter = find(gauge, "meter", HTMLMeterElement);
  meter.max = maximum || 1;
  meter.value = maximum ? value : 0;
}
