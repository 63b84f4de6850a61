/** The wall: when its tiles open their streams. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Openings } from "../../streaming/static/streaming/engine/openings.js";
import { NO_FACTS, State } from "../../streaming/static/streaming/engine/states.js";
import { Viewer } from "../../streaming/static/streaming/engine/viewer.js";
import { notice } from "../../streaming/static/streaming/player/texts.js";
import { FakeBrowser, listening, settle } from "./fakes.mjs";

/** @type {FakeBrowser} */
let browser;
/** @type {Viewer[]} */
let tiles;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  browser = new FakeBrowser();
  tiles = [];
});

afterEach(() => {
  for (const tile of tiles) tile.close();
  mock.timers.reset();
});

/** A wall of cameras opens. @param {number} count @param {boolean} [isDisplay] */
function openWall(count, isDisplay = false) {
  const wall = new Openings(isDisplay);
  tiles = Array.from({ length: count }, (_, index) => {
    return new Viewer({ cameraId: `cam-${index}`, quality: "low", wall }, listening({}), browser.environment);
  });
  for (const tile of tiles) tile.open();
}

/** @param {number} milliseconds in steps: timers set timers, and stills come in their turn */
async function pass(milliseconds) {
  for (let passed = 0; passed < milliseconds; passed += 250) {
    mock.timers.tick(250);
    await settle();
  }
}

/** The cameras whose sockets were opened, in their order. */
const opened = () => browser.sockets.map(({ address }) => Number(new URL(address).pathname.match(/cam-(\d+)/)?.[1]));
const states = () => tiles.map(({ status }) => status.state);

/** Another socket was opened, and the server answers. @param {object} message */
function answer(message) {
  browser.socket.accept();
  browser.socket.say(message);
}

const INFO = { type: "info", quality: "low", in_use: 1, limit: 2, server_time: 0, resume: "t" };
const PLACE = { type: "status", state: "waiting", reason: "limit_reached", position: 1, waiting: 1, since: 1_000_000, resume: "t" };

test("four streams a second are opened, the first one first, behind everybody else in the line", async () => {
  openWall(10);
  assert.deepEqual(opened(), [0]);
  await pass(1_000);
  assert.deepEqual(opened(), [0, 1, 2, 3, 4]);
  assert.deepEqual(["quality", "wait", "background", "resume"].map((name) => browser.query.get(name)), ["low", "1", "1", ""]);
  await pass(1_250);
  assert.deepEqual(opened(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("while one tile waits for a slot, the others show stills and do not join the line", async () => {
  openWall(4);
  answer(INFO);
  mock.timers.tick(250);
  answer(PLACE);
  await pass(10_000);
  assert.deepEqual(opened(), [0, 1]);
  assert.deepEqual(states().slice(1), [State.WAITING, State.WAITING, State.WAITING]);
  assert.deepEqual([tiles[1].status.position, tiles[2].status.position], [1, null]);
  assert.ok(browser.fetched.some((path) => path.includes("cam-3") && path.includes("quality=low")));
});

test("streams and stills together open no more than four cameras a second, and a still goes behind all streams", async () => {
  openWall(12);
  await settle();
  await pass(750);
  assert.deepEqual([opened().length, browser.fetched], [4, []]);
  browser.sockets.slice(0, 3).forEach((socket) => (socket.accept(), socket.say(INFO)));
  answer(PLACE); // the fourth waits, and with it all others
  for (let before = 0, second = 0; second < 12; second += 1) {
    await pass(1_000);
    assert.ok(browser.fetched.length - before <= 4, `${browser.fetched.length - before} stills`);
    before = browser.fetched.length;
  }
  assert.equal(new Set(browser.fetched).size, 12);
  assert.equal(opened().length, 4);
});

test("a tile that is gone fetches no still", async () => {
  openWall(3);
  answer(PLACE);
  tiles[1].close();
  await pass(3_000);
  assert.ok(browser.fetched.some((path) => path.includes("cam-2")));
  assert.ok(!browser.fetched.some((path) => path.includes("cam-1")));
});

test("a tile without a place of its own says no more than that it waits", () => {
  openWall(2);
  answer({ ...PLACE, in_use: 2, limit: 2 });
  mock.timers.tick(250);
  assert.equal(notice(tiles[0].status, false)?.title, "You are next");
  assert.deepEqual(notice(tiles[1].status, false), {
    title: "Waiting for a slot",
    text: "All streams are in use. The stream starts by itself.",
    action: "",
    spoken: "Waiting for a slot. All streams are in use.",
  });
});

test("when its turn comes, the next tile asks for a slot", () => {
  openWall(3);
  answer(INFO);
  mock.timers.tick(250);
  answer(PLACE);
  mock.timers.tick(5_000);
  browser.socket.say(INFO);
  mock.timers.tick(250);
  assert.deepEqual(opened(), [0, 1, 2]);
});

test("a tile that gives up its place lets the next one ask", async () => {
  openWall(3);
  answer(PLACE);
  mock.timers.tick(5_000);
  tiles[0].close();
  await pass(250);
  assert.deepEqual(opened(), [0, 1]);
});

test("a camera at its own limit does not hold the other tiles back", () => {
  openWall(2);
  answer({ ...PLACE, reason: "camera_limit_reached" });
  mock.timers.tick(250);
  assert.deepEqual(opened(), [0, 1]);
});

test("a tile that is refused shows stills and tries again by itself", async () => {
  openWall(2);
  browser.socket.accept();
  browser.socket.end(4429, { reason: "line_full", message: "Full." });
  assert.deepEqual(states(), [State.WAITING, State.CONNECTING]);
  mock.timers.tick(14_000);
  assert.deepEqual([opened(), states()], [[0], [State.WAITING, State.WAITING]]);
  await pass(1_250);
  assert.deepEqual(opened(), [0, 0]);
  answer(INFO);
});

test("a tile that has given its slot to a person goes to the end of the line", async () => {
  openWall(1);
  answer(INFO);
  browser.socket.end(4411, { reason: "yielded", message: "Others wait." });
  assert.deepEqual(states(), [State.RECONNECTING]);
  await pass(1_000);
  assert.deepEqual([opened(), browser.query.get("background"), browser.query.get("resume")], [[0, 0], "1", ""]);
});

test("a tile whose slot its user has taken for another window waits, and tries again by itself", async () => {
  openWall(1);
  answer(INFO);
  browser.socket.end(4411, { reason: "replaced", message: "Elsewhere." });
  assert.deepEqual(states(), [State.WAITING]);
  await pass(15_000);
  assert.deepEqual([opened(), browser.query.get("resume")], [[0, 0], ""]);
});

test("a tile that is stopped for good stays so", () => {
  openWall(2);
  browser.socket.accept();
  browser.socket.end(4410, { reason: "stopped_by_administrator", message: "Stop." });
  assert.deepEqual(tiles[0].status, { ...NO_FACTS, state: State.CLOSED, reason: "stopped_by_administrator", message: "Stop.", offline: false });
  mock.timers.tick(60_000);
  assert.deepEqual(opened(), [0, 1]);
});

test("a hidden page gives its slots back, except on a display", async () => {
  for (const isDisplay of [false, true]) {
    browser = new FakeBrowser();
    openWall(1, isDisplay);
    answer(INFO);
    browser.show("hidden");
    await pass(20_000);
    assert.equal(browser.socket.closedWith !== null, !isDisplay);
  }
});
