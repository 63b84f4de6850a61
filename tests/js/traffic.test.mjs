import assert from "node:assert/strict";
import { test } from "node:test";

import { FrameFlag, FrameKind } from "../../streaming/static/streaming/shared/protocol.js";
import { Traffic, measureLink } from "../../streaming/static/streaming/engine/traffic.js";

const { H264, JPEG } = FrameKind;

/** @param {number} bytes @param {number} [readAt] @param {number} [kind] @param {number} [flags] */
const frame = (bytes, readAt = 0, kind = H264, flags = 0) => ({ kind, flags, readAt, payload: new Uint8Array(bytes) });

/**
 * Adds video of 25 frames/s.
 * @param {Traffic} traffic
 * @param {number} count
 * @param {number} bytes per frame
 * @param {number} [from] milliseconds
 */
function video(traffic, count, bytes, from = 0) {
  for (let index = 0; index < count; index += 1) traffic.add(frame(bytes, from + index * 40));
}

/** @param {number} actual @param {number} expected */
const near = (actual, expected) => assert.ok(Math.abs(actual / expected - 1) < 0.01, `${actual} is not ${expected}`);

test("the bandwidth of the camera's own video is measured by the server's clock", () => {
  const traffic = new Traffic();
  assert.equal(traffic.need("original"), Infinity, "not known");
  video(traffic, 50, 10_000);
  near(traffic.need("original"), 2_000);
  assert.equal(traffic.received, 500_000);
});

test("gaps and pauses of the camera do not count as low bandwidth", () => {
  const traffic = new Traffic();
  video(traffic, 50, 10_000);
  traffic.add(frame(10_000, 4_000, H264, FrameFlag.DISCONTINUITY));
  video(traffic, 50, 10_000, 60_000);
  traffic.add(frame(20_000, 62_500, JPEG));
  video(traffic, 50, 10_000, 64_000);
  near(traffic.need("original"), 2_000);
});

test("a change of the camera's bandwidth shows within seconds", () => {
  const traffic = new Traffic();
  video(traffic, 500, 10_000);
  video(traffic, 500, 2_000, 20_000);
  near(traffic.need("original"), 400 * 1.03);
});

test("the bandwidth of JPEG is derived from the last one's size, and from no more pixels than the camera has", () => {
  const traffic = new Traffic();
  near(traffic.need("medium"), 6_636);
  traffic.shown(frame(46_080, 0, JPEG), { width: 1280, height: 720 });
  near(traffic.need("low"), 461);
  near(traffic.need("medium"), 3_686);
  near(traffic.need("high"), 12_442);
  traffic.shown(frame(1), { displayWidth: 640, displayHeight: 360 });
  near(traffic.need("medium"), 922);
});

test("a link is measured with a still and with everything that arrives meanwhile", async (context) => {
  context.mock.timers.enable({ apis: ["Date"] });
  const traffic = new Traffic();
  const arrayBuffer = async () => {
    context.mock.timers.tick(500);
    traffic.add(frame(20_000, 0, JPEG));
    return new ArrayBuffer(80_000);
  };
  /** @type {string[]} */
  const asked = [];
  const fetch = async (/** @type {string} */ path) => {
    asked.push(path);
    context.mock.timers.tick(900); // until the server has one: not the link's time
    return { ok: true, arrayBuffer };
  };
  assert.equal(await measureLink("/still", traffic, fetch, Date.now), 1_600);
  assert.deepEqual(asked, ["/still"]);
  assert.equal(await measureLink("/still", traffic, async () => ({ ok: false, arrayBuffer })), Infinity);
  assert.equal(await measureLink("/still", traffic, () => Promise.reject(new TypeError("offline"))), Infinity);
});
