/** A wall: tiles on pages, or one of them enlarged. */

import { Openings } from "../engine/openings.js";
import { find } from "../shared/find.js";
import { GAP, layout } from "./layout.js";
import { Pages } from "./pages.js";
import { Tile } from "./tile.js";

/** @import { FullScreen } from "../player/full-screen.js" */

/** Columns and rows to move by. @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * @typedef {object} WallOptions
 * @property {FullScreen | null} fullScreen
 * @property {boolean} isDisplay nobody is there: a hidden page goes on
 * @property {(pages: Pages) => void} onPage
 */

/** Shows a page of tiles, or one of them enlarged. Opens those in view, and releases the others. */
export class Wall {
  /** Whether the tiles are being arranged: then they are not enlarged. */
  isArranging = false;
  pages;
  #list;
  #template;
  #options;
  #openings;
  /** @type {Map<HTMLElement, Tile>} those that were in view */
  #tiles = new Map();
  /** @type {HTMLElement | null} */
  #enlarged = null;

  /** @param {HTMLElement} root @param {WallOptions} options */
  constructor(root, options) {
    this.#list = find(root, ".tiles", HTMLElement);
    this.#template = find(root, "template[data-tile-parts]", HTMLTemplateElement);
    this.#options = options;
    this.#openings = new Openings(options.isDisplay);
    this.pages = new Pages(Number(root.dataset.perPage));
    new ResizeObserver(() => this.arrange()).observe(this.#list);
    document.addEventListener("visibilitychange", () => this.#update());
    document.addEventListener("keydown", (event) => this.#onKey(event));
    window.addEventListener("pagehide", () => this.#tiles.forEach((tile) => tile.release()));
    window.addEventListener("pageshow", ({ persisted }) => persisted && this.#update());
  }

  /** The places in their order. */
  get elements() {
    return /** @type {HTMLElement[]} */ ([...this.#list.children]);
  }

  /** @param {HTMLElement[]} elements the places from now on */
  show(elements) {
    for (const gone of this.elements.filter((element) => !elements.includes(element))) {
      this.#tiles.get(gone)?.release();
      gone.remove();
    }
    elements.forEach((element, index) => {
      const present = this.#list.children[index] ?? null;
      if (present !== element) this.#list.insertBefore(element, present);
    });
    this.arrange();
  }

  /** Fits the tiles to the screen. */
  arrange() {
    const { clientWidth: width, clientHeight: height, style } = this.#list;
    const elements = this.elements;
    this.pages.arrange(elements.map(sizeOf), { width, height });
    elements.forEach((element, index) => (element.hidden = !this.pages.includes(index)));
    const shown = this.#shown;
    this.#options.onPage(this.pages);
    if (!shown.length) return;
    const fitting = layout(shown.map(sizeOf), { width, height });
    style.gap = `${GAP}px`;
    style.gridTemplateColumns = `repeat(${fitting.columns}, ${fitting.width}px)`;
    style.gridAutoRows = `${fitting.height}px`;
    shown.forEach((element, index) => {
      const { row, column } = fitting.places[index];
      const span = `span ${sizeOf(element)}`;
      element.style.gridArea = `${row + 1} / ${column + 1} / ${span} / ${span}`;
    });
    this.#update();
  }

  /** @param {number} pages */
  turn(pages) {
    this.pages.turn(pages);
    this.arrange();
  }

  /** The next page, if nobody is busy with this one. Its tiles need the slots of this one at once. */
  cycle() {
    if (this.#enlarged || this.isArranging || this.pages.count < 2 || !this.#isVisible) return;
    this.turn(1);
    for (const [element, tile] of this.#tiles) if (element.hidden) tile.release();
  }

  /** Opens again what has ended for good: its reason may be over. */
  revive() {
    for (const element of this.#shown) this.#tiles.get(element)?.revive();
  }

  /** @returns {boolean} whether a tile was enlarged */
  shrink() {
    const wasEnlarged = this.#enlarged !== null;
    this.#enlarge(null);
    return wasEnlarged;
  }

  /** The places of the page. */
  get #shown() {
    return this.elements.filter((element) => !element.hidden);
  }

  get #isVisible() {
    const { isDisplay } = this.#options;
    return isDisplay || document.visibilityState === "visible" || document.pictureInPictureElement !== null;
  }

  /** Opens the tiles in view, in their order. */
  #update() {
    for (const element of this.elements) {
      const inView = this.#isVisible && (this.#enlarged ? element === this.#enlarged : !element.hidden);
      if (inView) this.#tileOf(element)?.setInView(true);
      else this.#tiles.get(element)?.setInView(false);
    }
  }

  /** @param {HTMLElement} element @returns {Tile | undefined} none: the place is empty */
  #tileOf(element) {
    const made = this.#tiles.get(element);
    if (made || "gap" in element.dataset) return made;
    element.append(document.importNode(this.#template.content, true));
    const tile = new Tile(element, this.#openings, { enlarge: () => this.#enlarge(element), shrink: () => this.#enlarge(null) });
    this.#tiles.set(element, tile);
    return tile;
  }

  /** @param {HTMLElement | null} element null: back to all */
  #enlarge(element) {
    const before = this.#enlarged;
    if (element === before) return;
    this.#enlarged = element;
    this.#list.toggleAttribute("data-enlarged", element !== null);
    if (before) this.#tileOf(before)?.setEnlarged(false);
    if (element) this.#tileOf(element)?.setEnlarged(true);
    else if (before) this.#tileOf(before)?.focus();
    this.#update();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const { key, target } = event;
    const isElsewhere = target instanceof Element && target.closest("dialog[open]") !== null;
    if (this.isArranging || isElsewhere || event.ctrlKey || event.metaKey || event.altKey || target instanceof HTMLSelectElement) return;
    if (event.repeat && !ARROWS[key]) return;
    if (this.#handleKey(key)) event.preventDefault();
  }

  /** @param {string} key @returns {boolean} whether the key has a meaning here */
  #handleKey(key) {
    const picked = /^[1-9]$/.test(key) && this.#shown[Number(key) - 1];
    if (picked) this.#enlarge("gap" in picked.dataset ? null : picked);
    else if (key === "Escape") return this.shrink() || Boolean(this.#options.fullScreen?.leave());
    else if (this.#enlarged) return Boolean(this.#tileOf(this.#enlarged)?.handleKey(key.toLowerCase()));
    else if (key.toLowerCase() === "f") this.#options.fullScreen?.toggle();
    else return this.#move(...(ARROWS[key] ?? [0, 0]));
    return true;
  }

  /** Moves the focus. @param {number} columns @param {number} rows */
  #move(columns, rows) {
    if (!columns && !rows) return false;
    const tiles = this.#shown.filter((element) => this.#tiles.has(element));
    const focused = tiles.findIndex((element) => this.#tiles.get(element)?.isFocused);
    const next = focused < 0 ? tiles[0] : rows ? nextInColumn(tiles, tiles[focused], rows) : tiles[focused + columns];
    if (next) this.#tiles.get(next)?.focus();
    return true;
  }
}

/** @param {HTMLElement} element of a place @returns {number} cells in each direction */
export function sizeOf({ dataset }) {
  return Number(dataset.size);
}

/**
 * The nearest of `tiles` above or below.
 * @param {HTMLElement[]} tiles
 * @param {HTMLElement} from
 * @param {number} rows -1: above, 1: below
 */
function nextInColumn(tiles, from, rows) {
  const here = from.getBoundingClientRect();
  const distance = (/** @type {HTMLElement} */ tile) => {
    const { left, top, bottom } = tile.getBoundingClientRect();
    const along = rows > 0 ? top - here.bottom : here.top - bottom;
    return along < 0 ? Infinity : along * 10 + Math.abs(left - here.left);
  };
  const nearest = tiles.reduce((best, tile) => (distance(tile) < distance(best) ? tile : best), from);
  return nearest === from ? undefined : nearest;
}
