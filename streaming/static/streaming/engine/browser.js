/**
 * The parts of a browser that the engine uses. Tests pass their own.
 * @typedef {object} Browser
 * @property {typeof WebSocket} WebSocket
 * @property {typeof fetch} fetch
 * @property {(blob: Blob) => Promise<ImageBitmap>} decode
 * @property {typeof VideoDecoder} VideoDecoder
 * @property {typeof EncodedVideoChunk} EncodedVideoChunk
 * @property {typeof MediaSource} MediaSource on an iPhone, its ManagedMediaSource
 * @property {() => HTMLVideoElement} createVideo muted
 * @property {typeof VideoFrame} VideoFrame
 * @property {() => number} random from 0 up to 1
 * @property {() => number} steady milliseconds of a monotonic clock
 * @property {Window} page
 * @property {Document} document
 */

/** @returns {Browser} */
export const browser = () => ({
  WebSocket: window.WebSocket,
  fetch: window.fetch.bind(window),
  decode: (blob) => createImageBitmap(blob),
  VideoDecoder: window.VideoDecoder,
  EncodedVideoChunk: window.EncodedVideoChunk,
  MediaSource: window.MediaSource ?? /** @type {any} */ (window).ManagedMediaSource,
  createVideo: () => {
    const video = document.createElement("video");
    video.muted = video.playsInline = video.disableRemotePlayback = true; // ManagedMediaSource wants the last one
    return video;
  },
  VideoFrame: window.VideoFrame,
  random: Math.random,
  steady: () => performance.now(),
  page: window,
  document,
});
