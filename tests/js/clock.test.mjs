import assert from "node:assert/strict";
import { test } from "node:test";

import { ServerClock } from "../../streaming/static/streaming/engine/clock.js";

test("the sample with the shortest round trip is used", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 10_000 });
  const clock = new ServerClock();
  assert.equal(clock.now(), 10_000, "without a sample: the local time");
  clock.sample(8_000, 9_000, 68_900); // a slow answer, one way much slower than the other
  clock.sample(9_000, 9_020, 69_010); // 60 s ahead
  clock.sample(9_500, 9_900, 69_600);
  assert.equal(clock.now(), 70_000);
  assert.equal(clock.latest(), 70_010, "if the pong took all of the 20 ms");
});

test("a change of either clock takes effect at once", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 0 });
  const clock = new ServerClock();
  clock.sample(0, 1, 500_000);
  clock.sample(0, 20, 10);
  assert.equal(clock.now(), 0);
});

test("an exact sample is kept while answers queue behind pictures, until the clocks have diverged", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 0 });
  const clock = new ServerClock();
  const queued = (/** @type {number} */ at) => clock.sample(at, at + 2_000, at + 10_010); // one way 10 ms, the way back 1,990
  clock.sample(0, 20, 10_010); // 10 s ahead
  for (let at = 5_000; at < 300_000; at += 5_000) queued(at);
  assert.equal(clock.now(), 10_000);
  clock.sample(400_000, 400_040, 410_025);
  assert.equal(clock.now(), 10_005, "as exact as the old one has become");
});
