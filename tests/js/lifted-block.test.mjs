import assert from "node:assert/strict";
import { test } from "node:test";

import { NO_FACTS, State } from "../../streaming/static/streaming/engine/states.js";
import { BlockCountdown } from "../../streaming/static/streaming/player/block-countdown.js";
import { notice } from "../../streaming/static/streaming/player/texts.js";
import { Reason } from "../../streaming/static/streaming/shared/protocol.js";

/** @param {number | null} until */
function stopped(until) {
  const reason = Reason.STOPPED_BY_ADMINISTRATOR;
  return { ...NO_FACTS, state: State.CLOSED, reason, message: "Not now.", until, offline: false };
}

test("a lifted block ends the countdown of a stopped viewer, and a later block begins one", () => {
  let now = 0;
  const countdown = new BlockCountdown(() => now);
  const status = stopped(Date.now() + 290_000);
  const words = (/** @type {typeof status} */ it) => notice(countdown.correct(it), false)?.text;
  assert.match(words(status) ?? "", /^Not now\. You can watch again in 4 min/);
  now = 10_000;
  for (const seconds of [280, undefined]) countdown.note(seconds);
  assert.match(words(status) ?? "", /in 4 min/);
  countdown.note(0);
  assert.equal(words(status), "Not now. You can watch again now.");
  assert.match(words(stopped(Date.now() + 50_000)) ?? "", /in \d\d s/);
});

test("a server that does not know a new block yet ends no countdown", () => {
  let now = 0;
  const countdown = new BlockCountdown(() => now);
  const status = stopped(Date.now() + 290_000);
  countdown.note(0);
  countdown.correct(status);
  now = 2_000;
  countdown.note(0);
  assert.equal(countdown.correct(status), status);
});

test("a viewer who is not blocked sees no change", () => {
  const countdown = new BlockCountdown(() => 60_000);
  countdown.note(0);
  const others = [stopped(null), { ...stopped(Date.now() + 5_000), state: State.REFUSED, reason: Reason.LIMIT_REACHED }];
  for (const status of others) {
    countdown.note(0);
    assert.equal(countdown.correct(status), status);
  }
});
