import assert from "node:assert/strict";
import { test } from "node:test";

import {
  byLimits,
  ends,
  hoursWords,
  inAll,
  limitAt,
  limitLine,
  localHours,
  reach,
  reasonWords,
  spanWords,
  stack,
  summary,
  twice,
} from "../../streaming/static/streaming/system/chart-data.js";

/** @param {import("../../streaming/static/streaming/system/chart-data.js").LimitSpan[]} all */
const spans = (...all) => all;
const columns = (facts = {}) => ({
  step: 1,
  time: [60, 120, 180],
  peak: [3, null, 5],
  limit: [5, null, 5],
  mbps: [4, null, 8],
  mbps_peak: [4.5, null, 9.25],
  max_mbps: [0, null, 20],
  seconds_at_full: [0, null, 42],
  refusals: {},
  would_refuse: {},
  waited: [0, null, 0],
  wait_median: [null, null, null],
  wait_high: [null, null, null],
  gave_up: [0, null, 0],
  limits: spans([60, 120, 5], [180, 240, 5]),
  budgets: spans([180, 240, 20]),
  waits: { waited: 0, wait_median: null, wait_high: null, gave_up: 0 },
  ...facts,
});

test("stacked layers begin with the sum of all reasons, and each layer covers its part", () => {
  const layers = stack({ bandwidth_reached: [1, null, 2], limit_reached: [3, null, 0] });
  assert.deepEqual(
    layers.map(({ name, stacked }) => [name, stacked]),
    [
      ["bandwidth_reached", [4, null, 2]],
      ["limit_reached", [3, null, 0]],
    ],
  );
  assert.deepEqual(layers[0].own, [1, null, 2]);
});

test("a reason keeps its place whatever others there are, and an unknown one is on top", () => {
  const ranks = (/** @type {string[]} */ names) =>
    stack(Object.fromEntries(names.map((name) => [name, [1]]))).map(({ name, rank }) => [name, rank]);
  assert.deepEqual(ranks(["user_limit_reached"]), [["user_limit_reached", 3]]);
  assert.deepEqual(ranks(["something_new", "user_limit_reached", "limit_reached"]), [
    ["something_new", 9],
    ["user_limit_reached", 3],
    ["limit_reached", 0],
  ]);
  assert.equal(reasonWords("something_new"), "Something new");
});

test("a limit's line is level as long as it is in force, also one that lasted for less than a step", () => {
  const limits = spans([60, 120, 10], [120, 180, 2], [600, 660, 30]);
  const [times, values] = limitLine(limits, 0.5, 100);
  assert.deepEqual(values, [5, 5, 1, 1, null, 15, 15], "with the gap of its records");
  assert.deepEqual(times, [60, 119.999, 120, 179.999, 180, 600, 659.999]);
  assert.deepEqual(limitLine(limits, 1, 12)[1], [10, 10, 2, 2, null, 12, 12], "at the upper edge of the chart");
  assert.deepEqual(limitLine(limits, 0.5, 12)[1].at(-1), 6, "and its alarm below");
  assert.deepEqual([60, 119.999, 120, 180, 659].map((time) => limitAt(limits, time)), [10, 10, 2, null, 30]);
});

test("a value is level over its whole step, and a gap begins where the last step ends", () => {
  const [begin, end, next] = ends([60, 120], 1);
  assert.equal(begin, 60);
  assert.ok(end > 119.9 && end < 120);
  assert.equal(next, 120);
  assert.deepEqual(twice([1, null]), [1, 1, null, null]);
});

test("the summary tells peak, bandwidth, time at full and refusals by reason", () => {
  const refusals = { user_limit_reached: [1, null, 0], limit_reached: [0, null, 7], bandwidth_reached: [0, null, 0] };
  const words = summary(columns({ refusals }), (time) => `at ${time}`);
  assert.equal(
    words,
    "Peak: 5 of 5 streams in use (at 180), 9.25 Mbit/s. Full for 42 s. 8 refused (7: all streams in use, 1: user limit).",
  );
  assert.deepEqual(inAll(refusals, [60, 120, 180]), [1, 0, 7]);
  const tried = columns({ would_refuse: { limit_reached: [2, null, 0], user_limit_reached: [0, null, 1] } });
  assert.match(summary(tried, String), /Nobody was refused\. A dry run would have refused 3\.$/);
});

