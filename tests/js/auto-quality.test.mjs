import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { CameraStreams } from "../../streaming/static/streaming/engine/camera-streams.js";
import { AutoQuality } from "../../streaming/static/streaming/player/auto-quality.js";
import { AUTO, QualityChoice } from "../../streaming/static/streaming/player/quality-choice.js";
import { VideoFailures } from "../../streaming/static/streaming/player/video-failures.js";

/** @import { Quality } from "../../streaming/static/streaming/shared/protocol.js" */
/** @import { Choice } from "../../streaming/static/streaming/player/quality-choice.js" */

/** @typedef {{age: number, gap: boolean, quality?: Quality, format?: "jpeg"}} Picture */
/** @typedef {{quality: Quality, observe: (picture: {age: number, gap: boolean, quality: Quality, format: "jpeg"}) => void}} Target */

/** @type {Quality[]} */
const LADDER = ["original", "medium", "low"];
const GOOD = { age: 0.1, gap: false };
const LATE = { age: 1.5, gap: false };
const GAP = { age: 0.1, gap: true };
/** @type {Record<Quality, number>} */
const NEEDS = { original: 8_000, high: 20_000, medium: 6_000, low: 800, sub: 500 }; // kbit/s: of a camera that sends a lot

let now = 0;
let link = 0; // bandwidth, kbit/s
let measured = 0; // times
let needs = NEEDS;
let traffic = { received: 0, need: (/** @type {Quality} */ quality) => needs[quality] };
/** @type {AutoQuality} */
let auto;

async function measure() {
  measured += 1;
  return link;
}

/**
 * Shows pictures at 10 frames/s. In trouble the link is full.
 * @param {number} seconds
 * @param {Picture} picture
 * @param {Target} target
 */
async function run(seconds, picture, target = auto) {
  for (let passed = 0; passed < seconds * 1000; passed += 100) {
    now += 100;
    const rate = picture === GOOD ? Math.min(link, needs[target.quality]) : link;
    traffic.received += (rate * 100) / 8;
    target.observe({ quality: "original", format: "jpeg", ...picture });
    await null; // the measurement
  }
}

/**
 * Runs until the quality changes.
 * @param {Picture} picture
 * @param {number} [most] seconds
 * @returns {Promise<number>} seconds
 */
async function runUntilChange(picture, most = 1000) {
  const [before, started] = [auto.quality, now];
  while (auto.quality === before && now - started < most * 1000) await run(0.1, picture);
  return (now - started) / 1000;
}

beforeEach(() => {
  [now, link, measured, needs] = [1_000_000, 100_000, 0, NEEDS];
  traffic = { received: 0, need: (/** @type {Quality} */ quality) => needs[quality] };
  auto = new AutoQuality({ ladder: LADDER, traffic, measure, now: () => now });
});

test("Auto keeps the best quality while pictures arrive in time", async () => {
  await run(600, GOOD);
  assert.equal(auto.quality, "original");
});

test("three seconds of pictures that are older than usual cause a step down", async () => {
  await run(15, GOOD);
  await run(2.9, LATE);
  assert.equal(auto.quality, "original");
  await run(0.3, LATE);
  assert.equal(auto.quality, "medium");
});

test("a camera with a constant delay is no trouble", async () => {
  await run(120, { age: 4, gap: false });
  assert.equal(auto.quality, "original");
});

test("a short delay is no trouble", async () => {
  for (let times = 0; times < 20; times += 1) {
    await run(2, LATE);
    await run(1, GOOD);
  }
  assert.equal(auto.quality, "original");
});

test("repeated gaps cause a step down, a single gap does not", async () => {
  await run(5, GOOD);
  await run(0.1, GAP);
  await run(10, GOOD);
  assert.equal(auto.quality, "original");
  for (let times = 0; times < 3; times += 1) {
    await run(0.1, GAP);
    await run(1.9, GOOD);
  }
  assert.equal(auto.quality, "medium");
});

test("two changes are ten seconds apart, and the lowest quality stays", async () => {
  await run(5, GOOD);
  assert.ok(await runUntilChange(LATE) < 4);
  const second = await runUntilChange(GAP);
  assert.ok(second >= 10 && second < 11, `${second} s`);
  assert.equal(auto.quality, "low");
  await run(60, GAP);
  assert.equal(auto.quality, "low");
});

test("twenty seconds without trouble cause a step up", async () => {
  await run(5, GOOD);
  await runUntilChange(LATE);
  const clean = await runUntilChange(GOOD);
  assert.ok(clean >= 20 && clean < 21, `${clean} s`);
  assert.equal(auto.quality, "original");
});

test("each step up that fails doubles the wait for the next, up to five minutes", async () => {
  await run(5, GOOD);
  await runUntilChange(LATE);
  const waits = [];
  for (let times = 0; times < 7; times += 1) {
    waits.push(Math.round(await runUntilChange(GOOD)));
    await runUntilChange(LATE);
  }
  assert.deepEqual(waits, [20, 40, 80, 160, 300, 300, 300]);
});

test("a step up that lasts resets the wait", async () => {
  await run(5, GOOD);
  await runUntilChange(LATE);
  await runUntilChange(GOOD);
  await runUntilChange(LATE); // failed
  await runUntilChange(GOOD);
  await run(60, GOOD);
  await runUntilChange(LATE);
  assert.equal(Math.round(await runUntilChange(GOOD)), 20);
});

// The bandwidth of the link.

