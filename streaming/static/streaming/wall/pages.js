import { find } from "../shared/find.js";
import { paginate } from "./layout.js";

/** @import { Size } from "./layout.js" */

/** The pages of a wall with more tiles than fit on the screen. */
export class Pages {
  #perPage;
  #count = 0; // tiles
  #starts = [0]; // index of the first tile of each page
  #first = 0; // index of the first tile of the present page

  /** @param {number} perPage tiles at most; 0: as many as fit */
  constructor(perPage) {
    this.#perPage = perPage;
  }

  get count() {
    return this.#starts.length;
  }

  /** The present page, from 0. */
  get number() {
    return this.#starts.findLastIndex((start) => start <= this.#first);
  }

  /** @param {number} index of a tile @returns {boolean} whether it is on the present page */
  includes(index) {
    const start = this.#starts[this.number];
    return index >= start && index < (this.#starts[this.number + 1] ?? this.#count);
  }

  /** The page with the first tile of the present page becomes the present one. @param {number[]} sizes @param {Size} area */
  arrange(sizes, area) {
    this.#count = sizes.length;
    this.#starts = paginate(sizes, area, this.#perPage);
    this.#first = this.#starts[this.number];
  }

  /** @param {number} pages forward; after the last page comes the first */
  turn(pages) {
    this.#first = this.#starts.at((this.number + pages) % this.count) ?? 0;
  }

  /** @param {number} index of a tile: its page becomes the present one */
  show(index) {
    this.#first = index;
  }
}

/** The buttons that turn pages. */
export class PageBar {
  #element;
  #previous;
  #next;
  #text;

  /**
   * @param {HTMLElement} element with the buttons and the text
   * @param {(pages: number) => void} onTurn
   */
  constructor(element, onTurn) {
    this.#element = element;
    this.#previous = find(element, "[data-previous]", HTMLButtonElement);
    this.#next = find(element, "[data-next]", HTMLButtonElement);
    this.#text = find(element, "[data-page]", HTMLElement);
    this.#previous.addEventListener("click", () => onTurn(-1));
    this.#next.addEventListener("click", () => onTurn(1));
  }

  /** @param {Pages} pages */
  show({ number, count }) {
    this.#element.hidden = count < 2;
    this.#previous.disabled = number === 0;
    this.#next.disabled = number === count - 1;
    const text = `Page ${number + 1} of ${count}`;
    if (this.#text.textContent !== text) this.#text.textContent = text;
  }
}
