import { mediaType } from "./mp4.js";
import { configuration } from "./video-decoder.js";

/** @import { Format } from "../shared/protocol.js" */

/** Codecs that stand for a format before the camera's own is known: 1280x720 in the simplest profile. */
const COMMON = Object.freeze({ h264: "avc1.42E01F", h265: "hev1.1.6.L93.B0" });

/** @typedef {"webcodecs" | "mse"} VideoPlayer */

/** @typedef {{by: VideoPlayer, formats: readonly Format[]}} VideoSupport what plays a camera's own video, and which formats */

/**
 * @typedef {object} Decoders
 * @property {Pick<typeof VideoDecoder, "isConfigSupported">} [VideoDecoder]
 * @property {Pick<typeof MediaSource, "isTypeSupported">} [MediaSource]
 */

/**
 * @typedef {object} OtherParts
 * @property {boolean} isSecureContext
 * @property {Pick<typeof MediaSource, "isTypeSupported">} [ManagedMediaSource] of an iPhone, which has no other
 * @property {{prototype: object}} [HTMLVideoElement]
 * @property {unknown} [VideoFrame]
 */

/**
 * How this page can play a camera's own video. WebCodecs is for secure contexts: https and localhost.
 * @param {Decoders & OtherParts} [page]
 * @returns {Promise<VideoSupport | null>} null: it cannot
 */
export async function videoSupport(page = window) {
  const decoders = { VideoDecoder: page.VideoDecoder, MediaSource: page.MediaSource ?? page.ManagedMediaSource };
  const showsPictures = page.VideoFrame && page.HTMLVideoElement && "requestVideoFrameCallback" in page.HTMLVideoElement.prototype;
  /** @type {VideoPlayer[]} */
  const players = [];
  if (page.isSecureContext) players.push("webcodecs");
  if (showsPictures) players.push("mse");
  for (const by of players) {
    if (!(await playsCodec(by, COMMON.h264, decoders))) continue;
    return { by, formats: (await playsCodec(by, COMMON.h265, decoders)) ? ["h264", "h265"] : ["h264"] };
  }
  return null;
}

/**
 * Whether this browser says that it plays video with exactly this codec.
 * @param {VideoPlayer} by
 * @param {string} codec in WebCodecs syntax
 * @param {Decoders} decoders
 */
export async function playsCodec(by, codec, { VideoDecoder, MediaSource }) {
  if (by === "mse") return MediaSource?.isTypeSupported(mediaType(codec)) ?? false;
  const answer = await VideoDecoder?.isConfigSupported(configuration(codec)).catch(() => null);
  return answer?.supported ?? false;
}
