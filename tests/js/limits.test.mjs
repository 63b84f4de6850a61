import assert from "node:assert/strict";
import { test } from "node:test";

import { followsWords, limitWords, originWords, previewWords, savedWords, trialWords } from "../../streaming/static/streaming/system/limits.js";

const TIME = Date.UTC(2026, 5, 1, 12);

test("zero is no limit, and a group is called by its name", () => {
  assert.equal(limitWords(10, null), "10");
  assert.equal(limitWords(0, null, "max_per_user"), "unlimited");
  assert.equal(limitWords(0, null, "reserved_slots"), "none");
  assert.equal(limitWords(2, [{ id: 2, name: "Operators" }]), "Operators");
  assert.equal(limitWords(null, [{ id: 2, name: "Operators" }]), "nobody");
});

test("a limit tells where it is from", () => {
  assert.equal(originWords({ source: "environment", set_by: "", set_at: null }), "environment default");
  assert.match(originWords({ source: "database", set_by: "anna", set_at: TIME }), /^set by anna, 1 Jun/);
  assert.equal(originWords({ source: "deleted", set_by: "", set_at: null }), "group deleted");
});

test("the time until workers follow depends on whether Redis could tell them", () => {
  assert.equal(followsWords({ announced: true }), "within 2 seconds");
  assert.match(followsWords({ announced: false }), /30 seconds.* Redis does not answer/);
});

test("saving tells when workers follow, and what to know about the limits", () => {
  const saved = "Saved. Active on every worker within 2 seconds. Nobody is disconnected.";
  assert.equal(savedWords({ announced: true, warnings: [] }), saved);
  assert.equal(savedWords({ announced: true, warnings: ["Too low."] }), `${saved} Too low.`);
  assert.equal(savedWords({ announced: true }), saved);
});

test("a dry run tells since when, by whom and whom it would have refused", () => {
  assert.equal(trialWords(null), "Not running.");
  assert.match(trialWords({ since: TIME, by: "anna", would_refuse: 1 }), /by anna\. It would have refused 1 viewer\.$/);
  assert.match(trialWords({ since: TIME, by: "anna", would_refuse: 7 }), /7 viewers\.$/);
});

test("a dry run that has ended keeps its result until the next one begins", () => {
  const ended = { since: TIME, until: TIME + 720_000, limits: "Total streams 2", would_refuse: 3 };
  assert.match(trialWords(null, ended), /^Not running\. The last dry run \(Total streams 2\) ended 1 Jun, \d\d:12 after 12 min\. It would have refused 3 viewers\.$/);
  assert.match(trialWords({ since: TIME, by: "anna", would_refuse: 0 }, ended), /^Running .* refused 0 viewers\.$/);
});

test("a preview tells how many of how many, or that nothing is known", () => {
  const preview = { days: 7, minutes: 100, newcomers: 40, would_be_refused: 3, highest_peak: 9 };
  assert.equal(
    previewWords(preview),
    "In the last 7 days, 3 of 40 viewers would have been refused. Highest peak: 9.",
  );
  assert.match(previewWords({ ...preview, minutes: 0 }), /^No data/);
  assert.match(previewWords({ ...preview, refused_otherwise: 20 }), /: 9\. 20 were refused for other reasons\.$/);
});
