import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Reason } from "../../streaming/static/streaming/shared/protocol.js";
import { LocalReason, NO_FACTS, State } from "../../streaming/static/streaming/engine/states.js";
import { mayWait, placeWords, questionNotice, replaceable, viewingWords } from "../../streaming/static/streaming/player/line-texts.js";
import { figureWords, notice, refusalTitle, stateWords } from "../../streaming/static/streaming/player/texts.js";

/** @import { Status } from "../../streaming/static/streaming/engine/states.js" */

const NEUTRAL = { ...NO_FACTS, offline: false };

/** @param {Reason} reason @returns {Status} */
function refused(reason) {
  return { ...NEUTRAL, state: State.REFUSED, reason, message: "Please close another stream first.", inUse: 3, limit: 3 };
}

test("a refused viewer is offered a free stream", () => {
  assert.deepEqual(notice(refused(Reason.LIMIT_REACHED), false), {
    title: "All 3 streams are in use",
    text: "This page tells you when one is free.",
    action: "Retry",
  });
  const free = { title: "A stream is free", text: "Watch now?", action: "Watch" };
  assert.deepEqual(notice(refused(Reason.LIMIT_REACHED), true), free);
});

test("a refused viewer is told how many wait now, unless there is no line", () => {
  const status = { ...refused(Reason.LIMIT_REACHED), waiting: 0 };
  assert.equal(notice(status, false)?.text, "Nobody is waiting: you would be next.");
  assert.equal(notice(status, false, 1)?.text, "1 viewer is waiting.");
  assert.equal(notice({ ...status, waiting: null }, false, 1)?.action, "Retry");
});

test("a viewer at a limit of their own is not: a free stream of the server's does not help", () => {
  for (const reason of [Reason.USER_LIMIT_REACHED, Reason.ADDRESS_LIMIT_REACHED]) {
    assert.match(notice(refused(reason), true)?.text ?? "", /^Close (one|another stream)/);
  }
});

test("the delay since the camera is that to the server and that from there", () => {
  const measured = { framesPerSecond: 25, kilobitsPerSecond: 2000, ageMedian: 0.02, ageHigh: 0.03, dropped: 0 };
  const facts = { format: null, width: 2, height: 1, gate: { inUse: null, limit: null } };
  const words = Object.fromEntries(figureWords({ ...measured, cameraDelay: 0.1 }, facts));
  assert.equal(words["Delay since the server"], "20 ms (95 %: 30 ms)");
  assert.equal(words["Delay since the camera"], "120 ms");
  const unknown = figureWords({ ...measured, cameraDelay: null }, facts).map(([name]) => name);
  assert.ok(!unknown.includes("Delay since the camera"));
});

test("figures without a picture yet are dashes", () => {
  const measured = { framesPerSecond: 0, kilobitsPerSecond: 0, ageMedian: null, ageHigh: null, cameraDelay: null, dropped: 0 };
  const words = figureWords(measured, { format: null, width: 2, height: 1, gate: { inUse: null, limit: null } });
  assert.deepEqual(Object.fromEntries(words), {
    Format: "–",
    Size: "2 × 1",
    "Frames/s": "0.0",
    "kbit/s": "0",
    "Delay since the server": "– (95 %: –)",
    Dropped: "0",
    Streams: "–",
  });
});

test("a limit that is not the server's is called by its name, not by how far the server's is used", () => {
  for (const reason of [Reason.BANDWIDTH_REACHED, Reason.CAMERA_LIMIT_REACHED, Reason.USER_LIMIT_REACHED]) {
    assert.doesNotMatch(refusalTitle(refused(reason)), /3 of 3|All streams/, reason);
  }
  assert.equal(notice(refused(Reason.BANDWIDTH_REACHED), true)?.title, "Not enough bandwidth for another stream");
});

test("a stopped viewer reads the administrator's message", () => {
  const reason = Reason.STOPPED_BY_ADMINISTRATOR;
  const stopped = { ...NEUTRAL, state: State.CLOSED, reason, message: "Shift is over." };
  assert.deepEqual(notice(stopped, false), { title: "Stream stopped", text: "Shift is over.", action: "Retry" });
  assert.equal(notice({ ...stopped, message: null }, false)?.text, "An administrator stopped this stream.");
});

