/** @import { OwnViewing, Reason, ValueOf } from "../shared/protocol.js" */

/** @typedef {ValueOf<typeof State>} State */
export const State = Object.freeze({
  IDLE: "idle",
  CONNECTING: "connecting",
  LIVE: "live",
  STALE: "stale", // connected, but no new picture for STALE_AFTER
  RECONNECTING: "reconnecting", // the server is reopening the camera, or the viewer its connection
  WAITING: "waiting", // connected, in line for a slot
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
 * The facts that are known beside the state.
 * @typedef {object} Facts
 * @property {Reason | LocalReason | null} reason
 * @property {string | null} message from the server
 * @property {number | null} inUse
 * @property {number | null} limit
 * @property {number | null} until Unix milliseconds by this machine's clock: the server refuses a retry before
 * @property {number | null} position in line, from 1
 * @property {number | null} waiting viewers in line; null: not known, as from a server without a line
 * @property {number | null} since Unix milliseconds by this machine's clock: when this viewer joined the line
 * @property {readonly OwnViewing[]} yours one's own viewings that hold slots
 */

/** @typedef {Facts & {state: State, offline: boolean}} Status `offline`: the browser has no network */

/** @type {Readonly<Facts>} */
export const NO_FACTS = Object.freeze({
  reason: null,
  message: null,
  inUse: null,
  limit: null,
  until: null,
  position: null,
  waiting: null,
  since: null,
  yours: [],
});
