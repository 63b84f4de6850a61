/** The player's texts. They stand in one place, so that one thing has one name everywhere. */

import { duration } from "../shared/format.js";
import { Reason } from "../shared/protocol.js";
import { LocalReason, State } from "../engine/states.js";
import { mayWait, placeWords, waitingWords } from "./line-texts.js";

/** @import { Measurement } from "../engine/figures.js" */
/** @import { Status } from "../engine/states.js" */
/** @import { SlotsInUse } from "../engine/viewer.js" */
/** @import { Format } from "../shared/protocol.js" */

/** @typedef {Status["reason"]} AnyReason */

export const NEEDS_HTTPS = "The camera's own video needs HTTPS";
export const VIDEO_FAILED = "This browser could not play the camera's own video: JPEG instead";

/** @type {Record<string, string>} */
export const REFUSED = {
  [Reason.BANDWIDTH_REACHED]: "Not enough bandwidth for another stream",
  [Reason.CAMERA_LIMIT_REACHED]: "This camera has reached its viewer limit",
  [Reason.USER_LIMIT_REACHED]: "You've reached your stream limit",
  [Reason.ADDRESS_LIMIT_REACHED]: "Your network has reached its stream limit",
  [Reason.LINE_FULL]: "The line is full",
  [Reason.WAIT_EXPIRED]: "No slot has become free",
};

/** @type {Record<string, string>} */
const REFUSED_HINTS = {
  [Reason.LIMIT_REACHED]: "This page tells you when one is free.",
  [Reason.BANDWIDTH_REACHED]: "Close another stream, or choose a lower quality.",
  [Reason.CAMERA_LIMIT_REACHED]: "Try again later.",
  [Reason.USER_LIMIT_REACHED]: "Close one to open another.",
  [Reason.ADDRESS_LIMIT_REACHED]: "Close another stream, or try again later.",
  [Reason.LINE_FULL]: "Try again later.",
  [Reason.WAIT_EXPIRED]: "You have left the line.",
};

/** @type {Record<string, string>} */
const RECONNECTING = {
  [LocalReason.CONNECTION_LOST]: "Connection lost. Reconnecting…",
  [LocalReason.NO_WEBSOCKET]: "Can't reach the server. Retrying…",
  [LocalReason.HIDDEN]: "Paused while the page was hidden. Reconnecting…",
  [Reason.SLOT_LOST]: "The stream was interrupted. Reconnecting…",
  [Reason.VIEWER_UNRESPONSIVE]: "This device could not keep up. Reconnecting…",
  [Reason.YIELDED]: "Others are waiting for a slot.",
  [Reason.DRAINING]: "The server is restarting. Reconnecting…",
  [Reason.GATE_UNAVAILABLE]: "The stream limit cannot be checked right now. Retrying…",
  [Reason.GATE_RECOVERING]: "The server is recovering its stream count. Please wait…",
};

/** @type {Record<string, string>} */
const UNAVAILABLE = {
  [Reason.CAMERA_UNREACHABLE]: "The camera cannot be reached. Waiting for it…",
  [Reason.CAMERA_LOST]: "The connection to the camera was lost. Waiting for it…",
  [LocalReason.NO_WEBSOCKET]: RECONNECTING[LocalReason.NO_WEBSOCKET],
};

/** @type {Record<string, [string, string]>} title and text */
const CLOSED = {
  [Reason.CAMERA_NOT_FOUND]: ["Camera not found", "It may have been removed. Reload the page."],
  [Reason.NO_STREAM_URL]: ["No stream address", "This camera has no stream address. An administrator can enter one."],
  [Reason.NOT_AUTHENTICATED]: ["You are logged out", "Log in again to continue watching."],
  [Reason.PERMISSION_DENIED]: ["No access", "You don't have access to this camera. Ask an administrator."],
  [Reason.STOPPED_BY_ADMINISTRATOR]: ["Stream stopped", "An administrator stopped this stream."],
  [Reason.REPLACED]: ["Continued in another window", ""],
  [Reason.PREEMPTED]: ["Stream stopped", "An operator needed it. You can wait for another one."],
  [Reason.IDLE]: ["Stream stopped", "Nobody answered whether it was still watched, and others were waiting."],
  [Reason.PROTOCOL_ERROR]: ["Stream stopped", "This page does not match the server's version. Reload the page."],
};

/** @type {Record<string, string>} */
const AGAIN = { [Reason.REPLACED]: "Watch here again", [Reason.IDLE]: "Watch again", [Reason.PREEMPTED]: "Watch again" };

