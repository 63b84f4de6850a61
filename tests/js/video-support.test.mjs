import assert from "node:assert/strict";
import { test } from "node:test";

import { playsCodec, videoSupport } from "../../streaming/static/streaming/engine/video-support.js";

/** @param {boolean} h264 @param {boolean} [h265] whether it says that it plays them */
const decoder = (h264, h265 = false) => ({
  isConfigSupported: async (/** @type {VideoDecoderConfig} */ config) => ({ supported: config.codec.startsWith("hev1.") ? h265 : h264, config }),
});
/** @param {boolean} h264 @param {boolean} [h265] */
const source = (h264, h265 = false) => ({ isTypeSupported: (/** @type {string} */ type) => (type.includes("hvc1.") ? h265 : h264) });
const [BY_WEBCODECS, BY_MSE] = [{ by: "webcodecs", formats: ["h264"] }, { by: "mse", formats: ["h264"] }];
const video = { VideoFrame: class {}, HTMLVideoElement: { prototype: { requestVideoFrameCallback: () => {} } } };
const plain = { isSecureContext: false, MediaSource: source(true), ...video };

test("a secure page with a decoder that knows H.264 plays it with WebCodecs", async () => {
  const secure = { ...plain, isSecureContext: true };
  assert.deepEqual(await videoSupport({ ...secure, VideoDecoder: decoder(true) }), BY_WEBCODECS);
  assert.deepEqual(await videoSupport({ ...secure, VideoDecoder: decoder(false) }), BY_MSE);
  assert.deepEqual(await videoSupport(secure), BY_MSE);
});

test("a page over plain HTTP plays it with MSE, on an iPhone with its own", async () => {
  assert.deepEqual(await videoSupport(plain), BY_MSE);
  assert.deepEqual(await videoSupport({ ...plain, VideoDecoder: decoder(true) }), BY_MSE);
  assert.deepEqual(await videoSupport({ ...plain, MediaSource: undefined, ManagedMediaSource: source(true) }), BY_MSE);
});

test("a page that can do neither plays JPEG", async () => {
  assert.equal(await videoSupport({ isSecureContext: false }), null);
  assert.equal(await videoSupport({ ...plain, MediaSource: source(false) }), null);
  assert.equal(await videoSupport({ ...plain, VideoFrame: undefined }), null);
  assert.equal(await videoSupport({ ...plain, HTMLVideoElement: { prototype: {} } }), null);
});

test("H.265 is among its formats if the decoder of H.264 says that it knows that too", async () => {
  const secure = { ...plain, isSecureContext: true, VideoDecoder: decoder(true, true) };
  assert.deepEqual((await videoSupport(secure))?.formats, ["h264", "h265"]);
  assert.deepEqual(await videoSupport({ ...plain, MediaSource: source(true, true) }), { by: "mse", formats: ["h264", "h265"] });
  assert.deepEqual(await videoSupport({ ...secure, VideoDecoder: decoder(true), MediaSource: source(true, true) }), BY_WEBCODECS);
});

test("the browser is asked for the very codec: for WebCodecs as it is, for MSE by the name of its sample entry", async () => {
  /** @type {string[]} */
  const asked = [];
  const VideoDecoder = {
    isConfigSupported: async (/** @type {VideoDecoderConfig} */ config) => {
      asked.push(config.codec);
      return { supported: true, config };
    },
  };
  const MediaSource = { isTypeSupported: (/** @type {string} */ type) => asked.push(type) > 0 };
  for (const by of /** @type {const} */ (["webcodecs", "mse"])) {
    assert.equal(await playsCodec(by, "hev1.2.4.H153.90", { VideoDecoder, MediaSource }), true);
    assert.equal(await playsCodec(by, "hev1.2.4.H153.90", {}), false);
  }
  assert.deepEqual(asked, ["hev1.2.4.H153.90", 'video/mp4; codecs="hvc1.2.4.H153.90"']);
});

test("a codec whose name is not valid is not played", async () => {
  const VideoDecoder = { isConfigSupported: async () => Promise.reject(new TypeError("no codec")) };
  assert.equal(await playsCodec("webcodecs", "hev1.", { VideoDecoder }), false);
});
