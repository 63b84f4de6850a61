/** @import { Reason, ValueOf } from "../shared/protocol.js" */

/** @typedef {ValueOf<typeof State>} State */
export const State = Object.freeze({
  IDLE: "idle",
  CONNECTING: "connecting",
  LIVE: "live",
  STALE: "stale", // connected, but no new picture for STALE_AFTER
  RECONNECTING: "reconnecting", // the server is reopening the camera, or the viewer its connection
  REFUSED: "refused", // a limit is reached (4429); other refusals are CLOSED, UNAVAILABLE or RECONNECTING
  UNAVAILABLE: "unavailable", // no live stream now: stills instead
  CLOSED: "closed", // final: closed by the viewer (no reason), or by the server (with its reason)
});

/** @typedef {ValueOf<typeof LocalReason>} LocalReason a reason that the viewer finds by itself */
export const LocalReason = Object.freeze({
  CONNECTION_LOST: "connection_lost",
  NO_WEBSOCKET: "no_websocket",
  HIDDEN: "hidden",
});

/**
 * @typedef {object} Status
 * @property {State} state
 * @property {Reason | LocalReason | null} reason
 * @property {string | null} message from the server
 * @property {number | null} inUse
 * @property {number | null} limit
 * @property {number | null} until Unix milliseconds by this machine's clock: the server refuses a retry before
 * @property {boolean} offline the browser has no network
 */
