import { ask, order } from "../shared/http.js";
import { QUALITY_WORDS, duration } from "../shared/format.js";
import { reasonWords } from "./chart-data.js";
import { isOff, place, placeOf, say, showTable, turnOff } from "./dom.js";

/** @import { Reply } from "../shared/http.js" */
/** @import { Quality } from "../shared/protocol.js" */
/** @import { StopDialog } from "./stop-dialog.js" */

/** @typedef {{line: string, "line-front": string}} LineUrls */

/**
 * @typedef {object} Waiting a viewer in line
 * @property {string} id
 * @property {number} position 1 is next
 * @property {string} user
 * @property {string} camera
 * @property {Quality} quality
 * @property {number} since Unix milliseconds
 * @property {string} priority
 * @property {string} reason the limit that holds the viewer back
 */

/** @typedef {{time: number, line: Waiting[], count: number}} LineAnswer `count`: of all, `line`: the first of them */

/** @type {Record<string, string>} */
const PRIORITY_WORDS = { front: "Moved to front", operator: "Reserved group", ordinary: "Normal", background: "Background" };

/** The viewers that wait for a slot, in their order. There is only a sentence while nobody waits. */
export class WaitingLine {
  #urls;
  #token;
  /** @type {Waiting[]} */
  #line = [];

  /**
   * @param {LineUrls} urls
   * @param {string} token of CSRF
   * @param {StopDialog | null} dialog null: the user may not change the line
   */
  constructor(urls, token, dialog) {
    this.#urls = urls;
    this.#token = token;
    place("line").addEventListener("click", ({ target }) => {
      const button = target instanceof Element && target.closest("button");
      const id = button && button.closest("tr")?.dataset.id;
      const waiting = this.#line.find((entry) => entry.id === id);
      if (!button || !waiting || isOff(button)) return;
      if ("front" in button.dataset) void this.#moveToFront(waiting);
      else dialog?.askForWaiting(waiting, button, place("line-said"), () => this.refresh());
    });
  }

  async refresh() {
    this.#show(await ask(this.#urls.line));
  }

  /** @param {Waiting} waiting */
  async #moveToFront({ id, user }) {
    /** @type {Reply<LineAnswer>} */
    const { answer, errors } = await order(this.#urls["line-front"], { waiting: id }, this.#token);
    say(place("line-error"), errors ? Object.values(errors).flat().join(" ") : "");
    if (errors) return;
    this.#show(answer);
    say(place("line-said"), `${user} is next in line.`);
  }

  /** @param {LineAnswer} answer */
  #show({ time, line, count }) {
    this.#line = line;
    const focused = focusedIn(place("line-table"));
    showTable("line", line, (waiting) => waitingFields(waiting, time));
    place("line-table").hidden = !line.length;
    if (focused && !line.length) place("line-said").focus();
    else if (focused?.isConnected) focused.focus(); // its row may have been moved
    say(place("line-more"), count > line.length ? `And ${count - line.length} more.` : "");
    const buttons = placeOf("line", HTMLTableSectionElement).querySelectorAll("[data-front]");
    buttons.forEach((button, index) => turnOff(button, index === 0));
  }
}

/** @param {HTMLElement} element @returns {HTMLElement | null} */
function focusedIn(element) {
  const focused = document.activeElement;
  return focused instanceof HTMLElement && element.contains(focused) ? focused : null;
}

/** @param {Waiting} waiting @param {number} now Unix milliseconds */
export function waitingFields(waiting, now) {
  const since = new Date(waiting.since).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return {
    ...waiting,
    quality: QUALITY_WORDS[waiting.quality] ?? waiting.quality,
    since: `${duration(Math.max(0, now - waiting.since) / 1000)}, since ${since}`,
    priority: PRIORITY_WORDS[waiting.priority] ?? waiting.priority,
    reason: reasonWords(waiting.reason),
  };
}
