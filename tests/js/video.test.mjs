import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Acknowledgements } from "../../streaming/static/streaming/engine/acknowledgements.js";
import { Figures } from "../../streaming/static/streaming/engine/figures.js";
import { FrameFlag, FrameKind } from "../../streaming/static/streaming/shared/protocol.js";
import { fileName } from "../../streaming/static/streaming/player/save-picture.js";
import { State } from "../../streaming/static/streaming/engine/states.js";
import { Viewer } from "../../streaming/static/streaming/engine/viewer.js";
import { FakeBrowser, FakeVideoDecoder, listening, settle } from "./fakes.mjs";

const { KEY, BACKLOG } = FrameFlag;
const { H264, JPEG } = FrameKind;
const VIDEO = { type: "quality_changed", quality: "original", format: "h264", codec: "avc1.42C01F", window: 25 };

/** @type {FakeBrowser} */
let browser;
/** @type {Viewer} */
let viewer;
/** @type {unknown[]} */
let painted;
let failures = 0;
let seenElsewhere = false;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  FakeVideoDecoder.all = [];
  browser = new FakeBrowser();
  [painted, failures, seenElsewhere] = [[], 0, false];
  const listener = listening({
    paint: (picture) => painted.push(picture),
    onVideoFailure: () => (failures += 1),
    seenElsewhere: () => seenElsewhere,
  });
  viewer = new Viewer({ cameraId: "cam", quality: "original", video: { by: "webcodecs", formats: ["h264"] } }, listener, browser.environment);
  viewer.open();
  browser.socket.accept();
  browser.socket.say({ type: "info", quality: "original", format: "jpeg", codec: null, in_use: 1, limit: 10 });
  browser.socket.say(VIDEO);
});

afterEach(() => {
  viewer.close();
  mock.timers.reset();
});

/** @param {number} seq @param {number} [flags] @param {number} [kind] */
function send(seq, flags = 0, kind = H264) {
  browser.socket.sendFrame({ seq, flags, kind });
}

const inside = () => FakeVideoDecoder.newest;
const acks = () => browser.socket.sent.map((message) => message.seq);

test("the server learns which formats the browser plays", () => {
  assert.match(browser.socket.address, /quality=original&formats=jpeg%2Ch264&resume=$/);
});

test("backlog is acknowledged and not live, the first picture after it is live", () => {
  send(1, KEY | BACKLOG);
  inside().show(0);
  assert.equal(viewer.status.state, State.CONNECTING);
  assert.deepEqual(acks(), [1]);
  send(2);
  inside().show(1);
  assert.equal(viewer.status.state, State.LIVE);
  assert.equal(painted.length, 1);
});

test("video is acknowledged every five pictures or after a quarter of a second, always the newest", () => {
  for (let seq = 1; seq <= 9; seq += 1) send(seq, seq === 1 ? KEY : 0);
  inside().show(0);
  assert.deepEqual(acks(), [1]);
  for (let index = 1; index <= 3; index += 1) inside().show(index);
  mock.timers.tick(249);
  assert.deepEqual(acks(), [1]);
  mock.timers.tick(1);
  assert.deepEqual(acks(), [1, 4]);
  mock.timers.tick(30);
  for (let index = 4; index <= 8; index += 1) inside().show(index);
  assert.deepEqual(acks(), [1, 4, 9]);
});

test("a flood of pictures makes no flood of acknowledgements", () => {
  /** @type {number[]} */
  const sent = [];
  const acknowledgements = new Acknowledgements((seq) => sent.push(seq), Date.now);
  for (let seq = 1; seq <= 1000; seq += 1) {
    acknowledgements.add({ seq, kind: seq % 2 ? H264 : JPEG, readAt: seq }, 0);
    mock.timers.tick(1);
  }
  assert.ok(sent.length <= 41, `${sent.length} messages`);
  mock.timers.tick(250);
  assert.equal(sent.at(-1), 1000);
});