test("on a slow link, one step leads to the quality that fits", async () => {
  link = 1_000;
  await run(5, GOOD);
  await runUntilChange(GAP);
  assert.equal(auto.quality, "low");
});

test("if no quality fits the link, the one with the least traffic is chosen", async () => {
  link = 500;
  await runUntilChange(GAP);
  assert.equal(auto.quality, "low");
});

test("a lower quality means less traffic: qualities that need more than the camera's own video are left out", async () => {
  needs = { ...NEEDS, original: 2_000 };
  await run(5, GOOD);
  await runUntilChange(LATE);
  assert.equal(auto.quality, "low", "not medium");
  await runUntilChange(GOOD);
  assert.equal(auto.quality, "original");
  needs = { ...NEEDS, original: 300 };
  await run(60, GAP);
  assert.equal(auto.quality, "original", "nothing takes less");
});

test("no step up to a quality that the link cannot carry, and measurements become rarer", async () => {
  link = 1_000;
  await runUntilChange(GAP);
  await run(1000, GOOD);
  assert.equal(auto.quality, "low");
  assert.equal(measured, 6, "after 20, 60, 140, 300, 600 and 900 s");
  link = 7_500; // enough for medium, too little for the camera's own video
  await run(300, GOOD);
  assert.equal(auto.quality, "medium");
  await run(300, GOOD);
  assert.equal(auto.quality, "medium");
});

test("trouble during a measurement prevents the step up", async () => {
  /** @type {(link: number) => void} */
  let answer = () => {};
  /** @type {() => Promise<number>} */
  const slowly = () => new Promise((done) => (answer = done));
  auto = new AutoQuality({ ladder: LADDER, traffic, measure: slowly, now: () => now });
  await run(5, GOOD);
  await runUntilChange(LATE);
  await run(25, GOOD);
  await run(1, LATE);
  answer(Infinity);
  await run(10, GOOD);
  assert.equal(auto.quality, "medium");
});

test("a new connection starts without the trouble of the old one", async () => {
  await run(5, GOOD);
  await run(2.5, LATE);
  auto.restart();
  await run(10, LATE);
  assert.equal(auto.quality, "original", "what was late is usual now");
});

// The user's choice, and the quality to ask for.

let pixels = 0;

/** @param {Choice} chosen @param {boolean} [playsVideo] */
function choice(chosen, playsVideo = true) {
  pixels = 1280;
  const failures = new VideoFailures("cam", "webcodecs", () => now);
  return new QualityChoice({ choice: chosen, playsVideo, streams: new CameraStreams(), failures, pixels: () => pixels, traffic, measure, now: () => now });
}

test("Auto is the camera's own video if the browser plays it, or else JPEG of the size on the screen", async () => {
  assert.equal(choice(AUTO).quality, "original");
  const plain = choice(AUTO, false);
  assert.equal(plain.quality, "medium");
  pixels = 640;
  assert.equal(plain.quality, "low");
  now += 10_000;
  pixels = 1281;
  assert.equal(plain.quality, "high");
});

test("resizing a window does not change the quality all the time", async () => {
  const plain = choice(AUTO, false);
  pixels = 1281;
  assert.equal(plain.quality, "high");
  pixels = 1280;
  assert.equal(plain.quality, "medium");
  pixels = 1281;
  assert.equal(plain.quality, "medium");
  now += 10_000;
  assert.equal(plain.quality, "high");
});

test("the user's choice stays, whatever arrives", async () => {
  const chosen = choice("high");
  await run(60, { ...LATE, quality: "high", format: "jpeg" }, chosen);
  assert.equal(chosen.quality, "high");
});

test("after a failure of the decoder: JPEG for five minutes, or until the user chooses", async () => {
  /** @type {{chosen: Choice, other: Quality}[]} */
  const cases = [{ chosen: "original", other: "high" }, { chosen: AUTO, other: "medium" }];
  for (const { chosen, other } of cases) {
    const chooser = choice(chosen);
    chooser.videoFailed("original", "h264");
    assert.equal(chooser.quality, other);
    now += 299_999;
    assert.equal(chooser.quality, other);
    now += 1;
    assert.equal(chooser.quality, "original");
    chooser.videoFailed("original", "h264");
    chooser.choose("original");
    assert.equal(chooser.quality, "original");
  }
});

test("Auto is JPEG of the size on the screen for a camera whose own video does not come", async () => {
  const chooser = choice(AUTO);
  await run(2, { ...GOOD, quality: "original", format: "jpeg" }, chooser);
  assert.equal(chooser.quality, "original", "a first JPEG says nothing yet");
  await run(2, { ...GOOD, quality: "original", format: "jpeg" }, chooser);
  assert.equal(chooser.quality, "medium");
});

test("a quality that the server has no room for is asked for again later only", async () => {
  await run(5, GOOD);
  await runUntilChange(LATE);
  assert.equal(auto.quality, "medium");
  await runUntilChange(GOOD);
  assert.equal(auto.quality, "original");
  auto.kept("medium");
  assert.equal(auto.quality, "medium");
  assert.ok((await runUntilChange(GOOD)) >= 40);
});

test("a kept quality that Auto does not offer changes nothing", () => {
  auto.kept("high");
  assert.equal(auto.quality, "original");
});

test("a user who chose a quality without room for it keeps the present one", () => {
  const chosen = choice("high");
  chosen.kept("low");
  assert.equal(chosen.quality, "low");
});
