/** @returns {object} what the engine needs of a browser; tests hand in their own */
export const browser = () => ({
  WebSocket: window.WebSocket,
  fetch: window.fetch.bind(window),
  decode: (blob) => createImageBitmap(blob),
  VideoDecoder: window.VideoDecoder,
  EncodedVideoChunk: window.EncodedVideoChunk,
  random: Math.random,
  steady: () => performance.now(), // milliseconds of a clock that nobody sets
  page: window,
  document,
});
