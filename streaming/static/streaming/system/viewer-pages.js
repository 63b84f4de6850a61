import { isOff, place, placeOf, say, turnOff } from "./dom.js";

/** @import { Usage } from "./usage.js" */

/**
 * @param {number} from viewers before the page
 * @param {number} shown
 * @param {number} count of all viewers
 */
export function pageWords(from, shown, count) {
  return `${from + 1} to ${from + shown} of ${count}`;
}

/**
 * The number of viewers before the page that is to be shown: the last page if viewers have left.
 * @param {number} from the number that is wanted
 * @param {number} limit of a page
 * @param {number} count of all viewers
 */
export function pageStart(from, limit, count) {
  return Math.max(0, Math.min(from, Math.floor((count - 1) / limit) * limit));
}

/** Turns the pages of the table of viewers. */
export class ViewerPages {
  from = 0;
  #limit = 1;
  #count = 0;

  /** @param {() => Promise<void>} refresh asks for the page that begins at `from` */
  constructor(refresh) {
    this.#offer("viewers-previous", -1, refresh);
    this.#offer("viewers-next", 1, refresh);
  }

  /**
   * @param {string} name of a button
   * @param {number} pages by which it turns
   * @param {() => Promise<void>} refresh
   */
  #offer(name, pages, refresh) {
    const button = placeOf(name, HTMLButtonElement);
    button.addEventListener("click", () => {
      if (isOff(button)) return;
      this.from = pageStart(this.from + pages * this.#limit, this.#limit, this.#count);
      void refresh();
    });
  }

  /** @param {Usage} usage */
  show({ viewers, viewers_count: count, viewers_limit: limit }) {
    this.#count = count;
    this.#limit = limit;
    place("viewers-pages").hidden = count <= limit;
    say(place("viewers-shown"), pageWords(this.from, viewers.length, count));
    turnOff(placeOf("viewers-previous", HTMLButtonElement), this.from === 0);
    turnOff(placeOf("viewers-next", HTMLButtonElement), this.from + viewers.length >= count);
    this.from = pageStart(this.from, limit, count);
  }
}
