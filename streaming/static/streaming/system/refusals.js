import { reasonWords } from "./chart-data.js";
import { ask } from "../shared/http.js";
import { isOff, moment, place, say, showTable, turnOff } from "./dom.js";
import { QUALITY_WORDS } from "../shared/format.js";

/** @import { Quality } from "../shared/protocol.js" */

/**
 * @typedef {object} Refusal
 * @property {string} id
 * @property {number} time Unix milliseconds
 * @property {string} user
 * @property {string} camera
 * @property {string} address
 * @property {Quality} quality
 * @property {string} reason
 * @property {number | null} in_use
 * @property {number | null} limit
 * @property {boolean} dry_run
 */

/** @typedef {{refusals: Refusal[], more: boolean}} RefusalsAnswer */

/** The refused viewers, the newest first. *More* adds older ones. A refresh removes none of them. */
export class Refusals {
  #url;
  /** @type {Map<string, Refusal>} by id */
  #known = new Map();
  #more = false;

  /** @param {string} url */
  constructor(url) {
    this.#url = url;
    place("more").addEventListener("click", () => isOff(place("more")) || this.#showMore());
  }

  async refresh() {
    /** @type {RefusalsAnswer} */
    const { refusals, more } = await ask(this.#url);
    const follows = refusals.some(({ id }) => this.#known.has(id));
    if (!follows) {
      // This is the first answer, or there is a gap after the last one.
      this.#known.clear();
      this.#more = more;
    }
    this.#add(refusals);
  }

  async #showMore() {
    const oldest = Math.min(...[...this.#known.values()].map(({ time }) => time));
    turnOff(place("more"), true);
    // Asks for one millisecond twice, so that none is missed: the id tells known ones.
    /** @type {RefusalsAnswer | null} */
    const answer = await ask(this.#url, { before: oldest + 1 }).catch(() => null);
    turnOff(place("more"), false);
    if (!answer) return;
    this.#more = answer.more;
    this.#add(answer.refusals);
  }

  /** @param {Refusal[]} refusals */
  #add(refusals) {
    for (const refusal of refusals) this.#known.set(refusal.id, refusal);
    const rows = [...this.#known.values()].sort((one, other) => other.time - one.time);
    showTable("refusals", rows, refusalWords);
    say(place("refusals-count"), rows.length ? `${rows.length} shown` : "");
    if (!this.#more && place("more") === document.activeElement) place("refusals-count").focus();
    place("more").hidden = !this.#more;
  }
}

/** @param {Refusal} refusal */
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
