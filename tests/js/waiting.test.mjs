/** The line: how one joins it, keeps the place, gets the slot, and leaves. */

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { NO_FACTS, State } from "../../streaming/static/streaming/engine/states.js";
import { settle } from "./fakes.mjs";
import { INFO, browser, goLive, listenTo, open, passAnswered, viewer } from "./viewing.mjs";

const YOURS = [{ viewing_id: "v-1", camera: "gate", name: "Gate", since: 900_000 }];
const FULL = { reason: "limit_reached", message: "Maximum.", in_use: 10, limit: 10, waiting: 2, yours: YOURS };
const PLACE = {
  type: "status",
  state: "waiting",
  reason: "limit_reached",
  position: 3,
  waiting: 5,
  in_use: 10,
  limit: 10,
  since: 990_000,
  resume: "t-1",
};

/** @param {object} [facts] */
function refuse(facts = {}) {
  browser.socket.accept();
  browser.socket.end(4429, { ...FULL, ...facts });
  assert.equal(viewer.status.state, State.REFUSED);
}

/** A refused viewer joins the line. @param {object} [facts] */
function waitInLine(facts = {}) {
  open();
  refuse();
  viewer.line.join();
  browser.socket.accept();
  browser.socket.say({ ...PLACE, ...facts });
  assert.equal(viewer.status.state, State.WAITING);
}

/** The tab is reloaded: another viewer of the same camera. */
function reload() {
  browser.page.dispatchEvent(new Event("pagehide"));
  viewer.close();
  open();
}

test("a refused viewer knows how many wait and which slots are their own, and does not wait unasked", () => {
  open();
  assert.equal(browser.query.get("wait"), null);
  assert.equal(browser.query.get("resume"), "", "so that the server keeps the slot of a lost connection");
  refuse();
  assert.deepEqual([viewer.status.waiting, viewer.status.yours], [2, YOURS]);
  viewer.retry();
  assert.equal(browser.query.get("wait"), null);
});

test("whoever joins the line has a place, a limit and a time, and then pictures without another connection", async () => {
  let turns = 0;
  waitInLine();
  listenTo({ onTurn: () => (turns += 1) });
  assert.equal(browser.query.get("wait"), "1");
  const facts = { reason: "limit_reached", position: 3, waiting: 5, inUse: 10, limit: 10, since: 990_000 };
  assert.deepEqual(viewer.status, { ...NO_FACTS, ...facts, state: State.WAITING, offline: false });
  browser.socket.say({ ...PLACE, position: 1, waiting: 3 });
  assert.deepEqual([viewer.status.position, viewer.status.waiting], [1, 3]);
  browser.socket.say(INFO);
  assert.equal(viewer.status.state, State.CONNECTING);
  browser.socket.sendFrame({ seq: 1 });
  await settle();
  assert.equal(viewer.status.state, State.LIVE);
  assert.equal(browser.sockets.length, 2);
  assert.equal(turns, 1);
});

test("a viewer who did not wait has no turn", async () => {
  await goLive();
  listenTo({ onTurn: () => assert.fail("no turn") });
  browser.socket.say(INFO);
});

test("the time of joining is told by this machine's clock", () => {
  open();
  browser.socket.accept();
  browser.socket.say({ type: "pong", time: 1_000_000, server_time: 5_000_000 });
  browser.socket.say({ ...PLACE, since: 4_990_000 });
  assert.equal(viewer.status.since, 990_000);
});

test("while waiting, a still every five seconds, and none while nobody sees it", async () => {
  waitInLine();
  await settle();
  const before = browser.fetched.length;
  mock.timers.tick(5_000);
  await settle();
  assert.equal(browser.fetched.length, before + 1);
  browser.socket.say({ ...PLACE, position: 2 });
  await settle();
  assert.equal(browser.fetched.length, before + 1, "a change of the place fetches none");
  browser.show("hidden");
  mock.timers.tick(5_000);
  await settle();
  assert.equal(browser.fetched.length, before + 1);
});

test("after a lost network the viewer comes back to their place at once, with the newest token", () => {
  waitInLine();
  browser.socket.say({ ...PLACE, position: 2, resume: "t-2" });
  browser.socket.end(1006);
  assert.equal(viewer.status.state, State.RECONNECTING);
  mock.timers.tick(600);
  assert.deepEqual([browser.query.get("wait"), browser.query.get("resume")], ["1", "t-2"]);
});

test("after a lost network a live viewer comes back to their slot, or else waits for one", async () => {
  open();
  browser.socket.accept();
  browser.socket.say({ ...INFO, resume: "t-9" });
  browser.socket.sendFrame({ seq: 1 });
  await settle();
  browser.socket.end(1006);
  mock.timers.tick(600);
  assert.deepEqual([browser.query.get("wait"), browser.query.get("resume")], ["1", "t-9"]);
  browser.socket.accept();
  browser.socket.say(PLACE);
  assert.equal(viewer.status.state, State.WAITING);
});

