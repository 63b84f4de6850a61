import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { VideoFailures } from "../../streaming/static/streaming/player/video-failures.js";

/** @import { Quality } from "../../streaming/static/streaming/shared/protocol.js" */

const DAY = 86_400_000; // ms
/** @type {Map<string, string>} */
let kept;
let now = 0;
const clock = () => now;

beforeEach(() => {
  [kept, now] = [new Map(), 1_000_000];
  const storage = {
    getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => kept.set(key, value),
    removeItem: (/** @type {string} */ key) => kept.delete(key),
  };
  Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
});

afterEach(() => {
  Reflect.deleteProperty(globalThis, "localStorage");
});

test("a failure of MSE is remembered for a day, for this camera", () => {
  assert.equal(new VideoFailures("yard", "mse", clock).isRecent("original"), false);
  new VideoFailures("yard", "mse", clock).add("original", "h264");
  assert.equal(new VideoFailures("yard", "mse", clock).isRecent("original"), true);
  assert.equal(new VideoFailures("gate", "mse", clock).isRecent("original"), false);
  now += DAY;
  assert.equal(new VideoFailures("yard", "mse", clock).isRecent("original"), false);
});

test("a choice of the user forgets it", () => {
  new VideoFailures("yard", "mse", clock).add("original", "h264");
  new VideoFailures("yard", "mse", clock).forget();
  assert.equal(new VideoFailures("yard", "mse", clock).isRecent("original"), false);
  assert.equal(kept.size, 0);
});

test("a failure of WebCodecs lasts five minutes of this viewing", () => {
  const failures = new VideoFailures("yard", "webcodecs", clock);
  failures.add("original", "h264");
  assert.equal(new VideoFailures("yard", "webcodecs", clock).isRecent("original"), false);
  now += 299_999;
  assert.equal(failures.isRecent("original"), true);
  now += 1;
  assert.equal(failures.isRecent("original"), false);
});

test("a failure of H.265 is remembered for a day, also of WebCodecs", () => {
  new VideoFailures("yard", "webcodecs", clock).add("original", "h265");
  assert.equal(new VideoFailures("yard", "webcodecs", clock).isRecent("original"), true);
  assert.equal(new VideoFailures("gate", "webcodecs", clock).isRecent("original"), false);
  now += DAY;
  assert.equal(new VideoFailures("yard", "webcodecs", clock).isRecent("original"), false);
});

test("without storage, a failure lasts as long as the viewing", () => {
  Reflect.deleteProperty(globalThis, "localStorage");
  const failures = new VideoFailures("yard", "mse", clock);
  failures.add("original", "h264");
  assert.equal(failures.isRecent("original"), true);
});

test("a stream that failed says nothing of the camera's other stream", () => {
  for (const [failed, other] of /** @type {[Quality, Quality][]} */ ([["original", "sub"], ["sub", "original"]])) {
    const failures = new VideoFailures(`yard of ${failed}`, "webcodecs", clock);
    failures.add(failed, "h265");
    for (const remembered of [failures, new VideoFailures(`yard of ${failed}`, "webcodecs", clock)]) {
      assert.deepEqual([remembered.isRecent(failed), remembered.isRecent(other)], [true, false]);
    }
  }
});