/** @type {Set<State>} the states in which the viewer waits for the server */
const PENDING = new Set([State.CONNECTING, State.STALE, State.RECONNECTING, State.UNAVAILABLE, State.WAITING]);
const NOBODY_WAITS = "Nobody is waiting: you would be next.";
/** The notice that offers a free slot. */
export const FREE = Object.freeze({ title: "A stream is free", text: "Watch now?", action: "Watch" });

/** @param {Reason} reason why the server keeps the quality */
export function keptWords(reason) {
  if (reason === Reason.CAMERA_UNREACHABLE) return "The camera gives no picture of that quality right now.";
  return reason === Reason.BANDWIDTH_REACHED
    ? "Not enough bandwidth for that quality."
    : "The bandwidth for that quality cannot be checked right now.";
}

/**
 * Names a state in a few words.
 * @param {Status} status
 */
export function stateWords({ state, reason, message, offline, position }) {
  if (offline && PENDING.has(state)) return "You are offline";
  switch (state) {
    case State.CONNECTING:
      return reason === Reason.GATE_RECOVERING ? RECONNECTING[reason] : "Connecting…";
    case State.LIVE:
      return "Live";
    case State.STALE:
      return "No new picture";
    case State.RECONNECTING:
      if (reason === Reason.GATE_UNAVAILABLE && message) return `${message} Retrying…`; // the server knows which part is away
      if (reason === Reason.CAMERA_LOST && message) return `${message} Reconnecting…`; // for administrators
      return textOf(RECONNECTING, reason) ?? "The camera is not responding. Reconnecting…";
    case State.WAITING:
      return placeWords(position);
    case State.REFUSED:
      return textOf(REFUSED, reason) ?? "All streams are in use";
    case State.UNAVAILABLE:
      return "Stream unavailable";
    default:
      return textOf(CLOSED, reason)?.[0] ?? "";
  }
}

/**
 * A notice over the picture.
 * @typedef {object} Notice
 * @property {string} title
 * @property {string} text
 * @property {string} action the label of the button that tries again; empty: there is none
 * @property {string} [spoken] what a screen reader says, if that differs
 */

/**
 * The notice over the picture, if there is no stream to wait for.
 * @param {Status} status
 * @param {boolean} slotFree
 * @param {number | null} waiting viewers in line since a refusal; null: not known
 * @returns {Notice | null}
 */
export function notice(status, slotFree, waiting = null) {
  const [title, action] = [stateWords(status), "Retry"];
  switch (status.state) {
    case State.WAITING:
      return placeNotice(status, title);
    case State.REFUSED:
      if (slotFree && status.reason === Reason.LIMIT_REACHED) return FREE;
      return refusalNotice(status.waiting === null ? status : { ...status, waiting: waiting ?? status.waiting });
    case State.UNAVAILABLE:
      if (status.offline) return { title, text: "Waiting for the network…", action };
      return { title, text: whyUnavailable(status), action };
    case State.CLOSED:
      return title ? { title, text: whyClosed(status), action: mayTryAgain(status) ? (textOf(AGAIN, status.reason) ?? action) : "" } : null;
    default:
      return null;
  }
}

/**
 * Whether another attempt may end otherwise: not while the user is blocked, and not where only a reload of the page helps.
 * @param {Status} status
 */
function mayTryAgain({ reason, until }) {
  const isBlocked = until !== null && until > Date.now();
  return !isBlocked && reason !== Reason.PROTOCOL_ERROR && reason !== Reason.CAMERA_NOT_FOUND;
}

/**
 * A screen reader says the place and the limit. It would never rest if it also said the time and who joins behind.
 * @param {Status} status
 * @param {string} place
 * @returns {Notice}
 */
function placeNotice(status, place) {
  const { position, waiting, since, offline } = status;
  const title = offline || position === null || position === 1 ? place : `${place}, ${waiting} waiting`;
  const limit = `${refusalTitle(status)}.`;
  const waited = since === null ? "" : `You have been waiting for ${duration(Math.max(0, Date.now() - since) / 1000)}.`;
  const text = sentences(limit, waited, "The stream starts by itself.");
  return { title, text, action: "", spoken: sentences(`${place}.`, limit) };
}

