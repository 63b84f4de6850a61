/** An operator takes the slot of a viewer, who is told before. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { State } from "../../streaming/static/streaming/engine/states.js";
import { preemptionNotice } from "../../streaming/static/streaming/player/line-texts.js";
import { notice } from "../../streaming/static/streaming/player/texts.js";
import { browser, goLive, viewer } from "./viewing.mjs";

const STATUS = { type: "status", state: "live" };

test("the viewer is told when the slot will be taken, and when it is needed no longer", async () => {
  await goLive();
  browser.socket.say({ ...STATUS, reason: "preempted", ends_in: 10 });
  assert.equal(viewer.line.endsAt, Date.now() + 10_000);
  assert.equal(viewer.status.state, State.LIVE);
  assert.equal(preemptionNotice(viewer.status.state, viewer.line.endsAt)?.text, "It stops in 10 s.");
  browser.socket.say({ ...STATUS, reason: null });
  assert.equal(viewer.line.endsAt, null);
  assert.equal(preemptionNotice(viewer.status.state, viewer.line.endsAt), null);
});

test("a viewer whose slot was taken does not reconnect by itself", async () => {
  await goLive();
  browser.socket.say({ type: "error", code: 4411, reason: "preempted", message: "An operator needed this stream." });
  browser.socket.end(4411);
  assert.equal(viewer.status.state, State.CLOSED);
  assert.equal(notice(viewer.status, false)?.action, "Watch again");
});
