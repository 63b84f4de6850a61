import assert from "node:assert/strict";
import { test } from "node:test";

import { pageStart, pageWords } from "../../streaming/static/streaming/system/viewer-pages.js";

test("a page is named by its first and last viewer", () => {
  assert.equal(pageWords(100, 50, 150), "101 to 150 of 150");
});

test("a page that is gone, because viewers have left, is the last one", () => {
  const start = (/** @type {number} */ from, /** @type {number} */ count) => pageStart(from, 100, count);
  assert.deepEqual([start(0, 0), start(0, 1), start(-100, 500)], [0, 0, 0]);
  assert.deepEqual([start(100, 150), start(100, 100), start(200, 101)], [100, 0, 100]);
});
