/** How many tiles fit on a screen, and how large they are. */

export const MAX_TILES = 64; // on one page
export const GAP = 6; // pixels between two tiles
const RATIO = 16 / 9;
const MIN_WIDTH = 140; // pixels: smaller pictures tell nothing

/** @typedef {{width: number, height: number}} Size pixels */
/** @typedef {Size & {columns: number, rows: number}} Layout `width`, `height`: of a tile */

/**
 * Returns the layout with the largest tiles.
 * @param {number} count tiles
 * @param {Size} area
 * @returns {Layout}
 */
export function layout(count, area) {
  let best = inColumns(1, count, area);
  for (let columns = 2; columns <= count; columns += 1) {
    const next = inColumns(columns, count, area);
    if (next.width > best.width) best = next;
  }
  return best;
}

/**
 * Returns how many of the tiles fit on one page: at least one.
 * @param {number} count tiles
 * @param {Size} area
 */
export function capacity(count, area) {
  let fitting = Math.min(count, MAX_TILES);
  while (fitting > 1 && layout(fitting, area).width < MIN_WIDTH) fitting -= 1;
  return Math.max(1, fitting);
}

/** @param {number} columns @param {number} count @param {Size} area @returns {Layout} */
function inColumns(columns, count, area) {
  const rows = Math.ceil(count / columns);
  const widest = (area.width - (columns - 1) * GAP) / columns;
  const highest = (area.height - (rows - 1) * GAP) / rows;
  const width = Math.max(0, Math.floor(Math.min(widest, highest * RATIO)));
  return { columns, rows, width, height: Math.floor(width / RATIO) };
}
