import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { State } from "../../streaming/static/streaming/engine/states.js";
import { Viewer } from "../../streaming/static/streaming/engine/viewer.js";
import { FakeBitmap, FakeBrowser, settle } from "./fakes.mjs";

const INFO = { type: "info", quality: "medium", in_use: 1, limit: 10, server_time: 0 };
const FULL = {
  reason: "limit_reached",
  message: "Maximum concurrent streams reached. Please close another stream first.",
  in_use: 10,
  limit: 10,
  retry_after: 5,
};

let browser;
let viewer;
let painted;

/** @param {string | null} [quality] */
function open(quality = null) {
  painted = [];
  viewer = new Viewer({ cameraId: "cam", quality, paint: (bitmap) => painted.push(bitmap), environment: browser });
  viewer.open();
}

/** Open, and get one live picture. */
async function goLive() {
  open();
  browser.socket.accept();
  browser.socket.say(INFO);
  browser.socket.sendFrame({ seq: 1 });
  await settle();
  assert.equal(viewer.status.state, State.LIVE);
}

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  browser = new FakeBrowser();
});

afterEach(() => {
  viewer.close();
  mock.timers.reset();
});

test("connecting, then live with the first decoded picture", async () => {
  open();
  assert.equal(viewer.status.state, State.CONNECTING);
  assert.equal(browser.socket.address, "ws://nvr.test/api/v1/cameras/cam/stream?formats=jpeg");
  browser.socket.accept();
  browser.socket.say(INFO);
  browser.socket.say({ type: "status", state: "live", reason: null, retry_after: null });
  assert.equal(viewer.status.state, State.CONNECTING, "a word is not a picture");
  browser.socket.sendFrame({ seq: 1 });
  await settle();
  assert.equal(viewer.status.state, State.LIVE);
  assert.equal(viewer.quality, "medium");
});

