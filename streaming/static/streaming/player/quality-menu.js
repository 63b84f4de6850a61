import { AUTO, ORIGINAL, SUB, TILE, isChoice } from "./quality-choice.js";
import { keptWords } from "./texts.js";
import { find } from "../shared/find.js";
import { QUALITY_WORDS } from "../shared/format.js";
import { QUALITIES } from "../shared/protocol.js";
import { showToast } from "../shared/toast.js";

/** @import { Quality, Reason } from "../shared/protocol.js" */
/** @import { Choice } from "./quality-choice.js" */
/** @import { Viewing } from "./viewing.js" */

const KEY = "nvr.quality";

/** The selector of qualities. Remembers the choice, and names the quality that Auto has chosen. */
export class QualityMenu {
  isTile = false;
  /** @type {Quality | null} the one that the server sends */
  #quality = null;
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
      this.showQuality(this.#quality);
      onChoice(this.choice);
    });
  }

  /** @returns {Choice} */
  get choice() {
    return this.isTile ? TILE : /** @type {Choice} */ (this.#select.value); // its options have no other values
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
    if (this.choice === AUTO || this.isTile) return;
    this.#select.value = quality;
    showToast(`Quality stays ${QUALITY_WORDS[quality]}`, keptWords(reason));
  }

  /** @param {Viewing | null} viewing its qualities: what they show and take */
  showLabels(viewing) {
    if (!viewing || this.isTile) return;
    const sub = this.#option(SUB);
    sub.hidden = sub.disabled = !viewing.hasSubstream && this.#select.value !== SUB;
    for (const quality of QUALITIES) setText(this.#option(quality), viewing.label(quality));
    for (const stream of /** @type {const} */ ([ORIGINAL, SUB])) this.#option(stream).title = viewing.noteOf(stream);
  }

  /** @param {Quality | null} quality the one that the server sends */
  showQuality(quality) {
    this.#quality = quality;
    setText(this.#option(AUTO), quality && this.choice === AUTO ? `Auto (${QUALITY_WORDS[quality]})` : "Auto");
  }

  /** @param {Choice} choice */
  #option(choice) {
    return find(this.#select, `[value=${choice}]`, HTMLOptionElement);
  }
}

/** @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text; // an open menu is drawn anew
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
