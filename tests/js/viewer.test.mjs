import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { State } from "../../streaming/static/streaming/engine/states.js";
import { FakeBitmap, settle } from "./fakes.mjs";
import { INFO, browser, goLive, listenTo, open, painted, viewer } from "./viewing.mjs";

test("connecting, then live with the first decoded picture", async () => {
  open();
  assert.equal(viewer.status.state, State.CONNECTING);
  assert.equal(browser.socket.address, "ws://nvr.test/api/v1/cameras/cam/stream?formats=jpeg&resume=");
  browser.socket.accept();
  browser.socket.say(INFO);
  browser.socket.say({ type: "status", state: "live", reason: null, retry_after: null });
  assert.equal(viewer.status.state, State.CONNECTING, "the picture decides");
  browser.socket.sendFrame({ seq: 1 });
  await settle();
  assert.equal(viewer.status.state, State.LIVE);
  assert.equal(viewer.quality, "medium");
});

test("a frame is acknowledged after it was decoded, and no earlier", async () => {
  /** @type {(bitmap: FakeBitmap) => void} */
  let finish = () => {};
  browser.decode = () => new Promise((resolve) => (finish = resolve));
  open();
  browser.socket.accept();
  browser.socket.sendFrame({ seq: 1 });
  await settle();
  assert.deepEqual(browser.socket.sent, []);
  finish(new FakeBitmap());
  await settle();
  assert.deepEqual(browser.socket.sent, [{ type: "ack", seq: 1 }]);
  assert.equal(painted.length, 1);
});

test("a picture decoded after a newer one is closed and not painted", async () => {
  /** @type {((bitmap: FakeBitmap) => void)[]} */
  const finish = [];
  browser.decode = () => new Promise((resolve) => finish.push(resolve));
  open();
  browser.socket.accept();
  browser.socket.sendFrame({ seq: 1 });
  browser.socket.sendFrame({ seq: 2 });
  const [older, newer] = [new FakeBitmap(), new FakeBitmap()];
  finish[1](newer);
  await settle();
  finish[0](older);
  await settle();
  assert.deepEqual(painted, [newer]);
  assert.ok(older.closed);
  assert.deepEqual(browser.socket.sent, [{ type: "ack", seq: 2 }]);
});

test("a frame that cannot be decoded is acknowledged, so that the stream continues", async () => {
  browser.decode = () => Promise.reject(new Error("corrupt"));
  open();
  browser.socket.accept();
  browser.socket.sendFrame({ seq: 1 });
  await settle();
  assert.deepEqual(browser.socket.sent, [{ type: "ack", seq: 1 }]);
  assert.equal(viewer.status.state, State.CONNECTING);
});

test("two seconds without a picture make the viewer stale, the next picture makes it live again", async () => {
  await goLive();
  mock.timers.tick(2_000);
  assert.equal(viewer.status.state, State.STALE);
  browser.socket.sendFrame({ seq: 2 });
  await settle();
  assert.equal(viewer.status.state, State.LIVE);
});

test("the age of a picture is measured by the server's clock", async () => {
  open();
  browser.socket.accept();
  const [ping] = browser.socket.pings;
  mock.timers.tick(20);
  browser.socket.say({ type: "pong", time: ping.time, server_time: 5_000_010 }); // the server is 4,000 s ahead
  browser.socket.sendFrame({ seq: 1, readAt: 4_999_520 });
  await settle();
  assert.equal(viewer.age, 0.5);
});

test("a pong tells the camera's delay, or that it is not known", async () => {
  open();
  browser.socket.accept();
  for (const [delay, seconds] of [
    [80, 0.08],
    [null, null],
    [undefined, null], // an older server
  ]) {
    browser.socket.say({ type: "pong", time: 0, server_time: 0, camera_delay: delay });
    assert.equal(viewer.figures.read().cameraDelay, seconds);
  }
});

test("the state is live before the listener hears of a live picture, also on the slowest link", async () => {
  await goLive();
  /** @type {[State, number | undefined][]} */
  const seen = [];
  listenTo({ onPicture: () => seen.push([viewer.status.state, viewer.picture?.takenAt]) });
  mock.timers.tick(2_500);
  assert.equal(viewer.status.state, State.STALE);
  browser.socket.sendFrame({ seq: 2, readAt: 7 });
  await settle();
  assert.deepEqual(seen, [[State.LIVE, 7]]);
});

test("a lost camera: reconnecting when the server reports it, live with the first picture after that", async () => {
  await goLive();
  browser.socket.sendFrame({ seq: 2 }); // still being decoded when the camera is reported lost
  browser.socket.say({ type: "status", state: "reconnecting", reason: "camera_lost", retry_after: 1 });
  await settle();
  assert.equal(viewer.status.state, State.RECONNECTING);
  mock.timers.tick(3_000);
  assert.equal(viewer.status.state, State.RECONNECTING, "not stale");
  browser.socket.sendFrame({ seq: 3, epoch: 1 });
  await settle();
  assert.equal(viewer.status.state, State.LIVE);
});

test("the state is connecting, with the reason, while the gate recovers", () => {
  open();
  browser.socket.accept();
  browser.socket.say({ type: "status", state: "connecting", reason: "gate_recovering", retry_after: 12 });
  assert.equal(viewer.status.state, State.CONNECTING);
  assert.equal(viewer.status.reason, "gate_recovering");
});

