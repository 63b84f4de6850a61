/** A camera's H.265 in one viewing: asked for, confirmed, decoded, or given up. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { FrameFlag, FrameKind } from "../../streaming/static/streaming/shared/protocol.js";
import { Viewer } from "../../streaming/static/streaming/engine/viewer.js";
import { FakeBrowser, FakeVideoDecoder, listening, settle } from "./fakes.mjs";
import { FakeMedia } from "./media.mjs";

/** @import { VideoPlayer } from "../../streaming/static/streaming/engine/video-support.js" */

const CODEC = "hev1.1.6.L93.90";
const OTHER = "hev1.2.4.L153.90";
const KEYFRAME = [...Buffer.from(
  "0000000140010c01ffff01600000030090000003000003005dba0240" +
  "0000000142010101600000030090000003000003005da00280802d165ba4a4c2e68080000003008000000c84" +
  "000000014401c07181120000000128018040", "hex")]; // prettier-ignore

/** @type {FakeBrowser} */
let browser;
/** @type {FakeMedia} */
let media;
/** @type {Viewer} */
let viewer;
/** @type {string[]} what failed: the quality and format of each */
let failures;
let painted = 0;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  FakeVideoDecoder.all = [];
  FakeVideoDecoder.unsupported = [];
  [browser, media, failures, painted] = [new FakeBrowser(), new FakeMedia(), [], 0];
});

afterEach(() => {
  viewer.close();
  mock.timers.reset();
});

/** @param {VideoPlayer} by */
function open(by) {
  const listener = listening({ paint: () => (painted += 1), onVideoFailure: (...stream) => failures.push(stream.join(" ")) });
  const video = { by, formats: /** @type {const} */ (["h264", "h265"]) };
  const environment = { ...media.environment, ...browser.environment };
  viewer = new Viewer({ cameraId: "cam", quality: "original", video }, listener, environment);
  viewer.open();
  browser.socket.accept();
  browser.socket.say({ type: "info", quality: "original", format: "jpeg", codec: null, in_use: 1, limit: 10 });
}

/** @param {string | null} codec */
async function tell(codec) {
  browser.socket.say({ type: "quality_changed", quality: "original", format: codec ? "h265" : "jpeg", codec, window: 25 });
  await settle();
}

/** @param {number} seq */
const send = (seq, flags = 0) => browser.socket.sendFrame({ seq, flags, kind: FrameKind.H265, readAt: 40 * seq, payload: KEYFRAME });
const confirmed = () => browser.socket.sent.filter(({ type }) => type === "confirm_codec").map(({ codec }) => codec);

test("the server learns that the page may play H.265, and the page confirms the camera's codec", async () => {
  open("webcodecs");
  assert.equal(browser.query.get("formats"), "jpeg,h264,h265");
  await tell(CODEC);
  assert.deepEqual(confirmed(), [CODEC]);
  assert.equal(FakeVideoDecoder.all.length, 0, "no frame has come");
  send(1, FrameFlag.KEY);
  assert.equal(FakeVideoDecoder.newest.configuration.codec, CODEC);
  assert.equal(FakeVideoDecoder.newest.configuration.colorSpace?.matrix, "bt709");
  FakeVideoDecoder.newest.show(0);
  assert.equal(painted, 1);
  assert.equal(viewer.figures.format, "h265");
});

test("over plain HTTP it is wrapped as hvc1", async () => {
  open("mse");
  await tell(CODEC);
  assert.deepEqual(confirmed(), [CODEC]);
  send(1, FrameFlag.KEY);
  media.open();
  assert.equal(media.type, 'video/mp4; codecs="hvc1.1.6.L93.90"');
  media.buffer.finish();
  media.video.show(0);
  assert.equal(painted, 1);
});

for (const by of /** @type {const} */ (["webcodecs", "mse"])) {
  test(`a codec that the browser does not play is not confirmed, and the video counts as failed: ${by}`, async () => {
    FakeVideoDecoder.unsupported = [CODEC];
    media.supported = false;
    open(by);
    await tell(CODEC);
    assert.deepEqual([confirmed(), failures], [[], ["original h265"]]);
  });
}

test("H.264 needs no confirmation", async () => {
  open("webcodecs");
  browser.socket.say({ type: "quality_changed", quality: "original", format: "h264", codec: "avc1.42C01F", window: 25 });
  await settle();
  assert.deepEqual(confirmed(), []);
});

test("the first error ends it", async () => {
  open("webcodecs");
  await tell(CODEC);
  send(1, FrameFlag.KEY);
  FakeVideoDecoder.newest.fail("EncodingError");
  assert.deepEqual(failures, ["original h265"]);
});

test("only the newest codec is confirmed", async () => {
  open("webcodecs");
  browser.socket.say({ type: "quality_changed", quality: "original", format: "h265", codec: OTHER, window: 25 });
  await tell(CODEC);
  assert.deepEqual(confirmed(), [CODEC]);
});

test("an answer that comes too late is none: the frames are JPEG again, or the viewing is closed", async () => {
  FakeVideoDecoder.unsupported = [OTHER];
  open("webcodecs");
  browser.socket.say({ type: "quality_changed", quality: "original", format: "h265", codec: OTHER, window: 25 });
  await tell(null);
  assert.deepEqual(failures, []);
  browser.socket.say({ type: "quality_changed", quality: "original", format: "h265", codec: OTHER, window: 25 });
  viewer.close();
  await settle();
  assert.deepEqual([failures, confirmed()], [[], []]);
});

test("it is acknowledged like other video: each fifth frame", async () => {
  open("webcodecs");
  await tell(CODEC);
  for (let seq = 1; seq <= 6; seq += 1) {
    send(seq, seq === 1 ? FrameFlag.KEY : 0);
    FakeVideoDecoder.newest.show(seq - 1);
    mock.timers.tick(40);
  }
  assert.deepEqual(browser.socket.sent.filter(({ type }) => type === "ack").map(({ seq }) => seq), [1, 6]);
});

test("a failure names the stream of its frames, and the errors of one stream do not count for the other", async () => {
  open("webcodecs");
  await tell(CODEC);
  browser.socket.say({ type: "quality_changed", quality: "sub", format: "h264", codec: "avc1.42C01F", window: 25 });
  const fail = (/** @type {number} */ seq) => {
    browser.socket.sendFrame({ seq, flags: FrameFlag.KEY, kind: FrameKind.H264, readAt: 40 * seq, payload: [0, 0, 0, 1, 0x65] });
    FakeVideoDecoder.newest.fail("EncodingError");
  };
  [1, 2].forEach(fail);
  browser.socket.say({ type: "quality_changed", quality: "original", format: "h264", codec: "avc1.42C01F", window: 25 });
  [3, 4].forEach(fail);
  assert.deepEqual(failures, []);
  fail(5);
  assert.deepEqual(failures, ["original h264"]);
});

test("a failure between the change of the stream and its first frame is that of the stream before", async () => {
  open("webcodecs");
  await tell(CODEC);
  send(1, FrameFlag.KEY);
  browser.socket.say({ type: "quality_changed", quality: "sub", format: "h265", codec: CODEC, window: 25 });
  FakeVideoDecoder.newest.fail("EncodingError");
  assert.deepEqual(failures, ["original h265"]);
});
