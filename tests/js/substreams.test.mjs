/** A camera with a substream: which stream Auto and a tile take, and what the menu tells of each quality. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { CameraStreams } from "../../streaming/static/streaming/engine/camera-streams.js";
import { Traffic } from "../../streaming/static/streaming/engine/traffic.js";
import { AUTO, QualityChoice, TILE } from "../../streaming/static/streaming/player/quality-choice.js";
import { qualityLabel } from "../../streaming/static/streaming/player/quality-words.js";
import { VideoFailures } from "../../streaming/static/streaming/player/video-failures.js";
import { FrameKind } from "../../streaming/static/streaming/shared/protocol.js";

/** @import { Format, Quality } from "../../streaming/static/streaming/shared/protocol.js" */
/** @import { Choice } from "../../streaming/static/streaming/player/quality-choice.js" */

const MAIN = { codec: "h264", width: 1920, height: 1080, frames_per_second: 25, kbps: 4_000 };
const SUB = { codec: "h264", width: 640, height: 360, frames_per_second: 15, kbps: 400 };

let now = 0;
let pixels = 0; // of the picture on the screen
/** @type {Traffic} */
let traffic;
/** @type {CameraStreams} */
let streams;

beforeEach(() => {
  [now, pixels] = [1_000_000, 640];
  streams = new CameraStreams(true);
  traffic = new Traffic(streams);
});

/** @param {Choice} choice @param {boolean} [playsVideo] */
function chosen(choice, playsVideo = true) {
  const failures = new VideoFailures("cam", "webcodecs", () => now);
  const [measure, clock] = [async () => Infinity, () => now];
  return new QualityChoice({ choice, playsVideo, streams, failures, pixels: () => pixels, traffic, measure, now: clock });
}

/** Shows pictures for some seconds. @param {QualityChoice} choice @param {Format} format @param {number} seconds */
function show(choice, format, seconds) {
  for (let passed = 0; passed < seconds; passed += 0.1) {
    now += 100;
    choice.observe({ age: 0.1, gap: false, quality: choice.quality, format });
  }
}

test("Auto takes the smaller stream that is at least as large as the picture", () => {
  const choice = chosen(AUTO);
  assert.equal(choice.quality, "sub");
  pixels = 641;
  assert.equal(chosen(AUTO).quality, "original");
});

test("a picture that is enlarged gets the larger stream at once, and a smaller one the substream after a while", () => {
  const choice = chosen(AUTO);
  assert.equal(choice.quality, "sub");
  pixels = 1280;
  assert.equal(choice.quality, "original");
  now += 1_000;
  pixels = 640;
  assert.equal(choice.quality, "original");
  now += 10_000;
  assert.equal(choice.quality, "sub");
  pixels = 1280;
  assert.equal(choice.quality, "original");
});

test("a window whose size changes a little does not change the stream", () => {
  const choice = chosen(AUTO);
  for (const width of [660, 700, 640, 704]) {
    pixels = width;
    assert.equal(choice.quality, "sub");
    now += 20_000;
  }
  pixels = 705;
  assert.equal(choice.quality, "original");
  pixels = 650;
  now += 20_000;
  assert.equal(choice.quality, "original");
});

test("the size that the server tells counts", () => {
  streams.learn({ streams: { sub: { ...SUB, width: 1280, height: 720 } } });
  pixels = 1280;
  assert.equal(chosen(AUTO).quality, "sub");
  streams.learn({ streams: { sub: { ...SUB, width: 352, height: 288 } } });
  pixels = 640;
  assert.equal(chosen(AUTO).quality, "original");
});

test("a tile takes the substream, whatever its size", () => {
  pixels = 3_000;
  assert.equal(chosen(TILE).quality, "sub");
  assert.equal(chosen(TILE, false).quality, "low");
  streams = new CameraStreams(false);
  assert.equal(chosen(TILE).quality, "low");
});

test("a tile of a small camera without a substream takes the camera's own video, as soon as its size is known", () => {
  streams = new CameraStreams(false);
  const choice = chosen(TILE);
  for (const [width, quality] of /** @type {[number, string][]} */ ([[1280, "low"], [642, "low"], [640, "original"], [352, "original"]])) {
    streams.learn({ streams: { original: { ...SUB, width } } });
    assert.equal(choice.quality, quality);
  }
  assert.equal(chosen(TILE, false).quality, "low");
  show(choice, "jpeg", 3.1); // it is not passed on
  assert.equal(choice.quality, "low");
});

