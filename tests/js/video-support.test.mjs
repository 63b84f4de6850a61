import assert from "node:assert/strict";
import { test } from "node:test";

import { videoSupport } from "../../streaming/static/streaming/engine/video-support.js";

/** @param {boolean} supported */
const decoder = (supported) => ({ isConfigSupported: async () => ({ supported, config: { codec: "avc1.42E01E" } }) });
/** @param {boolean} supported */
const source = (supported) => ({ isTypeSupported: () => supported });
const video = { VideoFrame: class {}, HTMLVideoElement: { prototype: { requestVideoFrameCallback: () => {} } } };
const plain = { isSecureContext: false, MediaSource: source(true), ...video };

test("a secure page with a decoder that knows H.264 plays it with WebCodecs", async () => {
  const secure = { ...plain, isSecureContext: true };
  assert.equal(await videoSupport({ ...secure, VideoDecoder: decoder(true) }), "webcodecs");
  assert.equal(await videoSupport({ ...secure, VideoDecoder: decoder(false) }), "mse");
  assert.equal(await videoSupport(secure), "mse");
});

test("a page over plain HTTP plays it with MSE, on an iPhone with its own", async () => {
  assert.equal(await videoSupport(plain), "mse");
  assert.equal(await videoSupport({ ...plain, VideoDecoder: decoder(true) }), "mse");
  assert.equal(await videoSupport({ ...plain, MediaSource: undefined, ManagedMediaSource: source(true) }), "mse");
});

test("a page that can do neither plays JPEG", async () => {
  assert.equal(await videoSupport({ isSecureContext: false }), null);
  assert.equal(await videoSupport({ ...plain, MediaSource: source(false) }), null);
  assert.equal(await videoSupport({ ...plain, VideoFrame: undefined }), null);
  assert.equal(await videoSupport({ ...plain, HTMLVideoElement: { prototype: {} } }), null);
});