for (const { age, interval, expected } of [
  { age: 5, interval: 100, expected: [1, 3, 5, 7, 9] },
  { age: 49, interval: 100, expected: [1, 3, 5, 7, 9] },
  { age: 50, interval: 100, expected: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] },
  { age: 5, interval: 66, expected: [1, 3, 5, 7, 9] },
  { age: 40, interval: 66, expected: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] },
]) {
  test(`JPEG that is ${age} ms old, each ${interval} ms: two are acknowledged together if that reaches the server before a third`, () => {
    /** @type {number[]} */
    const sent = [];
    const acknowledgements = new Acknowledgements((seq) => sent.push(seq), Date.now);
    for (let seq = 1; seq <= 10; seq += 1) {
      acknowledgements.add({ seq, kind: JPEG, readAt: seq * interval }, age);
      mock.timers.tick(interval);
    }
    assert.deepEqual(sent, expected);
    mock.timers.tick(250);
    assert.equal(sent.at(-1), 10, "the last one does not wait for more");
  });
}

test("frames skipped before a keyframe are acknowledged, so that the server sends the keyframe", () => {
  for (let seq = 1; seq <= 5; seq += 1) send(seq);
  mock.timers.tick(250);
  assert.equal(acks().at(-1), 5);
});

test("JPEG and video in one viewing: a picture from before the change is not painted after it", async () => {
  send(1, KEY);
  send(2, KEY, JPEG);
  await settle();
  assert.ok(inside().show(0).closed);
  assert.equal(painted.length, 1);
  send(3);
  assert.equal(FakeVideoDecoder.all.length, 1, "video goes on with a key");
  send(4, KEY);
  inside().show(0);
  assert.equal(painted.length, 2);
  mock.timers.tick(250);
  assert.equal(acks().at(-1), 4);
});

test("three errors in thirty seconds end the camera's own video", () => {
  for (let seq = 1; seq <= 3; seq += 1) {
    assert.equal(failures, 0);
    send(seq, KEY);
    inside().fail("EncodingError");
    mock.timers.tick(10_000);
  }
  assert.equal(failures, 1);
});

test("errors far apart do not end it", () => {
  for (let seq = 1; seq <= 5; seq += 1) {
    send(seq, KEY);
    inside().fail("EncodingError");
    mock.timers.tick(16_000);
    browser.socket.say({ type: "status", state: "live" });
  }
  assert.equal(failures, 0);
});

test("an unsupported codec ends it at once", () => {
  send(1, KEY);
  inside().fail("NotSupportedError");
  assert.equal(failures, 1);
});

test("a decoder without any output ends it after five seconds", () => {
  send(1, KEY);
  mock.timers.tick(5_000);
  assert.equal(failures, 1);
});

test("a decoder that paused, as on a machine that slept, is replaced", () => {
  send(1, KEY);
  inside().show(0);
  send(2);
  mock.timers.tick(5_000);
  assert.equal(failures, 0);
  assert.equal(acks().at(-1), 2);
  send(3, KEY);
  inside().show(0);
  assert.equal(painted.length, 2);
});

test("a hidden page keeps its stream while it is in picture in picture", () => {
  seenElsewhere = true;
  const stay = () => {
    mock.timers.tick(10_000);
    browser.socket.say({ type: "status", state: "live" });
  };
  browser.show("hidden");
  for (let times = 0; times < 6; times += 1) stay();
  assert.equal(browser.socket.closedWith, null);
  seenElsewhere = false;
  stay();
  stay();
  assert.equal(browser.socket.closedWith, 1000);
});

test("figures cover five seconds", () => {
  const figures = new Figures();
  for (let index = 0; index < 250; index += 1) {
    const flags = index === 10 ? FrameFlag.DISCONTINUITY : 0;
    figures.received({ kind: H264, flags, payload: new Uint8Array(1000) });
    figures.shown(index < 225 ? 0.1 : 0.4);
    mock.timers.tick(40);
  }
  const measured = figures.read();
  assert.equal(figures.format, "h264");
  assert.ok(Math.abs(measured.framesPerSecond - 25) < 0.5, `${measured.framesPerSecond} frames/s`);
  assert.ok(Math.abs(measured.kilobitsPerSecond - 200) < 4, `${measured.kilobitsPerSecond} kbit/s`);
  assert.deepEqual([measured.ageMedian, measured.ageHigh, measured.dropped], [0.1, 0.4, 1]);
  mock.timers.tick(5_001);
  assert.equal(figures.read().ageMedian, null);
});

test("the name of a saved picture is valid on every file system", () => {
  assert.equal(fileName("Gate: 1/2", new Date(2026, 0, 2, 3, 4, 5)), "Gate_ 1_2 2026-01-02 03.04.05.jpg");
});
