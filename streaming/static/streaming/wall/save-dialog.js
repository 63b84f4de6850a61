import { find } from "../shared/find.js";
import { change } from "../shared/http.js";

/** @import { Errors } from "../shared/http.js" */

const WALLS = "/api/v1/walls";

/** Asks for the name and the pages of a wall, and saves it. */
export class SaveDialog {
  #dialog;
  #form;
  #problem;
  #tiles;
  #csrf;
  #url;

  /**
   * @param {HTMLDialogElement} dialog
   * @param {DOMStringMap} wall `slug`: empty for a new wall; `csrf`
   * @param {() => object[]} tiles what is on the wall now
   */
  constructor(dialog, { slug, csrf = "" }, tiles) {
    this.#dialog = dialog;
    this.#form = find(dialog, "form", HTMLFormElement);
    this.#problem = find(dialog, "[data-problem]", HTMLElement);
    this.#tiles = tiles;
    this.#csrf = csrf;
    this.#url = slug ? `${WALLS}/${slug}` : null;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
    find(dialog, "[data-close]", HTMLButtonElement).addEventListener("click", () => dialog.close());
    dialog.querySelector("[data-delete]")?.addEventListener("click", () => this.#delete());
  }

  open() {
    this.#show(null);
    this.#dialog.showModal();
  }

  async #save() {
    const fields = new FormData(this.#form);
    const body = {
      name: String(fields.get("name")),
      tiles: this.#tiles(),
      per_page: Number(fields.get("per_page")),
      cycle_seconds: Number(fields.get("cycle_seconds")),
      shared: fields.has("shared"),
    };
    /** @type {import("../shared/http.js").Reply<{slug: string} | null>} */
    const { answer, errors } = await change(this.#url ? "PUT" : "POST", this.#url ?? WALLS, body, this.#csrf);
    this.#show(errors);
    if (answer) location.assign(`/wall/${answer.slug}/`);
  }

  async #delete() {
    if (!this.#url || !window.confirm("Delete this wall? Its displays end too.")) return;
    const { errors } = await change("DELETE", this.#url, null, this.#csrf);
    this.#show(errors);
    if (!errors) location.assign("/wall/");
  }

  /** @param {Errors | null} errors */
  #show(errors) {
    const texts = Object.entries(errors ?? {}).map(([field, said]) => `${field === "__all__" ? "" : `${field}: `}${said.join(" ")}`);
    this.#problem.textContent = texts.join(" ");
    this.#problem.hidden = !texts.length;
  }
}
