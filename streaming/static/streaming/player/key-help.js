import { find } from "../shared/find.js";

/** The list of keyboard shortcuts: a button and the key `?` open it, and `?`, Escape or a click beside it close it. */
export class KeyHelp {
  #dialog;
  #isOffered;

  /**
   * @param {HTMLElement} button
   * @param {() => boolean} isOffered whether the shortcuts work now
   */
  constructor(button, isOffered) {
    this.#dialog = find(document, "dialog[data-keys]", HTMLDialogElement);
    this.#isOffered = isOffered;
    button.addEventListener("click", () => this.#dialog.showModal());
    find(this.#dialog, "[data-close-keys]", HTMLElement).addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("click", ({ target }) => target === this.#dialog && this.#dialog.close());
    document.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** @param {KeyboardEvent} event */
  #onKey({ key, target, ctrlKey, metaKey, altKey }) {
    const types = target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
    if (key !== "?" || types || ctrlKey || metaKey || altKey) return;
    if (this.#dialog.open) this.#dialog.close();
    else if (this.#isOffered()) this.#dialog.showModal();
  }
}
