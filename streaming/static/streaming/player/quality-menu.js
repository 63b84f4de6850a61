import { AUTO, ORIGINAL, isChoice } from "./quality-choice.js";
import { keptWords } from "./texts.js";
import { find } from "../shared/find.js";
import { QUALITY_WORDS } from "../shared/format.js";
import { showToast } from "../shared/toast.js";

/** @import { Quality, Reason } from "../shared/protocol.js" */
/** @import { Choice } from "./quality-choice.js" */

const KEY = "nvr.quality";

/** The selector of qualities. Remembers the choice, and names the quality that Auto has chosen. */
export class QualityMenu {
  isTile = false;
  #select;

  /**
   * @param {HTMLSelectElement} select
   * @param {(choice: Choice) => void} onChoice
   */
  constructor(select, onChoice) {
    this.#select = select;
    select.value = remembered() ?? AUTO;
    select.addEventListener("change", () => {
      remember(this.choice);
      onChoice(this.choice);
    });
  }

  /** @returns {Choice} a tile of a wall needs no more than low */
  get choice() {
    return this.isTile ? "low" : /** @type {Choice} */ (this.#select.value); // its options have no other values
  }

  /** @param {Choice} choice as if the user had chosen it here */
  choose(choice) {
    this.#select.value = choice;
    this.#select.dispatchEvent(new Event("change"));
  }

  /**
   * The server has no room for another quality. Auto tries again later, without a message. A user who chose the quality
   * gets one, and the choice stays remembered.
   * @param {Quality} quality the present one
   * @param {Reason} reason
   */
  keep(quality, reason) {
    if (this.choice === AUTO) return;
    this.#select.value = quality;
    showToast(`Quality stays ${QUALITY_WORDS[quality]}`, keptWords(reason));
  }

  /** @param {string} text why `original` is not the camera's own video; empty: it may be */
  explainOriginal(text) {
    this.#option(ORIGINAL).title = text;
  }

  /** @param {Quality | null} quality the one that the server sends */
  showQuality(quality) {
    const auto = this.#option(AUTO);
    const words = quality && this.choice === AUTO ? `Auto (${QUALITY_WORDS[quality]})` : "Auto";
    if (auto.textContent !== words) auto.textContent = words;
  }

  /** @param {Choice} choice */
  #option(choice) {
    return find(this.#select, `[value=${choice}]`, HTMLOptionElement);
  }
}

/** @returns {Choice | null} */
function remembered() {
  try {
    const choice = localStorage.getItem(KEY);
    return isChoice(choice) ? choice : null;
  } catch {
    return null; // storage is disabled
  }
}

/** @param {Choice} choice */
function remember(choice) {
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // Storage is disabled or full: the choice lasts as long as the page.
  }
}
