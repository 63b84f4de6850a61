import { ask, order } from "../shared/http.js";
import { place, placeOf, say, showTable } from "./dom.js";
import { find } from "../shared/find.js";
import { duration } from "../shared/format.js";

/** @import { Reply } from "../shared/http.js" */

/** @typedef {{id: string, user: string, message: string, by: string, seconds_left: number}} Block `id`: of the user */
/** @typedef {{blocks: Block[]}} BlocksAnswer */

/** The table of blocked users, each with a button that unblocks them. It is hidden while nobody is blocked. */
export class Blocks {
  #url;
  #token;

  /** @param {string} url @param {string} token of CSRF */
  constructor(url, token) {
    this.#url = url;
    this.#token = token;
    place("blocks").addEventListener("click", (event) => {
      const row = event.target instanceof Element && event.target.closest("[data-unblock]")?.closest("tr");
      if (row) this.#unblock(row.dataset.id ?? "", find(row, "[data-field=user]", HTMLElement).textContent);
    });
  }

  async refresh() {
    this.#show(await ask(this.#url));
  }

  /** @param {string} id @param {string} user */
  async #unblock(id, user) {
    /** @type {Reply<BlocksAnswer>} */
    const { answer, errors } = await order(this.#url, { user: id }, this.#token);
    say(place("blocks-error"), errors ? Object.values(errors).flat().join(" ") : "");
    if (errors) return;
    this.#show(answer);
    say(place("blocked-said"), `${user} can watch again.`);
  }

  /** @param {BlocksAnswer} answer */
  #show({ blocks }) {
    const body = placeOf("blocks", HTMLTableSectionElement);
    const index = [...body.rows].findIndex((row) => row.contains(document.activeElement));
    const focused = body.rows[index];
    showTable("blocks", blocks, (block) => ({ ...block, left: duration(block.seconds_left) }));
    // If the focused row is gone, the focus goes to the next one.
    if (focused && !focused.isConnected) {
      const next = body.rows[Math.min(index, body.rows.length - 1)]?.querySelector("button");
      (next ?? place("blocked-said")).focus();
    }
    place("blocked").hidden = !blocks.length;
  }
}