test("the summary tells how long viewers waited, and how many gave up", () => {
  const words = (/** @type {object} */ waits) => summary(columns({ waits }), String).split("Nobody was refused.")[1];
  assert.equal(words({ waited: 12, wait_median: 40.4, wait_high: 150, gave_up: 2 }), " 12 waited for a slot (median 40 s, 95 %: 2.5 min). 2 gave up waiting.");
  assert.equal(words({ waited: 0, wait_median: null, wait_high: null, gave_up: 1 }), " 1 gave up waiting.");
  assert.deepEqual([null, 0.4, 99, 600, 3_000].map(spanWords), ["–", "under 1 s", "99 s", "10 min", "50 min"]);
});

test("refusals by a limit, a block or a failed check are counted, and no others", () => {
  const met = { limit_reached: [1], a_new_one_reached: [1], stopped_by_administrator: [1], gate_unavailable: [1], line_full: [1], wait_expired: [1] };
  const others = ["not_authenticated", "permission_denied", "camera_not_found", "no_stream_url", "protocol_error", "draining"];
  const all = { ...met, ...Object.fromEntries(others.map((name) => [name, [1]])) };
  assert.deepEqual(byLimits(all), met);
});

test("a chart has each limit to scale, but not one far above all else, which is told in words", () => {
  const limits = (/** @type {number[]} */ ...values) => values.map((value, index) => spans([index * 60, index * 60 + 60, value])[0]);
  assert.equal(reach([3, null, 8], limits(10, 12)), 12);
  assert.equal(reach([3, 8], limits(10, 90, 10)), 90, "raised ninefold for a moment");
  assert.equal(reach([10, 9], limits(10, 1_000)), 10, "raised a hundredfold for a moment");
  assert.equal(reach([1, 2], limits(1_000, 1_000)), 1_000, "so far from all limits is worth seeing");
  assert.equal(reach([1.5, null], []), 1.5);
  const words = (/** @type {object} */ facts) => summary(columns(facts), String);
  assert.match(words({ limits: limits(5, 700, 5) }), /Mbit\/s\. A limit of 700 is above the chart\. Full/);
  assert.match(words({ limits: limits(5, 700), budgets: limits(20, 2_000) }), /\. Limits of 700, 2000 Mbit\/s are above the chart\./);
});

test("a time without streams differs from one without records", () => {
  const quiet = columns({ peak: [0, 0, 0], limit: [5, 5, 5], mbps_peak: [0, 0, 0], seconds_at_full: [0, 0, 0] });
  assert.match(summary(quiet, String), /^Peak: 0 of 5 .* Never full\. Nobody was refused\.$/);
  const gap = [null, null, null];
  const unknown = columns({ peak: gap, limit: gap, mbps: gap, mbps_peak: gap, seconds_at_full: gap });
  assert.equal(summary(unknown, String), "No data for this period yet.");
});

test("the hours of the day are in local time", () => {
  const utc = [...Array(24).keys()];
  assert.equal(localHours(utc, 0)[9], 9);
  assert.equal(localHours(utc, -120)[9], 7, "two hours east of Greenwich");
  assert.equal(localHours(utc, 300)[23], 4, "five hours west");
});

test("the busiest hour is named, or that there are no records yet", () => {
  /** @param {number | null} average @param {number | null} most */
  const hour = (average, most) => ({ average_peak: average, max_peak: most, refusals: 0 });
  const hours = Array(24).fill(hour(null, null)).with(9, hour(4.25, 8)).with(10, hour(3, 10));
  assert.equal(hoursWords(hours), "Busiest from 09:00 to 09:59: 4.3 streams on average, at most 8.");
  assert.equal(hoursWords(Array(24).fill(hour(null, null))), "No data yet.");
});
