import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff, DELAYS } from "../../streaming/static/streaming/engine/backoff.js";

test("delays grow to fifteen seconds and stay there", () => {
  const backoff = new Backoff(() => 0.5);
  const waits = Array.from({ length: 8 }, () => Math.round(backoff.next()));
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
});

test("jitter changes each delay by a fifth at most", () => {
  for (const random of [0, 0.25, 0.999]) {
    const backoff = new Backoff(() => random);
    for (const seconds of DELAYS) {
      const wait = backoff.next() / 1000;
      assert.ok(wait >= seconds * 0.8 && wait <= seconds * 1.2, `${wait} s for ${seconds} s`);
    }
  }
});

test("a reset starts over", () => {
  const backoff = new Backoff(() => 0.5);
  backoff.next();
  backoff.next();
  backoff.reset();
  assert.equal(Math.round(backoff.next()), 500);
});
