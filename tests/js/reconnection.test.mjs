import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { NO_FACTS, State } from "../../streaming/static/streaming/engine/states.js";
import { settle } from "./fakes.mjs";
import { browser, goLive, open, viewer } from "./viewing.mjs";

const FULL = {
  reason: "limit_reached",
  message: "Maximum concurrent streams reached. Please close another stream first.",
  in_use: 10,
  limit: 10,
  retry_after: 5,
};

test("a refused viewer has the server's message and figures, and does not try again by itself", async () => {
  open();
  browser.socket.accept();
  browser.socket.end(4429, FULL);
  assert.deepEqual(viewer.status, {
    ...NO_FACTS,
    state: State.REFUSED,
    reason: "limit_reached",
    message: FULL.message,
    inUse: 10,
    limit: 10,
    until: 1_005_000,
    offline: false,
  });
  mock.timers.tick(120_000);
  browser.page.dispatchEvent(new Event("online"));
  assert.equal(browser.sockets.length, 1);
  viewer.retry();
  assert.equal(browser.sockets.length, 2);
  assert.equal(viewer.status.state, State.CONNECTING);
});

test("a viewer who is refused while the server still holds the slot of the lost connection waits for it", async () => {
  await goLive();
  browser.socket.end(1006);
  const started = Date.now();
  /** @type {number[]} */
  const waits = [];
  while (viewer.status.state === State.RECONNECTING) {
    const opened = browser.sockets.length;
    while (browser.sockets.length === opened) mock.timers.tick(100);
    waits.push(Date.now() - started);
    browser.socket.accept();
    browser.socket.end(4429, FULL);
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 12_000, 16_000, 20_000]);
  assert.equal(viewer.status.state, State.REFUSED);
  assert.equal(viewer.status.inUse, 10);
});

test("a viewer without a slot, or whose connection the server ended, is refused at once", async () => {
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

test("a lost connection is opened again each half second while its slot is kept, then with growing delays, until a picture arrives", async () => {
  await goLive();
  browser.socket.end(1006);
  assert.equal(viewer.status.state, State.RECONNECTING);
  assert.equal(viewer.status.reason, "connection_lost");
  for (const wait of [...Array(10).fill(500), 500, 1000, 2000]) {
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

for (const { code, reason } of [
  { code: 4408, reason: "viewer_unresponsive" },
  { code: 4409, reason: "slot_lost" },
  { code: 4503, reason: "draining" },
  { code: 4503, reason: "gate_unavailable" },
]) {
  test(`after ${code} ${reason} the viewer tries again by itself`, async () => {
    await goLive();
    browser.socket.end(code, { reason, message: "", retry_after: null });
    assert.equal(viewer.status.state, State.RECONNECTING);
    assert.equal(viewer.status.reason, reason);
    mock.timers.tick(600);
    assert.equal(browser.sockets.length, 2);
  });
}

test("the viewer waits for the server's retry_after", async () => {
  await goLive();
  browser.socket.end(4503, { reason: "gate_unavailable", retry_after: 5 });
  mock.timers.tick(4_999);
  assert.equal(browser.sockets.length, 1);
  mock.timers.tick(1);
  assert.equal(browser.sockets.length, 2);
});

for (const code of [4004, 4400, 4401, 4403, 4410, 4411, 4422]) {
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

test("the viewer tries again at once when the browser is online again", async () => {
  await goLive();
  browser.socket.end(1006);
  browser.page.dispatchEvent(new Event("online"));
  assert.equal(browser.sockets.length, 2);
  mock.timers.tick(1_000);
  assert.equal(browser.sockets.length, 2, "and not done twice");
});

test("if no socket can be opened, stills are shown and the attempts continue", async () => {
  open();
  for (const wait of [500, 1000, 2000]) {
    browser.socket.end(1006);
    mock.timers.tick(wait);
  }
  assert.equal(viewer.status.state, State.UNAVAILABLE);
  assert.equal(viewer.status.reason, "no_websocket");
  assert.equal(browser.sockets.length, 4);
});

test("a retry while connected waits until the server has freed the slot", async () => {
  await goLive();
  const { socket } = browser;
  viewer.retry();
  assert.equal(socket.closedWith, 1000);
  assert.equal(viewer.status.state, State.CONNECTING);
  assert.equal(browser.sockets.length, 1);
  mock.timers.tick(300);
  assert.equal(browser.sockets.length, 2);
});

test("a page hidden for fifteen seconds frees its slot, and reconnects when it is visible again", async () => {
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

test("a page opened in the background frees its slot like a hidden one", async () => {
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

test("leaving the page closes at once, and returning from the cache reconnects", async () => {
  await goLive();
  browser.page.dispatchEvent(new Event("pagehide"));
  assert.equal(browser.socket.closedWith, 1000);
  browser.page.dispatchEvent(new Event("pageshow"));
  assert.equal(browser.sockets.length, 2);
});

test("a silent link is closed when pings are not answered", async () => {
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
