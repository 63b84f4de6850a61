import assert from "node:assert/strict";
import { test } from "node:test";

import { Outcome, defaultReason, outcomeOf } from "../../streaming/static/streaming/shared/outcomes.js";
import {
  CloseCode,
  FrameFlag,
  FrameKind,
  HEADER_BYTES,
  Reason,
  parseFrame,
  snapshotPath,
  streamAddress,
} from "../../streaming/static/streaming/shared/protocol.js";
import { frameBytes } from "./fakes.mjs";

test("every field of a header is read, big-endian", () => {
  // As Python packs it: struct.pack("!BBBBIdd", 1, 1, 3, 7, 258, 1700000000123.5, 4000000.0) + b"\xff\xd8"
  const hex = "01010307000001024278bcfe5687b800414e848000000000" + "ffd8";
  const frame = parseFrame(Uint8Array.from(Buffer.from(hex, "hex")).buffer);
  assert.equal(frame.kind, FrameKind.JPEG);
  assert.equal(frame.flags, FrameFlag.KEY | FrameFlag.DISCONTINUITY);
  assert.equal(frame.epoch, 7);
  assert.equal(frame.seq, 258);
  assert.equal(frame.readAt, 1_700_000_000_123.5);
  assert.equal(frame.presentedAt, 4_000_000);
  assert.deepEqual([...frame.payload], [0xff, 0xd8]);
});

test("a frame with its header only has an empty payload", () => {
  assert.equal(parseFrame(frameBytes({ seq: 1 })).payload.length, 0);
});

test("a message shorter than its header, or of another version, is refused", () => {
  assert.throws(() => parseFrame(new ArrayBuffer(HEADER_BYTES - 1)), RangeError);
  assert.throws(() => parseFrame(frameBytes({ version: 2, seq: 1 })), RangeError);
});

test("each close code has one outcome", () => {
  const outcome = (/** @type {number} */ code, reason = defaultReason(code)) => outcomeOf(code, reason);
  for (const code of [4004, 4400, 4401, 4403, 4410, 4411, 4422]) assert.equal(outcome(code), Outcome.ENDED, `${code}`);
  for (const code of [1000, 1001, 1006, 1011, 4408, 4409]) assert.equal(outcome(code), Outcome.RECONNECT, `${code}`);
  assert.equal(outcome(4429), Outcome.REFUSED);
  assert.equal(outcome(CloseCode.UNAVAILABLE, Reason.CAMERA_LOST), Outcome.UNAVAILABLE);
  assert.equal(outcome(CloseCode.UNAVAILABLE, Reason.CAMERA_UNREACHABLE), Outcome.UNAVAILABLE);
  assert.equal(outcome(CloseCode.UNAVAILABLE, Reason.GATE_UNAVAILABLE), Outcome.RECONNECT);
  assert.equal(outcome(CloseCode.UNAVAILABLE, Reason.DRAINING), Outcome.RECONNECT);
});

test("addresses follow the address of the page", () => {
  const https = { protocol: "https:", host: "nvr.example" };
  const http = { protocol: "http:", host: "192.0.2.1:8000" };
  assert.equal(
    streamAddress("a-b", "low", https),
    "wss://nvr.example/api/v1/cameras/a-b/stream?quality=low&formats=jpeg",
  );
  assert.equal(streamAddress("a-b", null, http), "ws://192.0.2.1:8000/api/v1/cameras/a-b/stream?formats=jpeg");
  assert.equal(
    streamAddress("a-b", null, http, ["h264", "h265"], { wait: "1", replace: "v-1", resume: "a+b" }),
    "ws://192.0.2.1:8000/api/v1/cameras/a-b/stream?formats=jpeg%2Ch264%2Ch265&wait=1&replace=v-1&resume=a%2Bb",
  );
  assert.equal(snapshotPath("a-b"), "/api/v1/cameras/a-b/stream/snapshot?quality=low");
});
