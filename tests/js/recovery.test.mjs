/** The way back: of a camera that was away for too long, and of the network. */

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { State } from "../../streaming/static/streaming/engine/states.js";
import { settle } from "./fakes.mjs";
import { browser, goLive, open, viewer } from "./viewing.mjs";

const LOST = { reason: "camera_lost", message: "The connection to the camera was lost." };

/** A viewer whose camera was away for too long. There is no still yet. */
async function loseCamera() {
  await goLive();
  browser.socket.end(4503, LOST);
  await settle();
  assert.equal(viewer.status.state, State.UNAVAILABLE);
}

/** All that is known of the server's clock is a pong that took 600 ms on its way back. */
function answerSlowly() {
  mock.timers.tick(600);
  browser.socket.say({ type: "pong", time: Date.now() - 600, server_time: Date.now() - 600 });
}

/** Time passes in steps between which requests are answered. @param {number} milliseconds */
async function pass(milliseconds) {
  for (let passed = 0; passed < milliseconds; passed += 500) {
    mock.timers.tick(500);
    await settle();
  }
}

test("while a camera is away nothing is opened, and stills from before its loss do not count", async () => {
  await loseCamera();
  await pass(30_000);
  browser.snapshot = Date.now() - 31_000;
  await pass(60_000);
  assert.equal(browser.sockets.length, 1);
});

test("a still from before the loss is known as such, also after a slow pong only", async () => {
  await goLive();
  answerSlowly();
  browser.socket.end(4503, LOST);
  browser.snapshot = Date.now() - 40;
  await pass(60_000);
  assert.equal(browser.sockets.length, 1);
  browser.snapshot = Date.now();
  await pass(8_000);
  assert.equal(browser.sockets.length, 2);
});

test("a still that is newer than the loss opens the stream again, once, and not at once", async () => {
  await loseCamera();
  await pass(30_000);
  browser.snapshot = Date.now();
  await pass(3_000);
  assert.equal(browser.sockets.length, 1);
  await pass(4_000);
  assert.equal(browser.sockets.length, 2);
  await pass(5_000);
  assert.equal(browser.sockets.length, 2, "one attempt at a time");
  browser.socket.accept();
  browser.socket.sendFrame({ seq: 1, readAt: Date.now() });
  await settle();
  assert.equal(viewer.status.state, State.LIVE);
  const { length } = browser.fetched;
  await pass(10_000);
  assert.equal(browser.fetched.length, length, "no stills beside a live picture");
});

test("a camera that gives stills but no stream is tried ever less often", async () => {
  await loseCamera();
  /** @type {number[]} */
  const attempts = [];
  for (let second = 0; second < 240; second += 1) {
    browser.snapshot = Date.now() + 1; // as fresh as can be
    const { length } = browser.sockets;
    await pass(1_000);
    if (browser.sockets.length === length) continue;
    attempts.push(second);
    browser.socket.accept();
    browser.socket.end(4503, { reason: "camera_unreachable" });
  }
  const waits = attempts.slice(1).map((second, index) => second - attempts[index]);
  assert.ok(Math.min(...waits) >= 3, String(waits));
  assert.ok(waits.at(-1) === Math.max(...waits) && waits.length < 12, String(waits));
});

test("closing ends the wait for a camera, also when it is back already", async () => {
  await loseCamera();
  browser.snapshot = Date.now() + 1_000;
  await pass(2_500);
  viewer.close();
  await pass(60_000);
  assert.equal(browser.sockets.length, 1);
});

test("a hidden page does not return to its camera, and a page that is visible again does", async () => {
  await loseCamera();
  browser.show("hidden");
  await pass(16_000);
  browser.snapshot = Date.now();
  await pass(60_000);
  assert.equal(browser.sockets.length, 1);
  browser.show("visible");
  browser.snapshot = Date.now() + 1_000;
  await pass(8_000);
  assert.equal(browser.sockets.length, 2);
});

test("a browser that goes offline makes a live picture stale at once, and says so until it is online", async () => {
  await goLive();
  browser.goOnline(false);
  assert.deepEqual([viewer.status.state, viewer.status.offline], [State.STALE, true]);
  browser.socket.end(1006);
  assert.deepEqual([viewer.status.state, viewer.status.offline], [State.RECONNECTING, true]);
  browser.goOnline(true);
  assert.equal(viewer.status.offline, false);
  assert.equal(browser.sockets.length, 2);
});

test("pictures that are taken later are live, whatever the browser says of its network", async () => {
  await goLive();
  browser.goOnline(false);
  browser.socket.sendFrame({ seq: 2, readAt: Date.now() });
  await settle();
  assert.equal(viewer.status.state, State.STALE, "it was on its way");
  browser.socket.sendFrame({ seq: 3, readAt: Date.now() + 40 });
  await settle();
  assert.equal(viewer.status.state, State.LIVE);
});

test("a picture that was on its way is known as such, also after a slow pong only", async () => {
  await goLive();
  answerSlowly();
  browser.goOnline(false);
  browser.socket.sendFrame({ seq: 2, readAt: Date.now() - 40 });
  await settle();
  assert.equal(viewer.status.state, State.STALE);
  browser.socket.sendFrame({ seq: 3, readAt: Date.now() + 40 });
  await settle();
  assert.equal(viewer.status.state, State.LIVE);
});

test("a socket that cannot be opened is told at the first attempt", () => {
  open();
  browser.socket.end(1006);
  assert.deepEqual([viewer.status.state, viewer.status.reason], [State.RECONNECTING, "no_websocket"]);
});
