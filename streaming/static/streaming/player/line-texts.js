/** The texts of the line of viewers who wait for a slot, and of one's own viewings that hold one. */

import { Reason } from "../shared/protocol.js";
import { State } from "../engine/states.js";

/** @import { Facts, Status } from "../engine/states.js" */
/** @import { OwnViewing } from "../shared/protocol.js" */

const ORDINAL = new Intl.PluralRules("en", { type: "ordinal" });
/** @type {Record<string, string>} */
const SUFFIX = { one: "st", two: "nd", few: "rd", other: "th" };

/** @param {number | null} position from 1; null: not known */
export function placeWords(position) {
  if (position === null) return "Waiting for a slot";
  return position === 1 ? "You are next" : `${position}${SUFFIX[ORDINAL.select(position)]} in line`;
}

/** @param {number} count viewers in line @returns {string} empty if there are none */
export function waitingWords(count) {
  if (count === 0) return "";
  return count === 1 ? "1 viewer is waiting." : `${count} viewers are waiting.`;
}

/**
 * Whether a refused viewer may join the line.
 * @param {Facts} facts
 */
export function mayWait({ reason, waiting }) {
  return reason === Reason.WAIT_EXPIRED || (waiting !== null && reason !== Reason.LINE_FULL);
}

/**
 * One's own viewings whose slots would help a refused viewer.
 * @param {Status} status
 * @param {string} cameraId the camera to watch
 */
export function replaceable({ state, reason, yours }, cameraId) {
  if (state !== State.REFUSED) return [];
  return reason === Reason.CAMERA_LIMIT_REACHED ? yours.filter(({ camera }) => camera === cameraId) : yours;
}

/**
 * @param {OwnViewing} viewing
 * @param {Date} [now]
 */
export function viewingWords({ name, since }, now = new Date()) {
  const start = new Date(since);
  const time = start.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const day = start.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return start.toDateString() === now.toDateString() ? `${name}, since ${time}` : `${name}, since ${day}, ${time}`;
}

/**
 * The question whether somebody still watches, if the server waits for an answer.
 * @param {State} state
 * @param {number | null} answerBy Unix milliseconds
 */
export function questionNotice(state, answerBy) {
  const seconds = Math.ceil(((answerBy ?? 0) - Date.now()) / 1000);
  if (seconds <= 0 || (state !== State.LIVE && state !== State.STALE)) return null;
  const title = "Are you still watching?";
  const text = `Others are waiting. Without an answer, the stream stops in ${seconds} s.`;
  return { title, text, action: "", spoken: `${title} Others are waiting. Without an answer, the stream stops soon.` };
}

/**
 * Tells that an operator takes the slot.
 * @param {State} state
 * @param {number | null} endsAt Unix milliseconds
 */
export function preemptionNotice(state, endsAt) {
  if (endsAt === null || (state !== State.LIVE && state !== State.STALE)) return null;
  const seconds = Math.max(0, Math.ceil((endsAt - Date.now()) / 1000));
  const title = "An operator needs this stream";
  return { title, text: `It stops in ${seconds} s.`, action: "", spoken: `${title}. It stops soon.` };
}