test("a picture is acknowledged after it was decoded, and no earlier", async () => {
  let finish;
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

test("a picture that cannot be decoded is acknowledged, so that the stream goes on", async () => {
  browser.decode = () => Promise.reject(new Error("corrupt"));
  open();
  browser.socket.accept();
  browser.socket.sendFrame({ seq: 1 });
  await settle();
  assert.deepEqual(browser.socket.sent, [{ type: "ack", seq: 1 }]);
  assert.equal(viewer.status.state, State.CONNECTING);
});

test("no new picture for two seconds is stale, the next one live again", async () => {
  await goLive();
  mock.timers.tick(2_000);
  assert.equal(viewer.status.state, State.STALE);
  browser.socket.sendFrame({ seq: 2 });
  await settle();
  assert.equal(viewer.status.state, State.LIVE);
});

test("the age of a picture is told by the server's clock", async () => {
  open();
  browser.socket.accept();
  const [ping] = browser.socket.pings;
  mock.timers.tick(20);
  browser.socket.say({ type: "pong", time: ping.time, server_time: 5_000_010 }); // the server is 4,000 s ahead
  browser.socket.sendFrame({ seq: 1, readAt: 4_999_520 });
  await settle();
  assert.equal(viewer.age, 0.5);
});

test("refused: the server's own message and figures, and no attempt of its own", async () => {
  open();
  browser.socket.accept();
  browser.socket.end(4429, FULL);
  assert.deepEqual(viewer.status, {
    state: State.REFUSED,
    reason: "limit_reached",
    message: FULL.message,
    inUse: 10,
    limit: 10,
    until: 1_005_000,
  });
  mock.timers.tick(120_000);
  browser.page.dispatchEvent(new Event("online"));
  assert.equal(browser.sockets.length, 1);
  viewer.retry();
  assert.equal(browser.sockets.length, 2);
  assert.equal(viewer.status.state, State.CONNECTING);
});

test("a picture finds the state that it makes: even the slowest link's are live ones, for who decides on the quality", async () => {
  await goLive();
  const seen = [];
  viewer.addEventListener("picture", () => seen.push([viewer.status.state, viewer.picture.takenAt]));
  mock.timers.tick(2_500);
  assert.equal(viewer.status.state, State.STALE);
  browser.socket.sendFrame({ seq: 2, readAt: 7 });
  await settle();
  assert.deepEqual(seen, [[State.LIVE, 7]]);
});

test("a viewer who is refused while the server still holds the slot of the lost connection waits for it", async () => {
  await goLive();
  browser.socket.end(1006);
  const started = Date.now();
  const waits = [];
  while (viewer.status.state === State.RECONNECTING) {
    const opened = browser.sockets.length;
    while (browser.sockets.length === opened) mock.timers.tick(100);
    waits.push(Date.now() - started);
    browser.socket.accept();
    browser.socket.end(4429, FULL);
  }
  assert.deepEqual(waits, [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500]);
  assert.equal(viewer.status.state, State.REFUSED);
  assert.equal(viewer.status.inUse, 10);
});

test("who never had a slot, or whose connection the server ended, is refused at once", async () => {
  open();
  browser.socket.end(1006);
  mock.timers.tick(500);
  browser.socket.accept();
  browser.socket.end(4429, FULL);
  assert.equal(viewer.status.state, State.REFUSED);
  viewer.close();
  await goLive();
  browser.socket.end(4409, { reason: "slot_lost" });
  mock.timers.tick(500);
  browser.socket.accept();
  browser.socket.end(4429, FULL);
  assert.equal(viewer.status.state, State.REFUSED);
});

test("a lost connection is opened again with growing waits, until a picture comes", async () => {
  await goLive();
  browser.socket.end(1006);
  assert.equal(viewer.status.state, State.RECONNECTING);
  assert.equal(viewer.status.reason, "connection_lost");
  for (const wait of [500, 1000, 2000]) {
    const opened = browser.sockets.length;
    mock.timers.tick(wait - 1);
    assert.equal(browser.sockets.length, opened);
    mock.timers.tick(1);
    assert.equal(browser.sockets.length, opened + 1);
    browser.socket.accept();
    if (wait < 2000) browser.socket.end(1001);
  }
  browser.socket.sendFrame({ seq: 1 });
  await settle();
  assert.equal(viewer.status.state, State.LIVE);
});

for (const [code, reason] of [
  [4408, "viewer_unresponsive"],
  [4409, "slot_lost"],
  [4503, "draining"],
  [4503, "gate_unavailable"],
]) {
  test(`${code} ${reason} is tried again by itself`, async () => {
    await goLive();
    browser.socket.end(code, { reason, message: "", retry_after: null });
    assert.equal(viewer.status.state, State.RECONNECTING);
    assert.equal(viewer.status.reason, reason);
    mock.timers.tick(600);
    assert.equal(browser.sockets.length, 2);
  });
}

test("the server's retry_after is waited for", async () => {
  await goLive();
  browser.socket.end(4503, { reason: "gate_unavailable", retry_after: 5 });
  mock.timers.tick(4_999);
  assert.equal(browser.sockets.length, 1);
  mock.timers.tick(1);
  assert.equal(browser.sockets.length, 2);
});

for (const code of [4004, 4400, 4401, 4403, 4410, 4422]) {
  test(`${code} ends the viewing without another attempt`, () => {
    open();
    browser.socket.accept();
    browser.socket.end(code);
    assert.equal(viewer.status.state, State.CLOSED);
    assert.ok(viewer.status.reason);
    mock.timers.tick(120_000);
    assert.equal(browser.sockets.length, 1);
  });
}

test("back online, the wait is not sat out", async () => {
  await goLive();
  browser.socket.end(1006);
  browser.page.dispatchEvent(new Event("online"));
  assert.equal(browser.sockets.length, 2);
  mock.timers.tick(1_000);
  assert.equal(browser.sockets.length, 2, "and not done twice");
});

test("the camera lost: reconnecting in the server's words, live with the first picture after them", async () => {
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

test("waiting for the limit's recovery is connecting, with its reason", () => {
  open();
  browser.socket.accept();
  browser.socket.say({ type: "status", state: "connecting", reason: "gate_recovering", retry_after: 12 });
  assert.equal(viewer.status.state, State.CONNECTING);
  assert.equal(viewer.status.reason, "gate_recovering");
});

test("an unreachable camera: snapshots every two seconds, and a failed one keeps the last picture", async () => {
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

test("who is logged out meanwhile learns it from the stills", async () => {
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

test("a snapshot never replaces a newer live picture", async () => {
  await goLive();
  browser.socket.sendFrame({ seq: 2, readAt: 9_000 });
  await settle();
  browser.snapshot = 8_000;
  browser.socket.end(4503, { reason: "camera_lost" });
  await settle();
  assert.deepEqual(viewer.picture, { kind: "live", takenAt: 9_000 });
});

test("where no socket can be opened, snapshots are shown and the attempts go on", async () => {
  open();
  for (const wait of [500, 1000, 2000]) {
    browser.socket.end(1006);
    mock.timers.tick(wait);
  }
  assert.equal(viewer.status.state, State.UNAVAILABLE);
  assert.equal(viewer.status.reason, "no_websocket");
  assert.equal(browser.sockets.length, 4);
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

test("a quality that the server has no room for is told with the one that is kept", () => {
  const kept = [];
  open("low");
  viewer.addEventListener("qualitykept", ({ detail }) => kept.push([detail.quality, detail.reason]));
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

test("a retry while connected leaves the server a moment to take its slot back first", async () => {
  await goLive();
  const { socket } = browser;
  viewer.retry();
  assert.equal(socket.closedWith, 1000);
  assert.equal(viewer.status.state, State.CONNECTING);
  assert.equal(browser.sockets.length, 1);
  mock.timers.tick(300);
  assert.equal(browser.sockets.length, 2);
});

test("closing gives the slot back with 1000, once, whatever comes after", async () => {
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
  let finish;
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

test("a page hidden for fifteen seconds gives its slot back, and returns when it is seen again", async () => {
  await goLive();
  browser.show("hidden");
  mock.timers.tick(9_000);
  browser.socket.sendFrame({ seq: 2 });
  mock.timers.tick(5_900);
  assert.equal(browser.socket.closedWith, null);
  mock.timers.tick(100);
  assert.equal(browser.socket.closedWith, 1000);
  assert.equal(viewer.status.state, State.RECONNECTING);
  mock.timers.tick(60_000);
  assert.equal(browser.sockets.length, 1, "nobody looks");
  browser.show("visible");
  assert.equal(browser.sockets.length, 2);
});

test("a page that was opened in the background gives its slot back like one that was hidden", async () => {
  browser.document.visibilityState = "hidden";
  await goLive();
  mock.timers.tick(9_000);
  browser.socket.sendFrame({ seq: 2 });
  mock.timers.tick(6_000);
  assert.equal(browser.socket.closedWith, 1000);
  browser.show("visible");
  assert.equal(browser.sockets.length, 2);
});

test("a page hidden for a moment keeps its slot", async () => {
  await goLive();
  browser.show("hidden");
  mock.timers.tick(5_000);
  browser.show("visible");
  mock.timers.tick(10_000);
  assert.equal(browser.sockets.length, 1);
});

test("leaving the page closes at once, and coming back out of the cache reconnects", async () => {
  await goLive();
  browser.page.dispatchEvent(new Event("pagehide"));
  assert.equal(browser.socket.closedWith, 1000);
  browser.page.dispatchEvent(new Event("pageshow"));
  assert.equal(browser.sockets.length, 2);
});

test("a link that fell silent is given up, pings unanswered", async () => {
  await goLive();
  mock.timers.tick(15_000);
  assert.equal(browser.socket.closedWith, 1000);
  assert.equal(viewer.status.state, State.RECONNECTING);
});

test("a server of another version ends the viewing instead of stalling it", () => {
  open();
  browser.socket.accept();
  browser.socket.sendFrame({ version: 9, seq: 1 });
  assert.equal(viewer.status.state, State.CLOSED);
  assert.equal(viewer.status.reason, "protocol_error");
});

test("a viewer stopped by an administrator stays so, with the message and the time until which it is blocked", async () => {
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
