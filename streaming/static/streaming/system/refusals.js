import { reasonWords } from "./chart-data.js";
import { ask } from "../shared/http.js";
import { isOff, moment, place, say, showTable, turnOff } from "./dom.js";
import { QUALITY_WORDS } from "../shared/format.js";

/** Who was refused, the newest first; *more* adds older ones, and none of both goes away by looking again. */
export class Refusals {
  #url;
  /** @type {Map<string, any>} */
  #known = new Map();
  #more = false;

  /** @param {string} url */
  constructor(url) {
    this.#url = url;
    place("more").addEventListener("click", () => isOff(place("more")) || this.#showMore());
  }

  async refresh() {
    const { refusals, more } = await ask(this.#url);
    const follows = refusals.some(({ id }) => this.#known.has(id));
    if (!follows) {
      // The first look, or so many since the last one that some between are not known.
      this.#known.clear();
      this.#more = more;
    }
    this.#add(refusals);
  }

  async #showMore() {
    const oldest = Math.min(...[...this.#known.values()].map(({ time }) => time));
    turnOff(place("more"), true);
    // One millisecond twice rather than not at all: what is known already is recognised by its id.
    const answer = await ask(this.#url, { before: oldest + 1 }).catch(() => null);
    turnOff(place("more"), false);
    if (!answer) return;
    this.#more = answer.more;
    this.#add(answer.refusals);
  }

  #add(refusals) {
    for (const refusal of refusals) this.#known.set(refusal.id, refusal);
    const rows = [...this.#known.values()].sort((one, other) => other.time - one.time);
    showTable("refusals", rows, refusalWords);
    say(place("refusals-count"), rows.length ? `${rows.length} shown` : "");
    if (!this.#more && place("more") === document.activeElement) place("refusals-count").focus();
    place("more").hidden = !this.#more;
  }
}

function refusalWords(refusal) {
  const known = refusal.in_use !== null && refusal.limit !== null;
  return {
    ...refusal,
    time: moment(refusal.time, true),
    quality: QUALITY_WORDS[refusal.quality] ?? refusal.quality,
    reason: reasonWords(refusal.reason),
    used: known ? `${refusal.in_use} of ${refusal.limit}` : "–",
    trial: refusal.dry_run ? "Dry run" : "",
  };
}
