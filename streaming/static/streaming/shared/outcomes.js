/** Decides how a viewer goes on after its connection has ended. */

import { CloseCode, Reason } from "./protocol.js";

/** @import { ValueOf } from "./protocol.js" */

/** @typedef {ValueOf<typeof Outcome>} Outcome */
export const Outcome = Object.freeze({
  RECONNECT: "reconnect",
  REFUSED: "refused",
  UNAVAILABLE: "unavailable",
  ENDED: "ended",
});

/** @type {Set<number>} */
const FINAL_CODES = new Set([
  CloseCode.CAMERA_NOT_FOUND,
  CloseCode.NO_STREAM_URL,
  CloseCode.NOT_AUTHENTICATED,
  CloseCode.PERMISSION_DENIED,
  CloseCode.STOPPED_BY_ADMINISTRATOR,
  CloseCode.REPLACED,
  CloseCode.PROTOCOL_ERROR,
]);

/** @type {Map<number, Reason>} */
const DEFAULT_REASONS = new Map([
  [CloseCode.CAMERA_NOT_FOUND, Reason.CAMERA_NOT_FOUND],
  [CloseCode.NO_STREAM_URL, Reason.NO_STREAM_URL],
  [CloseCode.NOT_AUTHENTICATED, Reason.NOT_AUTHENTICATED],
  [CloseCode.PERMISSION_DENIED, Reason.PERMISSION_DENIED],
  [CloseCode.VIEWER_UNRESPONSIVE, Reason.VIEWER_UNRESPONSIVE],
  [CloseCode.SLOT_LOST, Reason.SLOT_LOST],
  [CloseCode.STOPPED_BY_ADMINISTRATOR, Reason.STOPPED_BY_ADMINISTRATOR],
  [CloseCode.REPLACED, Reason.REPLACED],
  [CloseCode.PROTOCOL_ERROR, Reason.PROTOCOL_ERROR],
  [CloseCode.LIMIT_REACHED, Reason.LIMIT_REACHED],
  [CloseCode.UNAVAILABLE, Reason.CAMERA_UNREACHABLE],
]);

/**
 * @param {number} code
 * @param {string | null} reason
 * @returns {Outcome}
 */
export function outcomeOf(code, reason) {
  if (code === CloseCode.LIMIT_REACHED) return Outcome.REFUSED;
  if (reason === Reason.YIELDED) return Outcome.RECONNECT; // to the end of the line
  if (FINAL_CODES.has(code)) return Outcome.ENDED;
  const cameraFailed = reason === Reason.CAMERA_UNREACHABLE || reason === Reason.CAMERA_LOST;
  return code === CloseCode.UNAVAILABLE && cameraFailed ? Outcome.UNAVAILABLE : Outcome.RECONNECT;
}

/**
 * Returns the reason of a close code, for a connection that ended without an `error` message.
 * @param {number} code
 * @returns {Reason | null} null: the connection was lost
 */
export function defaultReason(code) {
  return DEFAULT_REASONS.get(code) ?? null;
}
