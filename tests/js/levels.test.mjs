import assert from "node:assert/strict";
import { test } from "node:test";

import {
  alarmWords,
  budgetWords,
  countedWords,
  levelOf,
  overWords,
  rate,
  reservedWords,
} from "../../streaming/static/streaming/system/levels.js";

/** @import { SystemGate } from "../../streaming/static/streaming/system/levels.js" */

const quiet = { in_use: 0, limit: 20, available: 20, available_ordinary: 20, over: 0, reserved: 0 };

/** @param {Partial<SystemGate>} facts @returns {SystemGate} */
const gate = (facts) => ({ ...quiet, state: "open", level: "ok", mbps: 0, counted_mbps: 0, max_mbps: 0, ...facts });

test("a level begins at its line: 75 %, 90 %, full", () => {
  const levels = [14, 15, 17, 18, 19, 20, 25].map((used) => levelOf(used, 20));
  assert.deepEqual(levels, ["ok", "high", "high", "critical", "critical", "full", "full"]);
});

test("without a limit, or when nothing is known, all is well", () => {
  assert.equal(levelOf(1_000, 0), "ok");
  assert.equal(levelOf(null, 20), "ok");
});

test("the alarm names the limit that is passed, or both", () => {
  assert.equal(alarmWords(gate({ in_use: 14 })), "");
  assert.equal(alarmWords(gate({ in_use: 15 })), "Above 75 % of the limit");
  assert.equal(alarmWords(gate({ in_use: 18 })), "Above 90 % of the limit");
  assert.match(alarmWords(gate({ in_use: 20 })), /^All streams are in use/);
  assert.equal(alarmWords(gate({ mbps: 16, max_mbps: 20 })), "Above 75 % of the bandwidth");
  assert.equal(
    alarmWords(gate({ in_use: 15, mbps: 19, max_mbps: 20 })),
    "Above 75 % of the limit · Above 90 % of the bandwidth",
  );
});

test("a Redis that may evict slots is an alarm", () => {
  assert.match(alarmWords(gate({ eviction: "allkeys-lru" })), /^Redis may evict slots: .* noeviction, not allkeys-lru$/);
  assert.equal(alarmWords(gate({ eviction: "" })), "");
});

test("without Redis nothing is known, and that is the alarm", () => {
  assert.match(alarmWords(gate({ in_use: null, mbps: 0, state: "unavailable" })), /^Redis does not answer/);
  const cause = "Redis is full (OOM)";
  assert.match(alarmWords(gate({ in_use: null, mbps: 0, state: "unavailable", cause })), /^Redis is full \(OOM\): /);
});

test("the alarm goes by what new viewers are admitted by", () => {
  assert.equal(alarmWords(gate({ mbps: 8, counted_mbps: 18, max_mbps: 20 })), "Above 90 % of the bandwidth");
  assert.equal(countedWords(gate({ counted_mbps: 18, max_mbps: 20 })), "18.0 Mbit/s reserved for current viewers");
  assert.equal(countedWords(gate({ counted_mbps: 18 })), "");
  assert.equal(countedWords(gate({ max_mbps: 20, state: "unavailable" })), "");
  assert.match(alarmWords(gate({ in_use: 15, reserved: 5, available: 5, available_ordinary: 0 })), /^Only reserved/);
});

test("above a lowered limit the gate drains", () => {
  assert.equal(overWords(2), "2 over the limit");
  assert.equal(overWords(0), "");
});

test("reserved slots are told with whom they are for", () => {
  const reserved = (/** @type {number} */ count) => gate({ reserved: count, available_ordinary: 3 });
  assert.equal(reservedWords(reserved(0), "Operators"), "");
  assert.equal(reservedWords(reserved(1)), "1 slot reserved, 3 free for others");
  assert.equal(reservedWords(reserved(2), "Operators"), "2 slots reserved for Operators, 3 free for others");
  assert.equal(reservedWords({ ...reserved(2), state: "unavailable" }), "2 slots reserved");
});

test("rates are told as exactly as they are worth", () => {
  assert.deepEqual([0, 3.456, 9.949, 12.34, null].map(rate), ["0.00", "3.46", "9.95", "12.3", "–"]);
  assert.equal(budgetWords(20), "of 20 Mbit/s");
  assert.equal(budgetWords(0), "Mbit/s (no limit)");
});
