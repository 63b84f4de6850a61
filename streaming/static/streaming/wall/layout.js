/** How many tiles fit on a screen, how large they are, and where they are. */

export const MAX_TILES = 64; // on one page
export const GAP = 6; // pixels between two cells
const RATIO = 16 / 9;
const MIN_WIDTH = 140; // pixels of a cell: smaller pictures tell nothing

/** @typedef {{width: number, height: number}} Size pixels */
/** @typedef {{column: number, row: number}} Place of a tile's first cell, from 0 */
/** @typedef {Size & {columns: number, rows: number, places: Place[]}} Layout `width`, `height`: of a cell */

/**
 * Returns the layout with the largest tiles.
 * @param {number[]} sizes of the tiles, in cells in each direction
 * @param {Size} area
 * @returns {Layout}
 */
export function layout(sizes, area) {
  const widest = sizes.reduce((sum, size) => sum + size, 0);
  const least = Math.max(...sizes);
  const most = least === 1 ? widest : Math.min(widest, Math.max(least, Math.floor(area.width / MIN_WIDTH)));
  let best = inColumns(least, sizes, area);
  for (let columns = least + 1; columns <= most; columns += 1) {
    const next = inColumns(columns, sizes, area);
    if (next.width > best.width) best = next;
  }
  return best;
}

/**
 * Returns the index of the first tile of each page.
 * @param {number[]} sizes
 * @param {Size} area
 * @param {number} [perPage] at most; 0: as many as fit
 */
export function paginate(sizes, area, perPage = 0) {
  const starts = [0];
  const most = Math.min(perPage || MAX_TILES, MAX_TILES);
  for (let start = 0; start < sizes.length; ) {
    start += capacity(sizes.slice(start, start + most), area);
    if (start < sizes.length) starts.push(start);
  }
  return starts;
}

/**
 * Returns how many of the tiles fit on one page: at least one.
 * @param {number[]} sizes
 * @param {Size} area
 */
function capacity(sizes, area) {
  let [fitting, beyond] = [1, sizes.length + 1];
  while (beyond - fitting > 1) {
    const middle = Math.floor((fitting + beyond) / 2);
    if (layout(sizes.slice(0, middle), area).width < MIN_WIDTH) beyond = middle;
    else fitting = middle;
  }
  return fitting;
}

/** @param {number} columns @param {number[]} sizes @param {Size} area @returns {Layout} */
function inColumns(columns, sizes, area) {
  const places = pack(sizes, columns);
  const rows = Math.max(...places.map(({ row }, index) => row + sizes[index]));
  const widest = (area.width - (columns - 1) * GAP) / columns;
  const highest = (area.height - (rows - 1) * GAP) / rows;
  const width = Math.max(0, Math.floor(Math.min(widest, highest * RATIO)));
  return { columns, rows, width, height: Math.floor(width / RATIO), places };
}

/**
 * Puts each tile at the first free place, row by row.
 * @param {number[]} sizes
 * @param {number} columns at least as many as the largest tile has
 * @returns {Place[]}
 */
function pack(sizes, columns) {
  /** @type {Set<number>} */
  const taken = new Set();
  let first = 0; // all cells before are taken
  return sizes.map((size) => {
    while (taken.has(first)) first += 1;
    for (let cell = first; ; cell += 1) {
      if ((cell % columns) + size > columns) continue;
      const cells = square(cell, size, columns);
      if (cells.some((one) => taken.has(one))) continue;
      for (const one of cells) taken.add(one);
      return { column: cell % columns, row: Math.floor(cell / columns) };
    }
  });
}

/** @param {number} cell the first @param {number} size @param {number} columns @returns {number[]} the cells of a tile */
function square(cell, size, columns) {
  return Array.from({ length: size * size }, (_, index) => cell + (index % size) + Math.floor(index / size) * columns);
}
