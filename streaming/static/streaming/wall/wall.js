/** The page of all cameras at once. */

import { Openings } from "../engine/openings.js";
import { FullScreen } from "../player/full-screen.js";
import { find } from "../shared/find.js";
import { GAP, capacity, layout } from "./layout.js";
import { Pages } from "./pages.js";
import { Tile } from "./tile.js";

/** Columns and rows to move by. @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Shows as many tiles as fit on the screen, or one of them enlarged. Opens those in view, and releases the others. */
class Wall {
  #list;
  #elements;
  #template;
  #pages;
  #fullScreen;
  #openings = new Openings();
  /** @type {Map<HTMLElement, Tile>} those that were in view */
  #tiles = new Map();
  #columns = 1;
  /** @type {HTMLElement | null} */
  #enlarged = null;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#list = find(root, ".tiles", HTMLElement);
    this.#elements = [...this.#list.children].filter((element) => element instanceof HTMLElement);
    this.#template = find(root, "template", HTMLTemplateElement);
    this.#pages = new Pages(find(root, "[data-pages]", HTMLElement), () => this.#arrange());
    this.#fullScreen = new FullScreen(root, find(root, "[data-full-screen]", HTMLButtonElement));
    new ResizeObserver(() => this.#arrange()).observe(this.#list);
    document.addEventListener("visibilitychange", () => this.#update());
    document.addEventListener("keydown", (event) => this.#onKey(event));
    window.addEventListener("pagehide", () => this.#tiles.forEach((tile) => tile.release()));
    window.addEventListener("pageshow", ({ persisted }) => persisted && this.#update());
  }

  /** The tiles of the page. */
  get #shown() {
    return this.#elements.filter((element) => !element.hidden).map((element) => this.#tileOf(element));
  }

  /** Fits the tiles to the screen. */
  #arrange() {
    const { clientWidth: width, clientHeight: height } = this.#list;
    const area = { width, height };
    this.#pages.arrange(this.#elements.length, capacity(this.#elements.length, area));
    const fitting = layout(this.#pages.length, area);
    this.#columns = fitting.columns;
    const { style } = this.#list;
    style.gap = `${GAP}px`;
    style.gridTemplateColumns = `repeat(${fitting.columns}, ${fitting.width}px)`;
    style.gridAutoRows = `${fitting.height}px`;
    this.#elements.forEach((element, index) => (element.hidden = !this.#pages.includes(index)));
    this.#update();
  }

  /** Opens the tiles in view, in their order. */
  #update() {
    const visible = document.visibilityState === "visible" || document.pictureInPictureElement !== null;
    for (const element of this.#elements) {
      const inView = visible && (this.#enlarged ? element === this.#enlarged : !element.hidden);
      if (inView) this.#tileOf(element).setInView(true);
      else this.#tiles.get(element)?.setInView(false);
    }
  }

  /** @param {HTMLElement} element */
  #tileOf(element) {
    const made = this.#tiles.get(element);
    if (made) return made;
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
    if (before) this.#tileOf(before).setEnlarged(false);
    if (element) this.#tileOf(element).setEnlarged(true);
    else if (before) this.#tileOf(before).focus();
    this.#update();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target instanceof HTMLSelectElement) return;
    if (event.repeat && !ARROWS[key]) return;
    if (this.#handleKey(key)) event.preventDefault();
  }

  /** @param {string} key @returns {boolean} whether the key has a meaning here */
  #handleKey(key) {
    const picked = /^[1-9]$/.test(key) && this.#elements.filter((element) => !element.hidden)[Number(key) - 1];
    if (picked) this.#enlarge(picked);
    else if (key === "Escape") return this.#goBack();
    else if (this.#enlarged) return this.#tileOf(this.#enlarged).handleKey(key.toLowerCase());
    else if (key.toLowerCase() === "f") this.#fullScreen.toggle();
    else return this.#move(...(ARROWS[key] ?? [0, 0]));
    return true;
  }

  #goBack() {
    if (!this.#enlarged) return this.#fullScreen.leave();
    this.#enlarge(null);
    return true;
  }

  /** Moves the focus. @param {number} columns @param {number} rows */
  #move(columns, rows) {
    if (!columns && !rows) return false;
    const tiles = this.#shown;
    const focused = tiles.findIndex((tile) => tile.isFocused);
    const next = focused < 0 ? 0 : focused + columns + rows * this.#columns;
    tiles[next]?.focus();
    return true;
  }
}

const root = document.querySelector("[data-wall]");
if (root instanceof HTMLElement) new Wall(root);