test("a user who wants to save data gets Low where there is no substream", () => {
  assert.equal(chosen("sub").quality, "sub");
  streams.learn({ qualities: ["low", "medium", "high", "original"] });
  assert.equal(chosen("sub").quality, "low");
});

test("on a slow link the substream comes before JPEG", () => {
  streams.learn({ streams: { original: MAIN, sub: SUB } });
  pixels = 1920;
  const choice = chosen(AUTO);
  show(choice, "h264", 5);
  for (let step = 0; step < 50 && choice.quality === "original"; step += 1) {
    now += 100;
    traffic.received += 12_500; // 1 Mbit/s
    choice.observe({ age: 0.1, gap: true, quality: "original", format: "h264" });
  }
  assert.equal(choice.quality, "sub");
});

test("a substream that comes as JPEG is not taken, but the camera's own video still is", () => {
  const choice = chosen(AUTO);
  show(choice, "jpeg", 3.5);
  assert.equal(choice.quality, "original");
  pixels = 3_000;
  assert.equal(chosen(AUTO).quality, "original");
});

test("an H.265 main stream that fails leaves the substream, and the other way round", () => {
  const choices = [chosen("original"), chosen("sub"), chosen(TILE), chosen(AUTO)];
  for (const choice of choices) choice.videoFailed("original", "h265");
  assert.deepEqual(choices.map(({ quality }) => quality), ["high", "sub", "sub", "sub"]);
  pixels = 3_000;
  assert.equal(choices[3].quality, "high");
  const others = [chosen("original"), chosen("sub"), chosen(TILE), chosen(AUTO)];
  for (const choice of others) choice.videoFailed("sub", "h265");
  pixels = 640;
  assert.deepEqual(others.map(({ quality }) => quality), ["original", "low", "low", "original"]);
});

test("a camera whose large stream comes as JPEG shows the substream rather than a small JPEG", () => {
  pixels = 1_280;
  const choice = chosen(AUTO);
  show(choice, "jpeg", 3.5);
  assert.equal(choice.quality, "medium");
  pixels = 600;
  now += 20_000;
  assert.equal(choice.quality, "sub");
});

test("the rates of both streams are measured apart, and known from the server before", () => {
  assert.equal(traffic.need("sub"), Infinity);
  streams.learn({ streams: { sub: SUB } });
  assert.equal(traffic.need("sub"), 400);
  for (const [quality, bytes] of /** @type {[Quality, number][]} */ ([["original", 20_000], ["sub", 2_000]])) {
    traffic.quality = quality;
    for (let at = 0; at < 10_000; at += 40) {
      traffic.add({ kind: FrameKind.H264, flags: 0, readAt: now + at, payload: new Uint8Array(bytes) });
    }
  }
  assert.deepEqual(["original", "sub"].map((quality) => Math.round(traffic.need(/** @type {Quality} */ (quality)))), [4_000, 400]);
});

test("JPEG never has more pixels or frames than the camera", () => {
  streams.learn({ streams: { original: { ...MAIN, width: 640, height: 360, frames_per_second: 5 } } });
  assert.equal(traffic.needAsJpeg("high"), traffic.needAsJpeg("low"));
  assert.equal(traffic.needAsJpeg("original"), traffic.needAsJpeg("low"));
});

test("the menu tells what each quality shows and takes", () => {
  const own = { isJpeg: false, width: 1280, height: 720, framesPerSecond: 25.04, kbps: 1_960 };
  assert.equal(qualityLabel("original", own), "Original (1280 × 720, 25 fps, 2.0 Mbit/s)");
  assert.equal(qualityLabel("sub", { ...own, width: 0, framesPerSecond: 0, kbps: Infinity }), "Sub");
  assert.equal(qualityLabel("original", { ...own, isJpeg: true, kbps: 24_600 }), "Original (JPEG, 1280 × 720, 25 fps, about 25 Mbit/s)");
  assert.equal(qualityLabel("medium", { ...own, isJpeg: true, framesPerSecond: 10 }), "Medium (1280 × 720, 10 fps, about 2.0 Mbit/s)");
});