/** @param {Status} status @returns {Notice} */
function refusalNotice(status) {
  const { reason, waiting, message } = status;
  const title = refusalTitle(status);
  const hint = textOf(REFUSED_HINTS, reason) ?? message ?? "";
  const queue = waitingWords(waiting ?? 0);
  if (!mayWait(status)) return { title, text: sentences(queue, hint), action: "Retry" };
  if (reason === Reason.LIMIT_REACHED) return { title, text: queue || NOBODY_WAITS, action: "" };
  // Waiting includes an attempt. A viewer who first chooses a lower quality may prefer a single one.
  return { title, text: sentences(hint, queue), action: reason === Reason.BANDWIDTH_REACHED ? "Retry" : "" };
}

/**
 * Names the limit that was reached. For the server's own limit, tells how far it is used.
 * @param {Status} status
 */
export function refusalTitle(status) {
  return textOf(REFUSED, status.reason) ?? allInUse(status) ?? stateWords({ ...status, state: State.REFUSED });
}

/**
 * Each text of the player begins with the server's usual message. Any other message tells more.
 * @param {Status} status
 */
function whyUnavailable({ reason, message }) {
  const text = textOf(UNAVAILABLE, reason) ?? "";
  return message && !text.startsWith(message) ? `${message} Waiting…` : text;
}

/**
 * A stopped viewer reads the administrator's message, and when the user may watch again.
 * @param {Status} status
 */
function whyClosed({ reason, message, until }) {
  const text = textOf(CLOSED, reason)?.[1] ?? "";
  if (reason !== Reason.STOPPED_BY_ADMINISTRATOR) return text;
  return sentences(message || text, blockWords(until));
}

/** @param {string[]} parts some of them empty */
function sentences(...parts) {
  return parts.filter(Boolean).join(" ");
}

/**
 * @template T
 * @param {Record<string, T>} texts
 * @param {AnyReason} reason
 * @returns {T | undefined}
 */
function textOf(texts, reason) {
  return reason === null ? undefined : texts[reason];
}

/** @param {number | null} until Unix milliseconds */
function blockWords(until) {
  if (until === null) return "";
  const left = Math.ceil((until - Date.now()) / 1000);
  if (left <= 0) return "You can watch again now.";
  return `You can watch again in ${duration(left)}, at ${new Date(until).toLocaleTimeString("en-GB")}.`;
}

/** @param {SlotsInUse} gate */
export function slotsInUse({ inUse, limit }) {
  if (inUse === null || limit === null) return null;
  return inUse > limit ? `${inUse} in use (limit ${limit})` : `${inUse} of ${limit} in use`;
}

/** @param {SlotsInUse} gate */
export function allInUse({ inUse, limit }) {
  if (inUse === null || limit === null || inUse < limit) return null;
  return limit === 1 ? "The only stream is in use" : `All ${limit} streams are in use`;
}

/**
 * The lines of the figures, as pairs of a name and a value.
 * @param {Measurement} measured
 * @param {{format: Format | null, width: number, height: number, gate: SlotsInUse}} facts
 * @returns {[string, string][]}
 */
export function figureWords(measured, { format, width, height, gate }) {
  // The difference between the two clocks is not known more exactly than this.
  const least = (/** @type {number} */ seconds) => (seconds < 0.01 ? "under 10 ms" : `${Math.round(seconds * 1000)} ms`);
  const age = (/** @type {number | null} */ seconds) => (seconds === null ? "–" : least(seconds));
  const { ageMedian, cameraDelay } = measured;
  /** @type {[string, string][]} */
  const sinceCamera =
    ageMedian === null || cameraDelay === null ? [] : [["Delay since the camera", age(ageMedian + cameraDelay)]];
  return [
    ["Format", format ?? "–"],
    ["Size", `${width} × ${height}`],
    ["Frames/s", measured.framesPerSecond.toFixed(1)],
    ["kbit/s", measured.kilobitsPerSecond.toFixed(0)],
    ["Delay since the server", `${age(ageMedian)} (95 %: ${age(measured.ageHigh)})`],
    ...sinceCamera,
    ["Dropped", String(measured.dropped)],
    ["Streams", slotsInUse(gate) ?? "–"],
  ];
}

/**
 * The kind of the picture on the screen, and its delay since the server.
 * @param {State} state
 * @param {"live" | "snapshot"} kind
 * @param {number} seconds since the server read it
 */
export function pictureAge(state, kind, seconds) {
  if (state === State.LIVE) {
    const delay = seconds < 10 ? `${Math.max(0.1, seconds).toFixed(1)} s` : duration(seconds);
    return `Live · ${delay} since the server`;
  }
  const what = kind === "snapshot" ? "Snapshot" : "Last picture";
  return seconds < 1 ? `${what} just now` : `${what} ${duration(seconds)} ago`;
}
