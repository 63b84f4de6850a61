import assert from "node:assert/strict";
import { test } from "node:test";

import { ServerClock } from "../../streaming/static/streaming/clock.js";

test("the sample with the shortest round trip decides", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 10_000 });
  const clock = new ServerClock();
  assert.equal(clock.now(), 10_000, "without a sample: the local time");
  clock.sample(8_000, 9_000, 68_900); // a slow answer, one way much slower than the other
  clock.sample(9_000, 9_020, 69_010); // 60 s ahead
  clock.sample(9_500, 9_900, 69_600);
  assert.equal(clock.now(), 70_000);
});

test("old samples are forgotten, so a clock that was set anew is believed", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 0 });
  const clock = new ServerClock();
  clock.sample(0, 1, 500_000);
  for (let i = 0; i < 12; i += 1) clock.sample(0, 20, 10);
  assert.equal(clock.now(), 0);
});
