/** The question whether somebody still watches, while others wait. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { State } from "../../streaming/static/streaming/engine/states.js";
import { settle } from "./fakes.mjs";
import { INFO, browser, goLive, open, passAnswered, viewer } from "./viewing.mjs";

const QUESTION = { type: "status", state: "live", reason: "still_watching", answer_within: 60 };
const ANSWER = { type: "still_watching" };

/** A live viewer of a server that knows the line. */
async function watch() {
  open();
  browser.socket.accept();
  browser.socket.say({ ...INFO, resume: "t-1" });
  browser.socket.sendFrame({ seq: 1 });
  await settle();
  browser.socket.sent.length = 0;
}

/** @returns {object[]} messages that somebody is there */
const answers = () => browser.socket.sent.filter(({ type }) => type === "still_watching");

test("the server hears once a minute that somebody uses the page", async () => {
  await watch();
  for (let second = 0; second < 120; second += 1) {
    browser.page.dispatchEvent(new Event("pointermove"));
    passAnswered(1_000);
  }
  assert.deepEqual(answers(), [ANSWER, ANSWER]);
});

test("a viewer who is asked answers by any touch of the page, and is asked no more", async () => {
  await watch();
  browser.page.dispatchEvent(new Event("keydown"));
  browser.socket.say(QUESTION);
  assert.equal(viewer.line.answerBy, Date.now() + 60_000);
  assert.equal(viewer.status.state, State.LIVE);
  browser.page.dispatchEvent(new Event("keydown"));
  assert.deepEqual(answers(), [ANSWER, ANSWER]);
  assert.equal(viewer.line.answerBy, null);
});

test("an older server, which would end the stream of whoever says so, is not told that somebody is there", async () => {
  await goLive();
  browser.page.dispatchEvent(new Event("keydown"));
  assert.deepEqual(answers(), []);
});

test("a stream that nobody has answered for stays ended", async () => {
  await watch();
  browser.socket.say(QUESTION);
  browser.socket.end(4411, { reason: "idle" });
  assert.deepEqual([viewer.status.state, viewer.status.reason], [State.CLOSED, "idle"]);
  passAnswered(60_000);
  assert.equal(browser.sockets.length, 1);
  viewer.retry();
  browser.socket.accept();
  browser.socket.say(INFO);
  assert.equal(viewer.line.answerBy, null);
});
