import assert from "node:assert/strict";
import { test } from "node:test";

import { FrameFlag } from "../../streaming/static/streaming/shared/protocol.js";
import { Timeline } from "../../streaming/static/streaming/engine/timeline.js";

const MS = 1_000; // microseconds

/**
 * The media times of frames, in ms.
 * @param {{readAt: number, presentedAt?: number, flags?: number}[]} frames
 */
function timesOf(frames) {
  const timeline = new Timeline();
  return frames.map(({ readAt, presentedAt = 0, flags = 0 }) => {
    const { decodeTime, offset, duration } = timeline.add({ readAt: 5e9 + readAt, presentedAt: presentedAt * MS, flags });
    return { decoded: decodeTime / MS, shown: (decodeTime + offset) / MS, duration: duration / MS };
  });
}

test("frames have the times at which the server read them, from zero", () => {
  const times = timesOf([0, 40, 85, 120].map((readAt) => ({ readAt })));
  assert.deepEqual(times.map(({ shown }) => shown), [0, 40, 85, 120]);
});

test("a slow camera's interval is known from the second frame on", () => {
  const times = timesOf([0, 200, 400, 600].map((readAt) => ({ readAt })));
  assert.deepEqual(times.map(({ duration }) => duration), [80, 400, 400, 400]);
  assert.deepEqual(times.map(({ shown }) => shown), [0, 60, 260, 460]);
});

test("no frame follows after more than twice the duration of the one before: a browser would stop there", () => {
  const readAt = [0, 40, 80, 1080, 1120, 9000, 9040, 9041, 9041];
  const times = timesOf(readAt.map((at) => ({ readAt: at })));
  for (let index = 1; index < times.length; index += 1) {
    const step = times[index].decoded - times[index - 1].decoded;
    assert.ok(step > 0 && step < 2 * times[index - 1].duration, `${step} ms after ${times[index - 1].duration}`);
  }
});

test("frames in another order than that of decoding are shown in the camera's order", () => {
  const order = [0, 120, 40, 80, 240, 160, 200];
  const frames = order.map((presentedAt, index) => ({ readAt: index * 40, presentedAt, flags: index ? 0 : FrameFlag.KEY }));
  assert.deepEqual(timesOf(frames).slice(2).map(({ shown }) => shown), [40, 80, 240, 160, 200]);
});

test("a camera's clock that jumps changes nothing", () => {
  const presented = [198_000, 0, 40, 80, 9e9, 120];
  const frames = presented.map((presentedAt, index) => ({ readAt: index * 40, presentedAt, flags: index ? 0 : FrameFlag.KEY }));
  assert.deepEqual(timesOf(frames).map(({ shown }) => shown), [0, 40, 80, 120, 160, 200]);
});
