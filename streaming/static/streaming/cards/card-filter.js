import { find } from "../shared/find.js";

/** @import { Camera } from "../shared/protocol.js" */

/** @typedef {{id: number, name: string, cameras: string[]}} Group of cameras, by id */

/** Shows the cards whose names match the search, and which are in the chosen group. Both are kept in the page's address. */
export class CardFilter {
  #search;
  #group;
  #nothing;
  #announcer;
  #groups;
  #cards;

  /**
   * @param {HTMLElement} tools
   * @param {readonly HTMLElement[]} cards
   * @param {Group[]} groups
   */
  constructor(tools, cards, groups) {
    this.#search = find(tools, "[data-search]", HTMLInputElement);
    this.#group = find(tools, "[data-group]", HTMLSelectElement);
    this.#announcer = find(tools, "[data-announcer]", HTMLElement);
    this.#nothing = find(document, "[data-no-match]", HTMLElement);
    this.#groups = new Map(groups.map(({ id, cameras }) => [String(id), new Set(cameras)]));
    this.#cards = cards;
    const query = new URLSearchParams(location.search);
    this.#search.value = query.get("search") ?? "";
    this.#group.value = this.#groups.has(query.get("group") ?? "") ? (query.get("group") ?? "") : "";
    this.#search.addEventListener("input", () => this.#onInput());
    this.#group.addEventListener("change", () => this.#onInput());
    find(this.#nothing, "button", HTMLButtonElement).addEventListener("click", () => this.#reset());
    this.#apply();
  }

  #onInput() {
    const shown = this.#apply();
    this.#announcer.textContent = shown === 1 ? "1 camera" : `${shown} cameras`;
    const chosen = { search: this.#search.value.trim(), group: this.#group.value };
    const query = new URLSearchParams(Object.entries(chosen).filter(([, value]) => value));
    history.replaceState(history.state, "", location.pathname + (query.size ? `?${query}` : "") + location.hash);
  }

  #reset() {
    this.#search.value = this.#group.value = "";
    this.#onInput();
    this.#search.focus();
  }

  /** @returns {number} how many cards are shown */
  #apply() {
    const members = this.#groups.get(this.#group.value);
    let shown = 0;
    for (const card of this.#cards) {
      const { camera = "", name = "" } = card.dataset;
      card.hidden = !(matches(name, this.#search.value) && (!members || members.has(camera)));
      if (!card.hidden) shown += 1;
    }
    this.#nothing.hidden = shown > 0;
    return shown;
  }
}

/**
 * Returns whether a name has all words that are searched for, in any order, without regard to case and accents.
 * @param {string} name
 * @param {string} search
 */
export function matches(name, search) {
  const plain = simplify(name);
  return simplify(search)
    .split(/\s+/)
    .every((word) => plain.includes(word));
}

/** @param {string} text */
function simplify(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();
}
