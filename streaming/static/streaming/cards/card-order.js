import { makeDraggable } from "../shared/drag.js";
import { find } from "../shared/find.js";
import { order } from "../shared/http.js";
import { showToast } from "../shared/toast.js";

/** Places to move by. @type {Record<string, number>} */
const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity };
const EDGE = 60; // pixels from the edge of the screen within which a dragged card scrolls the page
const SCROLL = 15; // pixels

/** The user's own order of the cards: they are dragged, or moved by keys, and each move is saved. */
export class CardOrder {
  #tools;
  #list;
  #button;
  #byName;
  #announcer;
  #hint;
  #template;
  #isSaving = false;
  /** @type {string | null} ids that wait to be saved, because the last ones are still on their way */
  #unsaved = null;

  /** @param {HTMLElement} tools with the path to save at, and the token of CSRF @param {HTMLElement} list of the cards */
  constructor(tools, list) {
    this.#tools = tools;
    this.#list = list;
    this.#button = find(tools, "[data-arrange]", HTMLButtonElement);
    this.#byName = find(tools, "[data-by-name]", HTMLButtonElement);
    this.#announcer = find(tools, "[data-announcer]", HTMLElement);
    this.#hint = find(tools, "[data-hint]", HTMLElement);
    this.#template = find(document, "template[data-card-handle]", HTMLTemplateElement);
    this.#button.addEventListener("click", () => this.#setActive(!this.#isActive));
    this.#byName.addEventListener("click", () => this.#sortByName());
  }

  get #isActive() {
    return this.#list.hasAttribute("data-arranging");
  }

  /** All cards, those that the filter hides as well. */
  get #cards() {
    return [...this.#list.children].filter((card) => card instanceof HTMLElement);
  }

  /** @param {boolean} isActive */
  #setActive(isActive) {
    this.#list.toggleAttribute("data-arranging", isActive);
    this.#button.textContent = isActive ? "Done" : "Arrange";
    this.#byName.hidden = this.#hint.hidden = !isActive;
    for (const card of this.#cards) {
      if (isActive) this.#equip(card);
      else card.querySelector(".card-handle")?.remove();
    }
  }

  /** @param {HTMLElement} card */
  #equip(card) {
    card.append(document.importNode(this.#template.content, true));
    const handle = find(card, ".card-handle", HTMLElement);
    handle.setAttribute("aria-label", `Move ${card.dataset.name}`);
    handle.addEventListener("keydown", (event) => this.#onKey(event, card));
    makeDraggable(handle, card, (target) => this.#moveTo(card, target));
    handle.addEventListener("pointermove", (event) => handle.hasPointerCapture(event.pointerId) && scrollAtEdge(event.clientY));
    handle.addEventListener("lostpointercapture", () => this.#save());
  }

  /** @param {KeyboardEvent} event @param {HTMLElement} card */
  #onKey(event, card) {
    const step = STEPS[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const shown = this.#cards.filter(({ hidden }) => !hidden);
    const target = shown[Math.max(0, Math.min(shown.length - 1, shown.indexOf(card) + step))];
    if (target === card) return;
    this.#moveTo(card, target);
    card.scrollIntoView({ block: "nearest" });
    this.#save();
  }

  /**
   * The others move around the card: it would lose the pointer and the focus if it were moved itself.
   * @param {HTMLElement} card
   * @param {HTMLElement} target whose place the card gets
   */
  #moveTo(card, target) {
    const cards = this.#cards;
    const [from, to] = [cards.indexOf(card), cards.indexOf(target)];
    if (from < to) card.before(...cards.slice(from + 1, to + 1));
    else card.after(...cards.slice(to, from));
    this.#announcer.textContent = `${card.dataset.name}: place ${to + 1} of ${cards.length}`;
  }

  #sortByName() {
    const compare = new Intl.Collator(undefined, { numeric: true }).compare;
    this.#list.append(...this.#cards.sort((a, b) => compare(a.dataset.name ?? "", b.dataset.name ?? "")));
    this.#announcer.textContent = "The cameras are in the order of their names";
    this.#send("");
  }

  #save() {
    this.#send(this.#cards.map(({ dataset }) => dataset.camera).join(","));
  }

  /**
   * One request at a time: they could overtake each other.
   * @param {string} cameras ids
   */
  async #send(cameras) {
    this.#unsaved = cameras;
    if (this.#isSaving) return;
    this.#isSaving = true;
    const { orderPath = "", csrf = "" } = this.#tools.dataset;
    while (this.#unsaved !== null) {
      const fields = { cameras: this.#unsaved };
      this.#unsaved = null;
      const { errors } = await order(orderPath, fields, csrf);
      if (errors) showToast("The order was not saved.", Object.values(errors).flat().join(" "));
    }
    this.#isSaving = false;
  }
}

/** @param {number} y pixels from the top of the screen */
function scrollAtEdge(y) {
  if (y < EDGE) window.scrollBy(0, -SCROLL);
  else if (y > window.innerHeight - EDGE) window.scrollBy(0, SCROLL);
}
