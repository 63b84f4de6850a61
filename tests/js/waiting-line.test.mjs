import assert from "node:assert/strict";
import { test } from "node:test";

import { waitingWords } from "../../streaming/static/streaming/shared/format.js";
import { waitingFields } from "../../streaming/static/streaming/system/waiting-line.js";

test("the number of viewers in line, and nothing without any", () => {
  assert.deepEqual([3, 1, 0, null, undefined].map(waitingWords), ["3\u00a0waiting", "1\u00a0waiting", "", "", ""]);
});

test("a viewer in line: since when, behind which limit, and with which priority", () => {
  const since = new Date(2026, 0, 5, 9, 30).getTime();
  const waiting = { id: "w:1", position: 2, user: "ann", camera: "Yard", since, priority: "operator" };
  const fields = waitingFields({ ...waiting, quality: "low", reason: "camera_limit_reached" }, since + 185_000);
  assert.equal(fields.since, "3 min, since 09:30");
  assert.deepEqual([fields.quality, fields.reason, fields.priority], ["Low", "Camera limit", "Reserved group"]);
  assert.equal(waitingFields({ ...waiting, quality: "low", reason: "" }, since - 900).since, "0 s, since 09:30");
});
