import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Viewer } from "../../streaming/static/streaming/engine/viewer.js";
import { listening } from "./fakes.mjs";
import { INFO, browser, goLive, open, viewer } from "./viewing.mjs";

/** @param {string} replaces */
function openNext(replaces) {
  const next = new Viewer({ cameraId: "cam", quality: null, replaces }, listening({}), browser.environment);
  next.open();
  return next;
}

test("the server's name of a viewing is known once it has a slot", () => {
  open();
  browser.socket.accept();
  assert.equal(viewer.line.viewingId, null);
  browser.socket.say({ ...INFO, viewing_id: "v-1" });
  assert.equal(viewer.line.viewingId, "v-1");
});

test("what takes another viewing's slot asks for it once, and comes back to nothing else", async () => {
  await goLive();
  browser.socket.say({ ...INFO, viewing_id: "v-1", resume: "t-1" });
  viewer.close(); // its token is kept for whoever opens this camera again
  const next = openNext("v-2");
  assert.deepEqual([browser.query.get("replace"), browser.query.get("resume")], ["v-2", ""]);
  assert.equal(browser.query.get("wait"), null);
  browser.socket.accept();
  browser.socket.say({ ...INFO, viewing_id: "v-3", resume: "t-3" });
  browser.socket.end(1006);
  mock.timers.tick(600);
  assert.deepEqual([browser.query.get("replace"), browser.query.get("resume")], [null, "t-3"]);
  next.close();
});