test("where only a reload of the page helps, no retry is offered", () => {
  const action = (/** @type {Reason} */ reason) => notice({ ...NEUTRAL, state: State.CLOSED, reason }, false)?.action;
  assert.deepEqual([Reason.PROTOCOL_ERROR, Reason.CAMERA_NOT_FOUND].map(action), ["", ""]);
  assert.deepEqual([Reason.NO_STREAM_URL, Reason.PERMISSION_DENIED, Reason.IDLE].map(action), ["Retry", "Retry", "Watch again"]);
});

test("a blocked viewer reads how long, and then that it is over", () => {
  mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const reason = Reason.STOPPED_BY_ADMINISTRATOR;
  const blocked = { ...NEUTRAL, state: State.CLOSED, reason, message: "Shift is over.", until: 1_000_000 + 300_000 };
  assert.match(notice(blocked, false)?.text ?? "", /^Shift is over\. You can watch again in 5 min, at \d\d:\d\d:\d\d\.$/);
  mock.timers.tick(255_000);
  assert.match(notice(blocked, false)?.text ?? "", /in 45 s, at/);
  assert.equal(notice(blocked, false)?.action, "", "a retry would be refused");
  mock.timers.tick(45_000);
  assert.match(notice(blocked, false)?.text ?? "", /You can watch again now\.$/);
  assert.equal(notice(blocked, false)?.action, "Retry");
  mock.timers.reset();
});

test("whoever waits without a network is told that, and not what happened before", () => {
  for (const state of [State.CONNECTING, State.STALE, State.RECONNECTING, State.UNAVAILABLE]) {
    const status = { ...NEUTRAL, state, reason: Reason.CAMERA_LOST, message: "Lost." };
    assert.equal(stateWords({ ...status, offline: true }), "You are offline");
    assert.notEqual(stateWords(status), "You are offline");
  }
  const status = { ...NEUTRAL, state: State.UNAVAILABLE, reason: Reason.CAMERA_LOST, message: "Lost.", offline: true };
  assert.equal(notice(status, false)?.text, "Waiting for the network…");
  assert.equal(stateWords({ ...NEUTRAL, state: State.LIVE, offline: true }), "Live", "the pictures decide");
});

test("an administrator reads why a camera was lost, and others only that it was", () => {
  const lost = { ...NEUTRAL, state: State.RECONNECTING, reason: Reason.CAMERA_LOST };
  assert.equal(stateWords({ ...lost, message: "No stream at this path." }), "No stream at this path. Reconnecting…");
  assert.equal(stateWords(lost), "The camera is not responding. Reconnecting…");
});

test("a viewer reads which part of the server does not answer", () => {
  const away = { ...NEUTRAL, state: State.RECONNECTING, reason: Reason.GATE_UNAVAILABLE };
  assert.equal(stateWords({ ...away, message: "Your log-in cannot be checked right now." }), "Your log-in cannot be checked right now. Retrying…");
  assert.equal(stateWords(away), "The stream limit cannot be checked right now. Retrying…");
});

test("a viewer reads why a camera cannot be shown, if the server says more than that", () => {
  const away = { ...NEUTRAL, state: State.UNAVAILABLE, reason: Reason.CAMERA_UNREACHABLE };
  const full = "This server already reads 32 cameras, the most it may.";
  assert.equal(notice({ ...away, message: full }, false)?.text, `${full} Waiting…`);
  for (const message of [null, "", "The camera cannot be reached."]) {
    assert.equal(notice({ ...away, message }, false)?.text, "The camera cannot be reached. Waiting for it…");
  }
  const noSocket = { ...NEUTRAL, state: State.UNAVAILABLE, reason: LocalReason.NO_WEBSOCKET };
  assert.equal(notice(noSocket, false)?.text, "Can't reach the server. Retrying…");
});

/** @param {Partial<Status>} [facts] @returns {Status} */
function waiting(facts = {}) {
  const place = { position: 3, waiting: 5, since: Date.now() - 125_000 };
  return { ...refused(Reason.LIMIT_REACHED), ...place, state: State.WAITING, ...facts };
}

