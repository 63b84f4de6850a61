import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { LagControl } from "../../streaming/static/streaming/engine/lag-control.js";

const INTERVAL = 0.04;

/** A video that plays at its rate, and waits at the end of what it has. Counts its jumps. */
class FakeVideo {
  playbackRate = 1;
  jumps = 0;
  #time = 0;

  get currentTime() {
    return this.#time;
  }

  set currentTime(time) {
    this.#time = time;
    this.jumps += 1;
  }

  /** @param {number} seconds @param {number} end */
  play(seconds, end) {
    this.#time = Math.min(this.#time + seconds * this.playbackRate, end);
  }
}

/** @type {FakeVideo} */
let video;
/** @type {LagControl} */
let control;
let newest = 0;
let now = 0; // seconds

beforeEach(() => {
  video = new FakeVideo();
  control = new LagControl(video, () => now * 1000);
  newest = now = 0;
});

/**
 * Pictures arrive and the video plays.
 * @param {number} seconds
 * @param {(index: number) => number} [delay] of a picture, seconds
 * @returns {number} seconds by which the last picture came before its time
 */
function run(seconds, delay = () => 0) {
  let ahead = 0;
  for (let index = 0; index < seconds / INTERVAL; index += 1) {
    const passed = INTERVAL + delay(index) - delay(index - 1);
    video.play(passed, newest + INTERVAL);
    now += passed;
    newest += INTERVAL;
    ahead = newest - video.currentTime;
    control.arrived(newest);
  }
  return ahead;
}

test("a video that is behind catches up without a jump, and stays at the edge", () => {
  newest = 0.5;
  const ahead = run(10);
  assert.ok(ahead > 0.005 && ahead < 0.04, `${ahead} s`);
  assert.equal(video.jumps, 0);
  assert.ok(Math.abs(video.playbackRate - 1) < 0.06, `rate ${video.playbackRate}`);
});

test("pictures that come unevenly all come before their time", () => {
  const uneven = (/** @type {number} */ index) => (index % 5 === 4 ? 0.03 : 0);
  const ahead = run(10, uneven); // the last one is late
  assert.ok(ahead > 0 && ahead < 0.04, `${ahead} s`);
  assert.equal(video.jumps, 0);
});

test("a video that was stopped for seconds jumps to the edge", () => {
  run(1);
  newest += 30;
  run(1);
  assert.equal(video.jumps, 1);
  assert.ok(newest - video.currentTime < 0.1);
});