test("a reload keeps the place of whoever waits, and that of whoever watches", () => {
  waitInLine();
  reload();
  assert.deepEqual([browser.query.get("wait"), browser.query.get("resume")], ["1", "t-1"]);
  browser.socket.accept();
  browser.socket.say({ ...INFO, resume: "t-2" });
  reload();
  assert.deepEqual([browser.query.get("wait"), browser.query.get("resume")], ["1", "t-2"]);
});

test("a copy of the tab does not use the token as well", () => {
  waitInLine();
  reload();
  assert.equal(browser.page.sessionStorage.getItem("nvr.resume.cam"), null, "a copy has what is stored");
});

test("a tab that is reloaded twice, before the server has answered, still has its token", () => {
  waitInLine();
  reload();
  reload();
  assert.equal(browser.query.get("resume"), "t-1");
});

test("whoever closes the viewing by mistake keeps their place, and whoever has watched is not put in line", async () => {
  waitInLine();
  viewer.close();
  open();
  assert.deepEqual([browser.query.get("wait"), browser.query.get("resume")], ["1", "t-1"]);
  browser.socket.accept();
  browser.socket.say({ ...INFO, resume: "t-2" });
  viewer.close();
  open();
  assert.deepEqual([browser.query.get("wait"), browser.query.get("resume")], [null, "t-2"]);
});

test("whoever opens the camera again much later is not put in line unasked", () => {
  waitInLine();
  viewer.close();
  mock.timers.tick(16_000);
  open();
  assert.equal(browser.query.get("wait"), null);
});

test("whoever leaves the line frees the place, reads the limit again, and does not come back with a reload", () => {
  waitInLine();
  const { socket } = browser;
  viewer.line.leave();
  assert.equal(socket.closedWith, 1000);
  const facts = { reason: "limit_reached", inUse: 10, limit: 10, waiting: 4 };
  assert.deepEqual(viewer.status, { ...NO_FACTS, ...facts, state: State.REFUSED, offline: false });
  reload();
  assert.deepEqual([browser.query.get("wait"), browser.query.get("resume")], [null, ""]);
});

for (const reason of ["line_full", "wait_expired"]) {
  test(`after ${reason} the viewer waits only if they ask again`, () => {
    waitInLine();
    browser.socket.end(4429, { ...FULL, reason });
    assert.deepEqual([viewer.status.state, viewer.status.reason], [State.REFUSED, reason]);
    mock.timers.tick(120_000);
    assert.equal(browser.sockets.length, 2);
    viewer.retry();
    assert.deepEqual([browser.query.get("wait"), browser.query.get("resume")], [null, ""]);
  });
}

test("a page that is hidden while it waits keeps its place, and then its slot for a minute", () => {
  waitInLine();
  const { socket } = browser;
  browser.show("hidden");
  passAnswered(600_000);
  assert.equal(socket.closedWith, null);
  socket.say(INFO);
  passAnswered(59_000);
  assert.equal(socket.closedWith, null);
  passAnswered(16_000);
  assert.equal(socket.closedWith, 1000);
  browser.show("visible");
  assert.equal(browser.query.get("wait"), "1");
});

test("a link is not taken for dead because a hidden page's timers run once a minute", () => {
  browser.steady = () => 12 * Date.now(); // a minute between two pings
  waitInLine();
  const { socket } = browser;
  passAnswered(60_000);
  assert.equal(socket.closedWith, null);
  mock.timers.tick(10_000);
  assert.equal(socket.closedWith, 1000, "one unanswered minute");
});

test("one's own viewing is replaced by this one, and what replaces it does not wait", () => {
  open();
  refuse();
  viewer.line.takeOver("v-1");
  assert.deepEqual([browser.query.get("replace"), browser.query.get("wait")], ["v-1", null]);
  browser.socket.accept();
  browser.socket.say({ ...PLACE, position: 0 });
  assert.equal(viewer.status.state, State.CONNECTING);
  browser.socket.say({ ...INFO, resume: "t-3" });
  browser.socket.end(1006);
  mock.timers.tick(600);
  assert.equal(browser.query.get("replace"), null, "once");
});

test("if another limit refuses whoever replaces, they are refused as usual", () => {
  open();
  refuse();
  viewer.line.takeOver("v-1");
  refuse({ reason: "camera_limit_reached" });
  viewer.retry();
  assert.equal(browser.query.get("replace"), null);
});

test("a viewer who was replaced does not come back by itself", async () => {
  await goLive();
  browser.socket.end(4411, { reason: "replaced", message: "Continued in another window." });
  assert.deepEqual([viewer.status.state, viewer.status.reason], [State.CLOSED, "replaced"]);
  mock.timers.tick(120_000);
  browser.page.dispatchEvent(new Event("online"));
  assert.equal(browser.sockets.length, 1);
  viewer.retry();
  assert.deepEqual([browser.query.get("wait"), browser.query.get("resume")], [null, ""]);
});

test("a tab without storage waits as well, until it is reloaded", () => {
  const forbidden = () => {
    throw new DOMException("Storage is disabled.", "SecurityError");
  };
  Object.defineProperty(browser.page, "sessionStorage", { get: forbidden });
  waitInLine();
  reload();
  assert.equal(browser.query.get("resume"), "");
});