test("a waiting viewer reads the place, the limit and the time; a screen reader says only what changes seldom", () => {
  assert.deepEqual(notice(waiting(), false), {
    title: "3rd in line, 5 waiting",
    text: "All 3 streams are in use. You have been waiting for 2 min. The stream starts by itself.",
    action: "",
    spoken: "3rd in line. All 3 streams are in use.",
  });
  const own = waiting({ position: 1, reason: Reason.USER_LIMIT_REACHED });
  assert.equal(notice(own, false)?.title, "You are next");
  assert.equal(notice(own, false)?.spoken, "You are next. You've reached your stream limit.");
  assert.equal(notice(waiting({ offline: true }), false)?.title, "You are offline");
});

test("places are counted as people do", () => {
  const words = [1, 2, 3, 4, 11, 12, 13, 21, 22, 100].map(placeWords);
  const expected = ["You are next", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "100th"];
  assert.deepEqual(words, [expected[0], ...expected.slice(1).map((ordinal) => `${ordinal} in line`)]);
});

test("where there is a line, a refused viewer reads how many wait, and tries again by waiting", () => {
  const shown = (/** @type {Reason} */ reason, /** @type {number} */ count) => notice({ ...refused(reason), waiting: count }, false);
  const title = "All 3 streams are in use";
  assert.deepEqual(shown(Reason.LIMIT_REACHED, 0), { title, text: "Nobody is waiting: you would be next.", action: "" });
  assert.equal(shown(Reason.LIMIT_REACHED, 1)?.text, "1 viewer is waiting.");
  assert.equal(shown(Reason.USER_LIMIT_REACHED, 4)?.text, "Close one to open another. 4 viewers are waiting.");
  assert.equal(shown(Reason.BANDWIDTH_REACHED, 0)?.action, "Retry");
  assert.deepEqual(shown(Reason.LINE_FULL, 100), {
    title: "The line is full",
    text: "100 viewers are waiting. Try again later.",
    action: "Retry",
  });
});

test("waiting is offered by a server with a line that is not full", () => {
  assert.equal(mayWait(refused(Reason.LIMIT_REACHED)), false, "a server without a line");
  assert.equal(mayWait({ ...refused(Reason.CAMERA_LIMIT_REACHED), waiting: 0 }), true);
  assert.equal(mayWait(refused(Reason.WAIT_EXPIRED)), true);
  assert.equal(mayWait({ ...refused(Reason.LINE_FULL), waiting: 100 }), false);
});

test("a viewer at a camera's limit is offered to stop only their viewings of this camera", () => {
  const yours = ["gate", "yard"].map((camera) => ({ viewing_id: camera, camera, name: camera, since: 0 }));
  assert.deepEqual(replaceable({ ...refused(Reason.LIMIT_REACHED), yours }, "yard"), yours);
  assert.deepEqual(replaceable({ ...refused(Reason.CAMERA_LIMIT_REACHED), yours }, "yard"), [yours[1]]);
  assert.deepEqual(replaceable({ ...waiting(), yours }, "yard"), []);
});

test("one's own viewing is named by its camera and its beginning", () => {
  const viewing = { viewing_id: "v", camera: "c", name: "Yard", since: new Date(2026, 10, 28, 9, 5).getTime() };
  assert.equal(viewingWords(viewing, new Date(2026, 10, 28, 14)), "Yard, since 09:05");
  assert.equal(viewingWords(viewing, new Date(2026, 10, 29, 14)), "Yard, since 28 Nov, 09:05");
});

test("a viewer whose stream continues elsewhere may take it back", () => {
  const replaced = { ...NEUTRAL, state: State.CLOSED, reason: Reason.REPLACED, message: "Continued in another window." };
  assert.deepEqual(notice(replaced, false), { title: "Continued in another window", text: "", action: "Watch here again" });
});

test("a viewer is asked for as long as an answer counts, and only about pictures that they see", () => {
  const by = Date.now() + 29_500;
  assert.match(questionNotice(State.LIVE, by)?.text ?? "", /^Others are waiting\. .* in 30 s\.$/);
  assert.doesNotMatch(questionNotice(State.LIVE, by)?.spoken ?? "", /30/, "a screen reader would never rest");
  assert.equal(questionNotice(State.LIVE, Date.now() - 1), null);
  assert.equal(questionNotice(State.LIVE, null), null);
  assert.equal(questionNotice(State.RECONNECTING, by), null);
});