test("an unreachable camera: a still every two seconds, and a failed one keeps the last picture", async () => {
  open();
  await settle();
  browser.socket.accept();
  browser.snapshot = 2_000;
  browser.socket.end(4503, { reason: "camera_unreachable", message: "The camera cannot be reached." });
  await settle();
  assert.equal(viewer.status.state, State.UNAVAILABLE);
  assert.deepEqual(viewer.picture, { kind: "snapshot", takenAt: 2_000 });
  browser.snapshot = null;
  const before = browser.fetched.length;
  mock.timers.tick(2_000);
  await settle();
  assert.equal(browser.fetched.length, before + 1);
  assert.deepEqual(viewer.picture, { kind: "snapshot", takenAt: 2_000 });
  assert.equal(browser.sockets.length, 1);
});

test("a user who is logged out meanwhile learns it from the stills", async () => {
  open();
  browser.socket.accept();
  browser.socket.end(4503, { reason: "camera_unreachable" });
  await settle();
  browser.denied = true;
  mock.timers.tick(2_000);
  await settle();
  assert.equal(viewer.status.state, State.CLOSED);
  assert.equal(viewer.status.reason, "not_authenticated");
});

test("a reason that the server tells with a lost camera is kept until the camera is back", async () => {
  await goLive();
  browser.socket.say({ type: "status", state: "reconnecting", reason: "camera_lost", message: "No stream at this path." });
  assert.equal(viewer.status.message, "No stream at this path.");
  browser.socket.say({ type: "status", state: "live", reason: null });
  browser.socket.sendFrame({ seq: 2 });
  await settle();
  assert.deepEqual([viewer.status.state, viewer.status.message], [State.LIVE, null]);
});

test("a still never replaces a newer live picture", async () => {
  await goLive();
  browser.socket.sendFrame({ seq: 2, readAt: 9_000 });
  await settle();
  browser.snapshot = 8_000;
  browser.socket.end(4503, { reason: "camera_lost" });
  await settle();
  assert.deepEqual(viewer.picture, { kind: "live", takenAt: 9_000 });
});

test("a quality goes over the same socket, and counts when the server confirms it", async () => {
  await goLive();
  viewer.setQuality("low");
  assert.deepEqual(browser.socket.sent.at(-1), { type: "quality_change", quality: "low" });
  assert.equal(viewer.quality, "medium");
  browser.socket.say({ type: "quality_changed", quality: "low", format: "jpeg", codec: null, window: 2 });
  assert.equal(viewer.quality, "low");
  assert.equal(browser.sockets.length, 1);
});

test("the listener hears which quality the server keeps, and why", () => {
  /** @type {(string | null | undefined)[][]} */
  const kept = [];
  open("low");
  listenTo({ onQualityKept: ({ quality, reason }) => kept.push([quality, reason]) });
  browser.socket.accept();
  browser.socket.say({ ...INFO, quality: "low" });
  viewer.setQuality("high");
  const facts = { quality: "low", format: "jpeg", codec: null, window: 2, reason: "bandwidth_reached" };
  browser.socket.say({ type: "quality_changed", ...facts });
  assert.deepEqual(kept, [["low", "bandwidth_reached"]]);
  assert.equal(viewer.quality, "low");
});

test("a quality chosen while connecting is asked for as soon as the server answers", () => {
  open("high");
  assert.match(browser.socket.address, /quality=high/);
  viewer.setQuality("low");
  browser.socket.accept();
  browser.socket.say({ ...INFO, quality: "high" });
  assert.deepEqual(browser.socket.sent, [{ type: "quality_change", quality: "low" }]);
});

test("closing frees the slot with 1000, once, whatever follows", async () => {
  await goLive();
  const { socket } = browser;
  viewer.close();
  viewer.close();
  assert.equal(socket.closedWith, 1000);
  assert.equal(viewer.status.state, State.CLOSED);
  assert.equal(viewer.status.reason, null);
  socket.onclose({ code: 1006 });
  browser.page.dispatchEvent(new Event("online"));
  viewer.retry();
  mock.timers.tick(120_000);
  assert.equal(browser.sockets.length, 1);
});

test("a picture that was being decoded at the close is closed too", async () => {
  /** @type {(bitmap: FakeBitmap) => void} */
  let finish = () => {};
  browser.decode = () => new Promise((resolve) => (finish = resolve));
  open();
  browser.socket.accept();
  browser.socket.sendFrame({ seq: 1 });
  viewer.close();
  const bitmap = new FakeBitmap();
  finish(bitmap);
  await settle();
  assert.ok(bitmap.closed);
  assert.deepEqual(painted, []);
});

test("a viewer stopped by an administrator stays stopped, with the message and the end of the block", async () => {
  await goLive();
  const words = { reason: "stopped_by_administrator", message: "Shift is over.", retry_after: 60 };
  browser.socket.end(4410, words);
  assert.equal(viewer.status.state, State.CLOSED);
  assert.equal(viewer.status.message, "Shift is over.");
  assert.equal(viewer.status.until, Date.now() + 60_000);
  const { socket } = browser;
  mock.timers.tick(120_000);
  assert.equal(browser.socket, socket, "no other connection");
});
