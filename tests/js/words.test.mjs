import assert from "node:assert/strict";
import { test } from "node:test";

import { Reason } from "../../streaming/static/streaming/protocol.js";
import { State } from "../../streaming/static/streaming/states.js";
import { figureWords, notice } from "../../streaming/static/streaming/words.js";

const refused = (reason) => ({ state: State.REFUSED, reason, message: "Please close another stream first.", inUse: 3, limit: 3 });

test("a refused viewer is offered a free stream", () => {
  assert.deepEqual(notice(refused(Reason.LIMIT_REACHED), false), {
    title: "3 of 3 in use",
    text: "Please close another stream first.",
  });
  assert.equal(notice(refused(Reason.LIMIT_REACHED), true).title, "A stream is free");
});

test("a viewer at a limit of their own is not: a free stream of the server's does not help", () => {
  for (const reason of [Reason.USER_LIMIT_REACHED, Reason.ADDRESS_LIMIT_REACHED]) {
    assert.equal(notice(refused(reason), true).text, "Please close another stream first.");
  }
});

test("figures without a picture yet are dashes", () => {
  const reading = { framesPerSecond: 0, kilobitsPerSecond: 0, ageMedian: null, ageHigh: null, dropped: 0 };
  const words = figureWords(reading, { format: null, width: 2, height: 1, gate: { inUse: null, limit: null } });
  assert.deepEqual(Object.fromEntries(words), {
    Format: "–",
    Size: "2 × 1",
    "Frames/s": "0.0",
    "kbit/s": "0",
    Age: "– (95 %: –)",
    Dropped: "0",
    Streams: "–",
  });
});
