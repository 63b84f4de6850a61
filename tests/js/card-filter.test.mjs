import assert from "node:assert/strict";
import { test } from "node:test";

import { matches } from "../../streaming/static/streaming/cards/card-filter.js";

test("a search finds each word, without regard to case, order and accents", () => {
  for (const search of ["", "  ", "yard", "YARD north", "süd", "sud", "n s"]) {
    assert.ok(matches("North Yard Süd", search), search);
  }
  for (const search of ["yards", "north gate", "x"]) assert.ok(!matches("North Yard Süd", search), search);
});
