/**
 * The server's protocol: paths, messages, close codes, reasons and the header of a frame.
 * docs/protocol.md explains it; streaming/viewing/protocol.py is the server's side.
 */

/**
 * @template {object} T
 * @typedef {T[keyof T]} ValueOf
 */

/** @typedef {"open" | "recovering" | "unavailable"} GateState */

/**
 * @typedef {object} Gate
 * @property {number | null} in_use null: not known
 * @property {number} limit
 * @property {number | null} available to this user; null: not known
 * @property {GateState} state
 * @property {number | null} [waiting] viewers in line for a slot; an older worker does not tell them
 */

/** @typedef {{state: string, viewers: number}} CameraMetrics */

/**
 * The answer of METRICS_PATH. An older worker does not tell the limits.
 * @typedef {object} Metrics
 * @property {Gate} gate
 * @property {Record<string, CameraMetrics>} cameras by id
 * @property {number} [max_per_camera] viewers; 0: unlimited
 * @property {{in_use: number | null, limit: number, blocked_seconds?: number}} [yours] this user's streams, limit 0: unlimited;
 *   and the time left of this user's block, 0: none
 */

/** @typedef {{id: string, name: string, substream?: boolean}} Camera `substream`: whether it has one, as far as the page knows */

/** @typedef {ValueOf<typeof CloseCode>} CloseCode */
export const CloseCode = Object.freeze({
  NORMAL: 1000,
  CAMERA_NOT_FOUND: 4004,
  NO_STREAM_URL: 4400,
  NOT_AUTHENTICATED: 4401,
  PERMISSION_DENIED: 4403,
  VIEWER_UNRESPONSIVE: 4408,
  SLOT_LOST: 4409,
  STOPPED_BY_ADMINISTRATOR: 4410,
  REPLACED: 4411,
  PROTOCOL_ERROR: 4422,
  LIMIT_REACHED: 4429,
  UNAVAILABLE: 4503,
});

/** @typedef {ValueOf<typeof Reason>} Reason */
export const Reason = Object.freeze({
  CAMERA_NOT_FOUND: "camera_not_found",
  NO_STREAM_URL: "no_stream_url",
  NOT_AUTHENTICATED: "not_authenticated",
  PERMISSION_DENIED: "permission_denied",
  VIEWER_UNRESPONSIVE: "viewer_unresponsive",
  SLOT_LOST: "slot_lost",
  STOPPED_BY_ADMINISTRATOR: "stopped_by_administrator",
  REPLACED: "replaced",
  IDLE: "idle",
  YIELDED: "yielded",
  PREEMPTED: "preempted",
  PROTOCOL_ERROR: "protocol_error",
  LIMIT_REACHED: "limit_reached",
  BANDWIDTH_REACHED: "bandwidth_reached",
  CAMERA_LIMIT_REACHED: "camera_limit_reached",
  USER_LIMIT_REACHED: "user_limit_reached",
  ADDRESS_LIMIT_REACHED: "address_limit_reached",
  STILL_LIMIT_REACHED: "still_limit_reached",
  LINE_FULL: "line_full",
  WAIT_EXPIRED: "wait_expired",
  CAMERA_UNREACHABLE: "camera_unreachable",
  CAMERA_LOST: "camera_lost",
  GATE_UNAVAILABLE: "gate_unavailable",
  GATE_RECOVERING: "gate_recovering",
  DRAINING: "draining",
});

/** @typedef {ValueOf<typeof ServerMessage>} ServerMessage */
export const ServerMessage = Object.freeze({
  INFO: "info",
  QUALITY_CHANGED: "quality_changed",
  STATUS: "status",
  ERROR: "error",
  PONG: "pong",
});

/** @typedef {ValueOf<typeof ViewerMessage>} ViewerMessage */
export const ViewerMessage = Object.freeze({
  ACK: "ack",
  QUALITY_CHANGE: "quality_change",
  PING: "ping",
  STILL_WATCHING: "still_watching",
});

/** @typedef {ValueOf<typeof StreamState>} StreamState the state in a `status` message */
export const StreamState = Object.freeze({
  WAITING: "waiting",
  CONNECTING: "connecting",
  LIVE: "live",
  RECONNECTING: "reconnecting",
});

/** @typedef {"low" | "medium" | "high" | "original" | "sub"} Quality */
/** @type {readonly Quality[]} */
export const QUALITIES = Object.freeze(["low", "medium", "high", "original", "sub"]);

/** @typedef {"jpeg" | "h264"} Format */

/**
 * A stream of a camera as it comes, and its rates; 0: not known yet.
 * @typedef {{codec: string, width: number, height: number, frames_per_second: number, kbps: number}} StreamFacts
 */

/**
 * @typedef {object} InfoMessage
 * @property {typeof ServerMessage.INFO} type
 * @property {Quality} quality
 * @property {string | null} codec as WebCodecs names it; null for JPEG
 * @property {Reason | null} [reason]
 * @property {number} in_use
 * @property {number} limit
 * @property {string} [resume] a token to come back with
 * @property {Quality[]} [qualities] `sub` only if the camera has a substream
 * @property {Partial<Record<Quality, StreamFacts>>} [streams] the camera's own video, as far as known
 */

/**
 * @typedef {object} QualityMessage
 * @property {typeof ServerMessage.QUALITY_CHANGED} type
 * @property {Quality} quality
 * @property {string | null} codec as WebCodecs names it; null for JPEG
 * @property {Reason | null} [reason] why the quality stays as it was
 */

