import { find } from "../shared/find.js";
import { figureWords } from "./texts.js";

/** @import { Figures } from "../engine/figures.js" */
/** @import { SlotsInUse } from "../engine/viewer.js" */

/** @typedef {{figures: Figures, gate: SlotsInUse, width: number, height: number, note: string}} Facts `width`, `height`: of the picture */

/** The figures of a viewing, over its picture. Screen readers read it only when the user goes there. */
export class FiguresPanel {
  #panel;
  #button;
  #rows;
  #note;
  #read;

  /**
   * @param {HTMLElement} panel
   * @param {HTMLButtonElement} button shows and hides the panel
   * @param {() => Facts | null} read null: there is no viewing
   */
  constructor(panel, button, read) {
    this.#panel = panel;
    this.#button = button;
    this.#read = read;
    this.#rows = find(panel, "dl", HTMLDListElement);
    this.#note = find(panel, "p", HTMLElement);
    button.addEventListener("click", () => this.toggle());
  }

  toggle() {
    this.#panel.hidden = !this.#panel.hidden;
    this.#button.setAttribute("aria-pressed", String(!this.#panel.hidden));
    this.render();
  }

  clear() {
    this.#rows.replaceChildren();
  }

  render() {
    const facts = this.#panel.hidden ? null : this.#read();
    if (!facts) return;
    const { figures, note, ...others } = facts;
    if (this.#note.textContent !== note) this.#note.textContent = note;
    const words = figureWords(figures.read(), { format: figures.format, ...others });
    const parts = words.flatMap(([name, value]) => [element("dt", name), element("dd", value)]);
    this.#rows.replaceChildren(...parts);
  }
}

/** @param {"dt" | "dd"} tag @param {string} text */
function element(tag, text) {
  const created = document.createElement(tag);
  created.textContent = text;
  return created;
}
