import assert from "node:assert/strict";
import { test } from "node:test";

import { alarmWords, budgetWords, levelOf, overWords, rate, reservedWords } from "../../streaming/static/streaming/levels.js";

const gate = (facts) => ({ in_use: 0, limit: 20, mbps: 0, max_mbps: 0, over: 0, reserved: 0, state: "open", ...facts });

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
  assert.match(alarmWords(gate({ in_use: 20 })), /^Full/);
  assert.equal(alarmWords(gate({ mbps: 16, max_mbps: 20 })), "Above 75 % of the bandwidth");
  assert.equal(
    alarmWords(gate({ in_use: 15, mbps: 19, max_mbps: 20 })),
    "Above 75 % of the limit · Above 90 % of the bandwidth",
  );
});

test("without Redis nothing is known, and that is the alarm", () => {
  assert.match(alarmWords(gate({ in_use: null, mbps: 0, state: "unavailable" })), /^Redis does not answer/);
});

test("above a lowered limit the gate drains", () => {
  assert.equal(overWords(2), "draining, 2 over");
  assert.equal(overWords(0), "");
});

test("reserved slots are told with whom they are for", () => {
  assert.equal(reservedWords(0, "Operators"), "");
  assert.equal(reservedWords(1), "1 slot reserved");
  assert.equal(reservedWords(2, "Operators"), "2 slots reserved for Operators");
});

test("rates are told as exactly as they are worth", () => {
  assert.deepEqual([0, 3.456, 9.949, 12.34, null].map(rate), ["0.00", "3.46", "9.95", "12.3", "–"]);
  assert.equal(budgetWords(20), "of 20 Mbit/s");
  assert.equal(budgetWords(0), "Mbit/s, no budget");
});
