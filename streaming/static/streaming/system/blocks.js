import { ask, order } from "../shared/http.js";
import { place, say, showTable } from "./dom.js";
import { duration } from "../shared/format.js";

/** The table of blocked users, each with a button that unblocks them. It is hidden while nobody is blocked. */
export class Blocks {
  #url;
  #token;

  /** @param {string} url @param {string} token of CSRF */
  constructor(url, token) {
    this.#url = url;
    this.#token = token;
    place("blocks").addEventListener("click", (event) => {
      const row = event.target.closest("[data-unblock]")?.closest("tr");
      if (row) this.#unblock(row.dataset.id, row.querySelector("[data-field=user]").textContent);
    });
  }

  async refresh() {
    this.#show(await ask(this.#url));
  }

  async #unblock(id, user) {
    const { answer, errors } = await order(this.#url, { user: id }, this.#token);
    say(place("blocks-error"), errors ? Object.values(errors).flat().join(" ") : "");
    if (errors) return;
    this.#show(answer);
    say(place("blocked-said"), `${user} can watch again.`);
  }

  #show({ blocks }) {
    const body = place("blocks");
    const index = [...body.rows].findIndex((row) => row.contains(document.activeElement));
    const focused = body.rows[index];
    showTable("blocks", blocks, (block) => ({ ...block, left: duration(block.seconds_left) }));
    // The focus goes to who comes next when its own row has gone.
    if (focused && !focused.isConnected) {
      const next = body.rows[Math.min(index, body.rows.length - 1)]?.querySelector("button");
      (next ?? place("blocked-said")).focus();
    }
    place("blocked").hidden = !blocks.length;
  }
}
