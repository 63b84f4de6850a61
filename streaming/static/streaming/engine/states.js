/** @enum {string} */
export const State = Object.freeze({
  IDLE: "idle",
  CONNECTING: "connecting",
  LIVE: "live",
  STALE: "stale", // connected, but no new picture for STALE_AFTER
  RECONNECTING: "reconnecting", // the server is reopening the camera, or the viewer its connection
  REFUSED: "refused", // the limit is reached
  UNAVAILABLE: "unavailable", // no live stream now; snapshots instead
  CLOSED: "closed", // for good: by the viewer (no reason), or by the server (with its reason)
});

/** Reasons of the viewer's own, next to those of the server. */
export const LocalReason = Object.freeze({
  CONNECTION_LOST: "connection_lost",
  NO_WEBSOCKET: "no_websocket",
  HIDDEN: "hidden",
});

/**
 * @typedef {object} Status
 * @property {string} state one of State
 * @property {string | null} reason
 * @property {string | null} message the server's own words
 * @property {number | null} inUse
 * @property {number | null} limit
 * @property {number | null} until Unix milliseconds by this machine's clock: asking again before is in vain
 */