/**
 * @typedef {object} StatusMessage
 * @property {typeof ServerMessage.STATUS} type
 * @property {Exclude<StreamState, "waiting">} state
 * @property {Reason | null} reason
 * @property {number} [ends_in] seconds until an operator takes the slot
 */

/**
 * The question whether somebody still watches.
 * @typedef {object} QuestionMessage
 * @property {typeof ServerMessage.STATUS} type
 * @property {typeof StreamState.LIVE} state
 * @property {typeof ViewerMessage.STILL_WATCHING} reason
 * @property {number} answer_within seconds
 */

/**
 * The viewer's place in line.
 * @typedef {object} PlaceMessage
 * @property {typeof ServerMessage.STATUS} type
 * @property {typeof StreamState.WAITING} state
 * @property {Reason | null} reason the limit that refuses
 * @property {number} position from 1; 0: a viewing of one's own ends and hands over its slot
 * @property {number} waiting viewers in line
 * @property {number} since Unix milliseconds
 * @property {string} resume a token to come back with
 * @property {number} [in_use]
 * @property {number} [limit]
 */

/** @typedef {{viewing_id: string, camera: string, name: string, since: number}} OwnViewing `since`: Unix milliseconds */

/**
 * @typedef {object} ErrorMessage
 * @property {typeof ServerMessage.ERROR} type
 * @property {Reason} reason
 * @property {string} message for the user
 * @property {number | null} [in_use]
 * @property {number | null} [limit]
 * @property {number | null} [retry_after] seconds
 * @property {number} [waiting] viewers in line, with a limit's refusal
 * @property {OwnViewing[]} [yours] one's own viewings that hold slots
 */

/**
 * @typedef {object} PongMessage
 * @property {typeof ServerMessage.PONG} type
 * @property {number} time of the ping
 * @property {number} server_time Unix milliseconds
 * @property {Partial<Record<Quality, StreamFacts>>} [streams] the camera's own video, as far as known
 */

/** @typedef {InfoMessage | QualityMessage | StatusMessage | PlaceMessage | QuestionMessage} StreamMessage */

/**
 * @typedef {{type: typeof ViewerMessage.ACK, seq: number}
 *   | {type: typeof ViewerMessage.QUALITY_CHANGE, quality: Quality}
 *   | {type: typeof ViewerMessage.PING, time: number}
 *   | {type: typeof ViewerMessage.STILL_WATCHING}} ViewerMessages
 */

export const FrameKind = Object.freeze({ JPEG: 1, H264: 2 });
export const FrameFlag = Object.freeze({ KEY: 1, DISCONTINUITY: 2, BACKLOG: 4 });

export const HEADER_BYTES = 24;
const VERSION = 1;

/**
 * @typedef {object} Frame
 * @property {number} kind one of FrameKind; a newer server may send others
 * @property {number} flags bits of FrameFlag
 * @property {number} epoch grows by one, modulo 256, at each reopening of the camera
 * @property {number} seq from 1 within one viewing
 * @property {number} readAt the worker's clock when it read the frame, Unix milliseconds
 * @property {number} presentedAt presentation time, microseconds
 * @property {Uint8Array<ArrayBuffer>} payload a view into the message, not a copy
 */

/**
 * Reads one binary message.
 * @param {ArrayBuffer} message
 * @returns {Frame}
 * @throws {RangeError} if it is shorter than its header or of another version
 */
export function parseFrame(message) {
  if (message.byteLength < HEADER_BYTES) {
    throw new RangeError(`A frame has at least ${HEADER_BYTES} bytes, this one ${message.byteLength}.`);
  }
  const header = new DataView(message, 0, HEADER_BYTES);
  if (header.getUint8(0) !== VERSION) {
    throw new RangeError(`Frame version ${header.getUint8(0)} is not known.`);
  }
  return {
    kind: header.getUint8(1),
    flags: header.getUint8(2),
    epoch: header.getUint8(3),
    seq: header.getUint32(4),
    readAt: header.getFloat64(8),
    presentedAt: header.getFloat64(16),
    payload: new Uint8Array(message, HEADER_BYTES),
  };
}

export const METRICS_PATH = "/api/v1/cameras/stream/metrics";

/**
 * @param {string} cameraId
 * @param {Quality} [quality]
 */
export function snapshotPath(cameraId, quality = "low") {
  return `/api/v1/cameras/${encodeURIComponent(cameraId)}/stream/snapshot?quality=${quality}`;
}

/** @typedef {{wait?: "1", background?: "1", replace?: string, resume?: string}} Claim to a slot, in the query of an opening */

/**
 * Returns the WebSocket address of a live stream, on the server of this page.
 * @param {string} cameraId
 * @param {Quality | null} quality null: the server's default
 * @param {{protocol: string, host: string}} page `window.location`
 * @param {boolean} [video] whether this browser plays H.264
 * @param {Claim} [claim]
 */
export function streamAddress(cameraId, quality, page, video = false, claim = {}) {
  const scheme = page.protocol === "https:" ? "wss:" : "ws:";
  const formats = video ? "jpeg,h264" : "jpeg";
  const query = new URLSearchParams({ ...(quality && { quality }), formats, ...claim });
  return `${scheme}//${page.host}/api/v1/cameras/${encodeURIComponent(cameraId)}/stream?${query}`;
}
