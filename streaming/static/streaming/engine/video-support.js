import { configuration } from "./video-decoder.js";

const COMMON_CODEC = "avc1.42E01F"; // baseline, 1280x720: stands for H.264 before the camera's codec is known

/** @typedef {"webcodecs" | "mse" | null} VideoSupport what plays a camera's own video in this browser; null: nothing */

/**
 * @typedef {object} SupportingPage
 * @property {boolean} isSecureContext
 * @property {Pick<typeof VideoDecoder, "isConfigSupported">} [VideoDecoder]
 * @property {Pick<typeof MediaSource, "isTypeSupported">} [MediaSource]
 * @property {Pick<typeof MediaSource, "isTypeSupported">} [ManagedMediaSource] of an iPhone, which has no other
 * @property {{prototype: object}} [HTMLVideoElement]
 * @property {unknown} [VideoFrame]
 */

/**
 * How this page can play a camera's own H.264. WebCodecs is for secure contexts: https and localhost.
 * @param {SupportingPage} [page]
 * @returns {Promise<VideoSupport>}
 */
export async function videoSupport(page = window) {
  if (page.isSecureContext && page.VideoDecoder) {
    const answer = await page.VideoDecoder.isConfigSupported(configuration(COMMON_CODEC)).catch(() => null);
    if (answer?.supported) return "webcodecs";
  }
  const source = page.MediaSource ?? page.ManagedMediaSource;
  const showsPictures = page.VideoFrame && page.HTMLVideoElement && "requestVideoFrameCallback" in page.HTMLVideoElement.prototype;
  return showsPictures && source?.isTypeSupported(`video/mp4; codecs="${COMMON_CODEC}"`) ? "mse" : null;
}
