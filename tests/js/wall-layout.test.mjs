/** The wall: how tiles of several sizes fit on a screen, and its pages. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { GAP, MAX_TILES, layout, paginate } from "../../streaming/static/streaming/wall/layout.js";
import { Pages } from "../../streaming/static/streaming/wall/pages.js";

const DESKTOP = { width: 1264, height: 690 };
const PHONE = { width: 374, height: 730 };
const LYING = { width: 828, height: 280 };

/** @param {number} count */
const small = (count) => Array.from({ length: count }, () => 1);

/** @param {number} count @param {{width: number, height: number}} area */
function shape(count, area) {
  const { columns, rows } = layout(small(count), area);
  return `${columns}x${rows}`;
}

/** The number of tiles on each page. @param {number[]} sizes @param {{width: number, height: number}} area @param {number} [most] */
function pagesOf(sizes, area, most) {
  const starts = paginate(sizes, area, most);
  return starts.map((start, index) => (starts[index + 1] ?? sizes.length) - start);
}

test("tiles are arranged so that they are as large as possible", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 9, 16, 64].map((count) => shape(count, DESKTOP)), [
    "1x1", "2x1", "2x2", "2x2", "3x2", "3x2", "3x3", "4x4", "8x8",
  ]); // prettier-ignore
  assert.deepEqual([1, 2, 4, 12].map((count) => shape(count, PHONE)), ["1x1", "1x2", "1x4", "2x6"]);
  assert.deepEqual([1, 2, 4].map((count) => shape(count, LYING)), ["1x1", "2x1", "2x2"]);
});

test("a page has at most 64 tiles, and fewer on a small screen", () => {
  assert.deepEqual(pagesOf(small(100), DESKTOP), [MAX_TILES, 36]);
  assert.deepEqual(pagesOf(small(5), DESKTOP), [5]);
  assert.deepEqual(pagesOf(small(20), PHONE), [16, 4]);
  assert.deepEqual(pagesOf(small(3), { width: 0, height: 0 }), [1, 1, 1]);
  assert.deepEqual(pagesOf([], DESKTOP), [0]);
});

test("a page has no more tiles than its wall says", () => {
  assert.deepEqual(pagesOf(small(10), DESKTOP, 4), [4, 4, 2]);
  assert.deepEqual(pagesOf(small(20), PHONE, 64), [16, 4]);
});

test("larger tiles take more cells, and small ones fill the gaps between them", () => {
  const { columns, rows, places } = layout([2, 1, 1, 1, 1, 1], { width: 1200, height: 675 });
  assert.deepEqual([columns, rows], [3, 3]);
  const cells = places.map(({ column, row }) => `${column},${row}`);
  assert.deepEqual(cells, ["0,0", "2,0", "2,1", "0,2", "1,2", "2,2"]);
});

test("the tiles of any page fit into the screen, without scrolling, and cover no other", () => {
  const walls = [...Array.from({ length: MAX_TILES }, (_, index) => small(index + 1)), [2, 1, 3, 1, 1], [4], [1, 4, 1, 2, 2, 1, 1], [3, 3, 3, 3]];
  for (const area of [DESKTOP, PHONE, LYING, { width: 3840, height: 2000 }]) {
    for (const wall of walls) {
      const sizes = wall.slice(0, paginate(wall, area)[1] ?? wall.length);
      const { columns, rows, width, height, places } = layout(sizes, area);
      assert.ok(columns * width + (columns - 1) * GAP <= area.width && rows * height + (rows - 1) * GAP <= area.height);
      const cells = places.flatMap(({ column, row }, index) =>
        Array.from({ length: sizes[index] ** 2 }, (_, cell) => {
          const [x, y] = [column + (cell % sizes[index]), row + Math.floor(cell / sizes[index])];
          assert.ok(x < columns && y < rows);
          return `${x},${y}`;
        }),
      );
      assert.equal(new Set(cells).size, cells.length);
    }
  }
});

test("pages turn in a circle, and the page of a tile can be shown", () => {
  const pages = new Pages(4);
  pages.arrange(small(10), DESKTOP);
  assert.deepEqual([pages.count, pages.number, pages.includes(3), pages.includes(4)], [3, 0, true, false]);
  const turned = [1, 1, 1, -1].map((step) => {
    pages.turn(step);
    return pages.number;
  });
  assert.deepEqual(turned, [1, 2, 0, 2]);
  pages.show(5);
  assert.deepEqual([pages.number, pages.includes(4), pages.includes(8)], [1, true, false]);
});

test("the page with the first tile of the present one stays when the screen changes", () => {
  const pages = new Pages(0);
  pages.arrange(small(20), PHONE);
  pages.turn(1);
  pages.arrange(small(20), DESKTOP);
  assert.equal(pages.number, 0);
  pages.arrange(small(20), PHONE);
  assert.equal(pages.number, 0);
});
