import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { FrameFlag, FrameKind } from "../../streaming/static/streaming/shared/protocol.js";
import { WebCodecsDecoder } from "../../streaming/static/streaming/engine/video-decoder.js";
import { FakeBrowser, FakeVideoDecoder, frame } from "./fakes.mjs";

const { KEY, DISCONTINUITY, BACKLOG } = FrameFlag;
const CODEC = "avc1.42C01F";

/** @import { Frame } from "../../streaming/static/streaming/shared/protocol.js" */

/** @type {WebCodecsDecoder} */
let decoder;
/** @type {number[]} */
let seen;
/** @type {number[]} */
let skipped;
/** @type {(DOMException | null)[]} */
let errors;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  FakeVideoDecoder.all = [];
  [seen, skipped, errors] = [[], [], []];
  decoder = new WebCodecsDecoder(new FakeBrowser().environment, {
    onPicture: (_, { seq }) => seen.push(seq),
    onTaken: () => {},
    onSkipped: ({ seq }) => skipped.push(seq),
    onError: (error) => errors.push(error),
  });
  decoder.configure(CODEC);
});

afterEach(() => {
  decoder.close();
  mock.timers.reset();
});

let last = 0; // seq

/** @param {number} [flags] @param {Partial<Frame>} [fields] */
function push(flags = 0, fields = {}) {
  last = fields.seq ?? last + 1;
  decoder.push(frame({ kind: FrameKind.H264, flags, presentedAt: last * 40_000, ...fields, seq: last }));
  return last;
}

const inside = () => FakeVideoDecoder.newest;

test("the decoder is configured for low latency, without a description, and with the colors of the first frame", () => {
  push(KEY);
  const { colorSpace, ...others } = inside().configuration;
  assert.deepEqual(others, { codec: CODEC, optimizeForLatency: true });
  assert.deepEqual(colorSpace, { primaries: "bt709", transfer: "bt709", matrix: "bt709", fullRange: false });
  assert.equal(inside().chunks[0].type, "key");
});

test("each picture comes with its own frame, also when B-frames change the order", () => {
  const [first, second, third] = [push(KEY), push(0, { presentedAt: 9e9 }), push()];
  inside().show(0);
  inside().show(2);
  inside().show(1);
  assert.deepEqual(seen, [first, third, second]);
});

test("repeated timestamps are made unique", () => {
  const [first, second] = [push(KEY, { presentedAt: 40_000 }), push(0, { presentedAt: 40_000 })];
  inside().show(0);
  inside().show(1);
  assert.deepEqual(seen, [first, second]);
});

test("frames before the first keyframe are skipped", () => {
  const early = push();
  assert.equal(FakeVideoDecoder.all.length, 0);
  assert.deepEqual(skipped, [early]);
});

test("backlog is decoded, closed and not shown", () => {
  const old = push(KEY | BACKLOG);
  const closed = inside().show(0);
  assert.ok(closed.closed);
  assert.deepEqual(seen, []);
  assert.deepEqual(skipped, [old]);
});

/** @type {{name: string, flags: number, fields: Partial<Frame>}[]} */
const GAPS = [
  { name: "a gap that the server reports", flags: DISCONTINUITY, fields: {} },
  { name: "a missing number", flags: 0, fields: { seq: 1000 } },
  { name: "another epoch", flags: 0, fields: { epoch: 1 } },
];
for (const { name, flags, fields } of GAPS) {
  test(`after ${name}, frames are skipped until a keyframe`, () => {
    push(KEY);
    const lost = push(flags, fields);
    assert.deepEqual(skipped, [lost]);
    push(0, { epoch: fields.epoch ?? 0 });
    assert.equal(skipped.length, 2);
    push(KEY, { epoch: fields.epoch ?? 0 });
    assert.equal(skipped.length, 2);
  });
}

test("after a gap H.265 starts a new decoder, which skips pictures that refer to lost ones; H.264 goes on in the same", () => {
  for (const [kind, decoders] of [[FrameKind.H264, 1], [FrameKind.H265, 3]]) {
    push(KEY, { kind });
    push(KEY | DISCONTINUITY, { kind });
    assert.equal(FakeVideoDecoder.all.length, decoders);
    decoder.interrupt();
  }
});

test("a new epoch or codec opens a new decoder, and late pictures of the old one are closed", () => {
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
  assert.deepEqual(seen, []);
});

test("after an error the frames inside the decoder are lost, and the next keyframe starts a new one", () => {
  push(KEY);
  const newest = push();
  inside().fail("EncodingError");
  assert.equal(errors.length, 1);
  assert.deepEqual(skipped, [newest]);
  push();
  const key = push(KEY);
  assert.equal(FakeVideoDecoder.all.length, 2);
  inside().show(0);
  assert.deepEqual(seen, [key]);
});

test("an exception of the decoder counts as a failure", () => {
  FakeVideoDecoder.throws = true;
  push(KEY);
  FakeVideoDecoder.throws = false;
  assert.equal(errors.length, 1);
});

test("a decoder with input and without output is reported after five seconds", () => {
  push(KEY);
  mock.timers.tick(4_999);
  assert.deepEqual(errors, []);
  mock.timers.tick(1);
  assert.deepEqual(errors, [null]);
});
