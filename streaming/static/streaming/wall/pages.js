import { find } from "../shared/find.js";

/** The pages of a wall with more tiles than fit on the screen. */
export class Pages {
  #element;
  #previous;
  #next;
  #text;
  #count = 0; // tiles
  #size = 1; // tiles on a page
  #first = 0; // index of the first tile of the page

  /**
   * @param {HTMLElement} element with the buttons and the text
   * @param {() => void} onTurn
   */
  constructor(element, onTurn) {
    this.#element = element;
    this.#previous = find(element, "[data-previous]", HTMLButtonElement);
    this.#next = find(element, "[data-next]", HTMLButtonElement);
    this.#text = find(element, "[data-page]", HTMLElement);
    const turn = (/** @type {number} */ pages) => {
      this.#first += pages * this.#size;
      onTurn();
    };
    this.#previous.addEventListener("click", () => turn(-1));
    this.#next.addEventListener("click", () => turn(1));
  }

  /** @returns {number} how many tiles are on the page */
  get length() {
    return Math.min(this.#size, this.#count - this.#first);
  }

  /** @param {number} index of a tile */
  includes(index) {
    return index >= this.#first && index < this.#first + this.#size;
  }

  /**
   * The page with the first tile of the present page becomes the present one.
   * @param {number} count tiles
   * @param {number} size tiles on a page
   */
  arrange(count, size) {
    this.#count = count;
    this.#size = size;
    const page = Math.floor(this.#first / size);
    const pages = Math.ceil(count / size);
    this.#first = page * size;
    this.#element.hidden = pages < 2;
    this.#previous.disabled = page === 0;
    this.#next.disabled = page === pages - 1;
    const text = `Page ${page + 1} of ${pages}`;
    if (this.#text.textContent !== text) this.#text.textContent = text;
  }
}
