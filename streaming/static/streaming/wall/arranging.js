import { find } from "../shared/find.js";
import { makeDraggable } from "../shared/drag.js";
import { SaveDialog } from "./save-dialog.js";
import { sizeOf } from "./wall.js";

/** @import { Wall } from "./wall.js" */

const SIZES = [1, 2, 3, 4]; // cells in each direction
/** Places to move by. @type {Record<string, number>} */
const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

/** The mode in which the user chooses the cameras of a wall, their order and sizes. */
export class Arranging {
  #wall;
  #bar;
  #button;
  #cancelButton;
  #add;
  #moved;
  #template;
  #list;
  /** @type {[HTMLElement, string][]} the places and their sizes before */
  #before = [];

  /** @param {HTMLElement} root @param {Wall} wall */
  constructor(root, wall) {
    this.#wall = wall;
    this.#list = find(root, ".tiles", HTMLElement);
    this.#bar = find(root, "[data-arranging]", HTMLElement);
    this.#button = find(root, "[data-arrange]", HTMLButtonElement);
    this.#add = find(root, "[data-add]", HTMLSelectElement);
    this.#moved = find(root, "[data-moved]", HTMLElement);
    this.#template = find(root, "template[data-tile-tools]", HTMLTemplateElement);
    const dialog = new SaveDialog(find(root, "[data-saving]", HTMLDialogElement), root.dataset, () => this.#tiles);
    this.#button.addEventListener("click", () => this.#begin());
    this.#cancelButton = find(root, "[data-cancel]", HTMLButtonElement);
    this.#cancelButton.addEventListener("click", () => this.#cancel());
    find(root, "[data-save]", HTMLButtonElement).addEventListener("click", () => dialog.open());
    this.#add.addEventListener("change", () => this.#addChosen());
  }

  /** The wall as the server stores it. */
  get #tiles() {
    return this.#wall.elements.map((element) => ({ camera: element.dataset.camera, size: sizeOf(element) }));
  }

  #begin() {
    this.#wall.shrink();
    this.#before = this.#wall.elements.map((element) => [element, element.dataset.size ?? "1"]);
    this.#setActive(true);
    for (const element of this.#wall.elements) this.#equip(element);
    this.#offer();
    if (this.#add.disabled) this.#cancelButton.focus();
    else this.#add.focus();
  }

  #cancel() {
    for (const [element, size] of this.#before) element.dataset.size = size;
    this.#wall.show(this.#before.map(([element]) => element));
    for (const tools of this.#list.querySelectorAll(".tile-tools")) tools.remove();
    this.#setActive(false);
    this.#button.focus();
  }

  /** @param {boolean} isActive */
  #setActive(isActive) {
    this.#wall.isArranging = isActive;
    this.#list.classList.toggle("arranging", isActive);
    this.#bar.hidden = !isActive;
    this.#button.hidden = isActive;
  }

  /** Gives a place its buttons. @param {HTMLElement} element */
  #equip(element) {
    if (element.querySelector(".tile-tools")) return;
    element.append(document.importNode(this.#template.content, true));
    const tools = find(element, ".tile-tools", HTMLElement);
    const name = element.dataset.name || "Empty place";
    tools.setAttribute("aria-label", name);
    find(tools, ".tile-name", HTMLElement).textContent = name;
    /** @type {[string, string, () => void][]} */
    const actions = [
      ["earlier", `Move ${name} earlier`, () => this.#move(element, -1)],
      ["later", `Move ${name} later`, () => this.#move(element, 1)],
      ["resize", `Size of ${name}`, () => this.#resize(element)],
      ["remove", `Take ${name} off the wall`, () => this.#remove(element)],
    ];
    for (const [action, label, run] of actions) {
      const button = find(tools, `[data-${action}]`, HTMLButtonElement);
      button.setAttribute("aria-label", label);
      button.addEventListener("click", run);
    }
    tools.addEventListener("keydown", (event) => this.#onKey(event, element));
    makeDraggable(tools, element, (target) => this.#moveTo(element, this.#wall.elements.indexOf(target)));
    this.#showSize(element);
  }

  /** @param {KeyboardEvent} event @param {HTMLElement} element */
  #onKey(event, element) {
    const step = STEPS[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#move(element, step);
  }

  /** @param {HTMLElement} element @param {number} step */
  #move(element, step) {
    const to = this.#wall.elements.indexOf(element) + step;
    if (to >= 0 && to < this.#wall.elements.length) this.#moveTo(element, to);
  }

  /** @param {HTMLElement} element @param {number} to index */
  #moveTo(element, to) {
    const focused = document.activeElement;
    const others = this.#wall.elements.filter((one) => one !== element);
    others.splice(to, 0, element);
    this.#wall.pages.show(to);
    this.#wall.show(others);
    if (focused instanceof HTMLElement && element.contains(focused)) focused.focus();
    this.#moved.textContent = `${element.dataset.name || "Empty place"}: place ${to + 1} of ${others.length}`;
  }

  /** @param {HTMLElement} element */
  #resize(element) {
    element.dataset.size = String(SIZES[SIZES.indexOf(sizeOf(element)) + 1] ?? SIZES[0]);
    this.#showSize(element);
    this.#wall.arrange();
  }

  /** @param {HTMLElement} element */
  #showSize(element) {
    const size = sizeOf(element);
    const button = find(element, "[data-resize]", HTMLButtonElement);
    find(button, "span", HTMLElement).textContent = `${size}×`;
    button.setAttribute("aria-label", `Size of ${element.dataset.name || "the empty place"}: ${size}`);
  }

  /** @param {HTMLElement} element */
  #remove(element) {
    this.#wall.show(this.#wall.elements.filter((one) => one !== element));
    this.#offer();
    this.#add.focus();
  }

  #addChosen() {
    const [chosen] = this.#add.selectedOptions;
    if (!chosen?.value) return;
    const removed = this.#before.map(([element]) => element).find(({ dataset }) => dataset.camera === chosen.value);
    const element = removed ?? newPlace(chosen.value, chosen.text);
    this.#wall.pages.show(this.#wall.elements.length);
    this.#wall.show([...this.#wall.elements, element]);
    this.#equip(element);
    this.#offer();
    this.#moved.textContent = `${chosen.text}: place ${this.#wall.elements.length}`;
  }

  /** Offers the cameras that are not on the wall. */
  #offer() {
    const present = new Set(this.#wall.elements.map(({ dataset }) => dataset.camera));
    for (const option of this.#add.options) option.hidden = option.disabled = present.has(option.value);
    this.#add.value = "";
    this.#add.disabled = ![...this.#add.options].some(({ value, disabled }) => value && !disabled);
  }
}

/** @param {string} camera @param {string} name @returns {HTMLElement} */
function newPlace(camera, name) {
  const element = document.createElement("li");
  element.className = "tile";
  Object.assign(element.dataset, { camera, name, size: "1" });
  return element;
}
