import { NEEDS_HTTPS, figureWords } from "./texts.js";

/** The figures of a viewing, over its picture; silent for screen readers unless they go there. */
export class FiguresPanel {
  #panel;
  #button;
  #rows;
  #hint;

  /**
   * @param {HTMLElement} panel
   * @param {HTMLButtonElement} button shows and hides it
   */
  constructor(panel, button) {
    this.#panel = panel;
    this.#button = button;
    this.#rows = panel.querySelector("dl");
    this.#hint = panel.querySelector("p");
    if (!window.isSecureContext) this.#hint.textContent = NEEDS_HTTPS;
  }

  toggle() {
    this.#panel.hidden = !this.#panel.hidden;
    this.#button.setAttribute("aria-pressed", String(!this.#panel.hidden));
  }

  clear() {
    this.#rows.replaceChildren();
  }

  /**
   * @param {import("../engine/viewer.js").Viewer} viewer
   * @param {HTMLCanvasElement} canvas
   * @param {{inUse: number | null, limit: number | null}} gate
   */
  render({ figures }, { width, height }, gate) {
    if (this.#panel.hidden) return;
    const words = figureWords(figures.read(), { format: figures.format, width, height, gate });
    const parts = words.flatMap(([name, value]) => [element("dt", name), element("dd", value)]);
    this.#rows.replaceChildren(...parts);
  }
}

function element(tag, text) {
  const created = document.createElement(tag);
  created.textContent = text;
  return created;
}
