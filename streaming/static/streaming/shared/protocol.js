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
 */

/** @typedef {{state: string, viewers: number}} CameraMetrics */

/**
 * The answer of METRICS_PATH. An older worker does not tell the limits.
 * @typedef {object} Metrics
 * @property {Gate} gate
 * @property {Record<string, CameraMetrics>} cameras by id
 * @property {number} [max_per_camera] viewers; 0: unlimited
 * @property {{in_use: number | null, limit: number}} [yours] this user's streams; limit 0: unlimited
 */

/** @typedef {{id: string, name: string}} Camera */

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
  PROTOCOL_ERROR: "protocol_error",
  LIMIT_REACHED: "limit_reached",
  BANDWIDTH_REACHED: "bandwidth_reached",
  CAMERA_LIMIT_REACHED: "camera_limit_reached",
  USER_LIMIT_REACHED: "user_limit_reached",
  ADDRESS_LIMIT_REACHED: "address_limit_reached",
  STILL_LIMIT_REACHED: "still_limit_reached",
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
});

/** @typedef {ValueOf<typeof StreamState>} StreamState the state in a `status` message */
export const StreamState = Object.freeze({
  CONNECTING: "connecting",
  LIVE: "live",
  RECONNECTING: "reconnecting",
});

/** @typedef {"low" | "medium" | "high" | "original"} Quality */
/** @type {readonly Quality[]} */
export const QUALITIES = Object.freeze(["low", "medium", "high", "original"]);

/** @typedef {"jpeg" | "h264"} Format */

/**
 * @typedef {object} InfoMessage
 * @property {typeof ServerMessage.INFO} type
 * @property {Quality} quality
 * @property {string | null} codec as WebCodecs names it; null for JPEG
 * @property {Reason | null} [reason]
 * @property {number} in_use
 * @property {number} limit
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
 * @property {StreamState} state
 * @property {Reason | null} reason
 */

/**
 * @typedef {object} ErrorMessage
 * @property {typeof ServerMessage.ERROR} type
 * @property {Reason} reason
 * @property {string} message for the user
 * @property {number | null} [in_use]
 * @property {number | null} [limit]
 * @property {number | null} [retry_after] seconds
 */

/**
 * @typedef {object} PongMessage
 * @property {typeof ServerMessage.PONG} type
 * @property {number} time of the ping
 * @property {number} server_time Unix milliseconds
 */

/** @typedef {InfoMessage | QualityMessage | StatusMessage} StreamMessage */

/**
 * @typedef {{type: typeof ViewerMessage.ACK, seq: number}
 *   | {type: typeof ViewerMessage.QUALITY_CHANGE, quality: Quality}
 *   | {type: typeof ViewerMessage.PING, time: number}} ViewerMessages
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

/**
 * Returns the WebSocket address of a live stream, on the server of this page.
 * @param {string} cameraId
 * @param {Quality | null} quality null: the server's default
 * @param {{protocol: string, host: string}} page `window.location`
 * @param {boolean} [video] whether this browser plays H.264
 */
export function streamAddress(cameraId, quality, page, video = false) {
  const scheme = page.protocol === "https:" ? "wss:" : "ws:";
  const query = new URLSearchParams({ ...(quality && { quality }), formats: video ? "jpeg,h264" : "jpeg" });
  return `${scheme}//${page.host}/api/v1/cameras/${encodeURIComponent(cameraId)}/stream?${query}`;
}

/** @typedef {ValueOf<typeof Outcome>} Outcome what a viewer does after its connection has ended */
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
