import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { AutoQuality } from "../../streaming/static/streaming/auto-quality.js";
import { AUTO, QualityChoice } from "../../streaming/static/streaming/quality-choice.js";

const LADDER = ["original", "medium", "low"];
const GOOD = { age: 0.1, gap: false };
const LATE = { age: 1.5, gap: false };
const GAP = { age: 0.1, gap: true };

let now;
let auto;

/** Show pictures at 10 frames/s. */
function run(seconds, picture, target = auto) {
  for (let passed = 0; passed < seconds * 1000; passed += 100) {
    now += 100;
    target.observe(picture);
  }
}

/** As `run`, until the quality changes; returns the seconds it took. */
function runUntilChange(picture, most = 1000) {
  const [before, started] = [auto.quality, now];
  while (auto.quality === before && now - started < most * 1000) run(0.1, picture);
  return (now - started) / 1000;
}

beforeEach(() => {
  now = 1_000_000;
  auto = new AutoQuality(LADDER, () => now);
});

test("the best there is, as long as pictures come in time", () => {
  run(600, GOOD);
  assert.equal(auto.quality, "original");
});

test("three seconds of pictures older than usual step down", () => {
  run(15, GOOD);
  run(2.9, LATE);
  assert.equal(auto.quality, "original");
  run(0.3, LATE);
  assert.equal(auto.quality, "medium");
});

test("a camera that is always behind is no trouble", () => {
  run(120, { age: 4, gap: false });
  assert.equal(auto.quality, "original");
});

test("late for a moment only is no trouble", () => {
  for (let times = 0; times < 20; times += 1) {
    run(2, LATE);
    run(1, GOOD);
  }
  assert.equal(auto.quality, "original");
});

test("gaps that go on step down, a single one does not", () => {
  run(5, GOOD);
  run(0.1, GAP);
  run(10, GOOD);
  assert.equal(auto.quality, "original");
  for (let times = 0; times < 3; times += 1) {
    run(0.1, GAP);
    run(1.9, GOOD);
  }
  assert.equal(auto.quality, "medium");
});

test("two changes are ten seconds apart, and the last step stays", () => {
  run(5, GOOD);
  assert.ok(runUntilChange(LATE) < 4);
  const second = runUntilChange(GAP);
  assert.ok(second >= 10 && second < 11, second);
  assert.equal(auto.quality, "low");
  run(60, GAP);
  assert.equal(auto.quality, "low");
});

test("twenty clean seconds step up", () => {
  run(5, GOOD);
  runUntilChange(LATE);
  const clean = runUntilChange(GOOD);
  assert.ok(clean >= 20 && clean < 21, clean);
  assert.equal(auto.quality, "original");
});

test("each step up that fails doubles the wait for the next, up to five minutes", () => {
  run(5, GOOD);
  runUntilChange(LATE);
  const waits = [];
  for (let times = 0; times < 7; times += 1) {
    waits.push(Math.round(runUntilChange(GOOD)));
    runUntilChange(LATE);
  }
  assert.deepEqual(waits, [20, 40, 80, 160, 300, 300, 300]);
});

test("a step up that lasted forgets the failed ones", () => {
  run(5, GOOD);
  runUntilChange(LATE);
  runUntilChange(GOOD);
  runUntilChange(LATE); // failed
  runUntilChange(GOOD);
  run(60, GOOD);
  runUntilChange(LATE);
  assert.equal(Math.round(runUntilChange(GOOD)), 20);
});

test("another connection begins without the old one's trouble", () => {
  run(5, GOOD);
  run(2.5, LATE);
  auto.restart();
  run(10, LATE);
  assert.equal(auto.quality, "original", "what was late is usual now");
});

// What was chosen, and what is asked for because of it.

let pixels;

function choice(chosen, playsVideo = true) {
  pixels = 1280;
  return new QualityChoice({ choice: chosen, playsVideo, pixels: () => pixels, now: () => now });
}

test("Auto is the camera's own video where it can be played, else JPEG of the size shown", () => {
  assert.equal(choice(AUTO).quality, "original");
  const plain = choice(AUTO, false);
  assert.equal(plain.quality, "medium");
  pixels = 640;
  assert.equal(plain.quality, "low");
  now += 10_000;
  pixels = 1281;
  assert.equal(plain.quality, "high");
});

test("a window that is being resized does not change the quality all the time", () => {
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

test("a choice of one's own stands, whatever arrives", () => {
  const chosen = choice("high");
  run(60, { ...LATE, quality: "high", format: "jpeg" }, chosen);
  assert.equal(chosen.quality, "high");
});

test("without a decoder that works: JPEG for five minutes, or until somebody chooses", () => {
  for (const [chosen, other] of [["original", "high"], [AUTO, "medium"]]) {
    const chooser = choice(chosen);
    chooser.videoFailed();
    assert.equal(chooser.quality, other);
    now += 299_999;
    assert.equal(chooser.quality, other);
    now += 1;
    assert.equal(chooser.quality, "original");
    chooser.videoFailed();
    chooser.choose("original");
    assert.equal(chooser.quality, "original");
  }
});

test("Auto takes JPEG of the size shown from a camera whose own video is not H.264", () => {
  const chooser = choice(AUTO);
  run(2, { ...GOOD, quality: "original", format: "jpeg" }, chooser);
  assert.equal(chooser.quality, "original", "a first JPEG says nothing yet");
  run(2, { ...GOOD, quality: "original", format: "jpeg" }, chooser);
  assert.equal(chooser.quality, "medium");
});
