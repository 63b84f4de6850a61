import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { FrameFlag, FrameKind } from "../../streaming/static/streaming/shared/protocol.js";
import { H264Decoder, playsH264 } from "../../streaming/static/streaming/engine/video-decoder.js";
import { FakeChunk, FakeVideoDecoder } from "./fakes.mjs";

const { KEY, DISCONTINUITY, BACKLOG } = FrameFlag;
const CODEC = "avc1.42C01F";

let decoder;
let pictures;
let skipped;
let errors;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  FakeVideoDecoder.all = [];
  [pictures, skipped, errors] = [[], [], []];
  decoder = new H264Decoder(
    { VideoDecoder: FakeVideoDecoder, EncodedVideoChunk: FakeChunk },
    {
      onPicture: (picture, frame) => pictures.push([frame.seq, picture]),
      onSkipped: (frame) => skipped.push(frame.seq),
      onError: (error) => errors.push(error),
    },
  );
  decoder.configure(CODEC);
});

afterEach(() => {
  decoder.close();
  mock.timers.reset();
});

let seq = 0;

function push(flags = 0, fields = {}) {
  seq = fields.seq ?? seq + 1;
  decoder.push({ kind: FrameKind.H264, flags, epoch: 0, readAt: 0, presentedAt: seq * 40_000, payload: [], ...fields, seq });
  return seq;
}

const inside = () => FakeVideoDecoder.all.at(-1);
const seen = () => pictures.map(([number]) => number);

test("asked for low delay, without a description, as Annex B has none, and with the colors of the first picture", () => {
  push(KEY);
  const { colorSpace, ...others } = inside().configuration;
  assert.deepEqual(others, { codec: CODEC, optimizeForLatency: true });
  assert.deepEqual(colorSpace, { primaries: "bt709", transfer: "bt709", matrix: "bt709", fullRange: false });
  assert.equal(inside().chunks[0].type, "key");
});

test("each picture comes with its own frame, also out of order as B-frames make it", () => {
  const [first, second, third] = [push(KEY), push(0, { presentedAt: 9e9 }), push()];
  inside().show(0);
  inside().show(2);
  inside().show(1);
  assert.deepEqual(seen(), [first, third, second]);
});

test("time stamps that come twice are told apart", () => {
  const [first, second] = [push(KEY, { presentedAt: 40_000 }), push(0, { presentedAt: 40_000 })];
  inside().show(0);
  inside().show(1);
  assert.deepEqual(seen(), [first, second]);
});

test("nothing before the first key picture", () => {
  const early = push();
  assert.equal(FakeVideoDecoder.all.length, 0);
  assert.deepEqual(skipped, [early]);
});

test("backlog is decoded, closed and not shown", () => {
  const old = push(KEY | BACKLOG);
  const closed = inside().show(0);
  assert.ok(closed.closed);
  assert.deepEqual(seen(), []);
  assert.deepEqual(skipped, [old]);
});

for (const [name, flags, fields] of [
  ["a gap that the server reports", DISCONTINUITY, {}],
  ["a missing number", 0, { seq: 1000 }],
  ["another epoch", 0, { epoch: 1 }],
]) {
  test(`after ${name}, pictures wait for a key`, () => {
    push(KEY);
    const lost = push(flags, fields);
    assert.deepEqual(skipped, [lost]);
    push(0, { epoch: fields.epoch ?? 0 });
    assert.equal(skipped.length, 2);
    push(KEY, { epoch: fields.epoch ?? 0 });
    assert.equal(skipped.length, 2);
  });
}

test("another epoch and another codec take another decoder; what was inside the old one is closed", () => {
  push(KEY);
  const old = inside();
  decoder.configure(CODEC);
  push();
  assert.equal(FakeVideoDecoder.all.length, 1, "the same codec again changes nothing");
  decoder.configure("avc1.640028");
  push(KEY);
  assert.equal(old.state, "closed");
  assert.equal(inside().configuration.codec, "avc1.640028");
  assert.ok(old.show(0).closed);
  push(KEY, { epoch: 1 });
  assert.equal(FakeVideoDecoder.all.length, 3);
  assert.deepEqual(seen(), []);
});

test("after an error: what was inside is given up, and the next key picture starts anew", () => {
  push(KEY);
  const newest = push();
  inside().fail("EncodingError");
  assert.equal(errors.length, 1);
  assert.deepEqual(skipped, [newest]);
  push();
  const key = push(KEY);
  assert.equal(FakeVideoDecoder.all.length, 2);
  inside().show(0);
  assert.deepEqual(seen(), [key]);
});

test("a decoder that throws is one that failed", () => {
  FakeVideoDecoder.throws = true;
  push(KEY);
  FakeVideoDecoder.throws = false;
  assert.equal(errors.length, 1);
});

test("pictures that go in and never come out are told after five seconds", () => {
  push(KEY);
  mock.timers.tick(4_999);
  assert.deepEqual(errors, []);
  mock.timers.tick(1);
  assert.deepEqual(errors, [null]);
});

test("only a secure page with a decoder that knows H.264 plays it", async () => {
  const page = (supported) => ({
    isSecureContext: true,
    VideoDecoder: { isConfigSupported: async () => ({ supported }) },
  });
  assert.equal(await playsH264(page(true)), true);
  assert.equal(await playsH264(page(false)), false);
  assert.equal(await playsH264({ ...page(true), isSecureContext: false }), false);
  assert.equal(await playsH264({ isSecureContext: true }), false);
});
