import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { FrameFlag, FrameKind } from "../../streaming/static/streaming/shared/protocol.js";
import { MseDecoder } from "../../streaming/static/streaming/engine/mse-decoder.js";
import { frame } from "./fakes.mjs";
import { FakeMedia } from "./media.mjs";

const { KEY, DISCONTINUITY, BACKLOG } = FrameFlag;
const CODEC = "avc1.42C01F";
const KEYFRAME = Uint8Array.from(Buffer.from("0000016742c01fda014016e9b8100000016801000001658801", "hex"));
const DELTA = Uint8Array.from(Buffer.from("00000001419a02", "hex"));

/** @type {FakeMedia} */
let media;
/** @type {MseDecoder} */
let decoder;
/** @type {number[]} */
let seen;
/** @type {number[]} */
let taken;
/** @type {number[]} */
let skipped;
/** @type {(string | undefined)[]} */
let errors;
let last = 0; // seq

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  [seen, taken, skipped, errors] = [[], [], [], []];
  media = new FakeMedia();
  decoder = new MseDecoder(media.environment, {
    onPicture: (_, { seq }) => seen.push(seq),
    onTaken: ({ seq }) => taken.push(seq),
    onSkipped: ({ seq }) => skipped.push(seq),
    onError: (error) => errors.push(error?.name),
  });
  decoder.configure(CODEC);
});

afterEach(() => {
  decoder.close();
  mock.timers.reset();
});

/** @param {number} [flags] */
function push(flags = 0) {
  last += 1;
  const payload = flags & KEY ? KEYFRAME : DELTA;
  decoder.push(frame({ kind: FrameKind.H264, flags, seq: last, readAt: last * 40, payload }));
  return last;
}

test("frames wait for the source to open, and are taken when they are appended", () => {
  const frames = [push(KEY), push()];
  assert.deepEqual(taken, []);
  media.open();
  assert.equal(media.buffer.appended, 1, "together");
  media.buffer.finish();
  assert.deepEqual(taken, frames);
  assert.equal(media.type, `video/mp4; codecs="${CODEC}"`);
});

test("the video begins with the newest picture after the backlog, without showing any of that", () => {
  const old = [push(KEY | BACKLOG), push(BACKLOG)];
  const live = push();
  media.open();
  media.buffer.finish();
  assert.equal(media.video.currentTime, 0.08);
  assert.equal(media.video.plays, 1);
  media.video.show(0.08);
  assert.deepEqual(seen, [live]);
  assert.deepEqual(skipped, old);
});

test("a picture that the video passes over is skipped", () => {
  const [first, second, third] = [push(KEY), push(), push()];
  media.open();
  media.buffer.finish();
  media.video.show(0);
  media.video.show(0.08);
  assert.deepEqual([seen, skipped], [[first, third], [second]]);
});

test("frames before a keyframe are skipped, also after a gap", () => {
  const early = push();
  push(KEY);
  const lost = push(DISCONTINUITY);
  assert.deepEqual(skipped, [early, lost]);
});

test("a codec that the browser does not know is an error, and its frame is skipped", () => {
  media.supported = false;
  const key = push(KEY);
  assert.deepEqual([errors, skipped], [["NotSupportedError"], [key]]);
});

test("an error of the video, the buffer or its start is reported, and the next keyframe starts another video", () => {
  const lost = push(KEY);
  media.open();
  media.video.fail();
  assert.deepEqual([errors, skipped], [["EncodingError"], [lost]]);
  const key = push(KEY);
  media.open();
  media.buffer.finish();
  media.video.show(0);
  assert.deepEqual(seen, [key]);
  media.buffer.isFull = true;
  push();
  assert.deepEqual(errors, ["EncodingError", "QuotaExceededError"]);
});

test("a video that gets frames and shows none is reported after some seconds, if the page is visible", () => {
  const run = () => {
    for (let second = 0; second < 7; second += 1) {
      push(second ? 0 : KEY);
      mock.timers.tick(1_000);
    }
  };
  media.document.visibilityState = "hidden";
  run();
  assert.deepEqual(errors, []);
  media.document.visibilityState = "visible";
  run();
  assert.deepEqual(errors, [undefined]);
});

test("a camera that pauses is no error", () => {
  push(KEY);
  mock.timers.tick(20_000);
  assert.deepEqual(errors, []);
});

test("the buffer keeps some seconds, from a keyframe on", () => {
  for (let second = 0; second < 20; second += 1) for (let index = 0; index < 25; index += 1) push(index ? 0 : KEY);
  media.open();
  for (let times = 0; times < 20; times += 1) {
    media.buffer.finish();
    push();
  }
  assert.ok(Math.abs(media.buffer.removedUpTo - 14) < 0.01, `removed up to ${media.buffer.removedUpTo}`);
});
