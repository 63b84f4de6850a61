import { AUTO, ORIGINAL, isChoice } from "./quality-choice.js";
import { NEEDS_HTTPS } from "./texts.js";
import { QUALITY_WORDS } from "../shared/format.js";

const KEY = "nvr.quality";

/** The selector of qualities. Remembers what was chosen, and says what Auto comes to. */
export class QualityMenu {
  #select;

  /**
   * @param {HTMLSelectElement} select
   * @param {(choice: string) => void} onChoice
   */
  constructor(select, onChoice) {
    this.#select = select;
    select.value = remembered() ?? AUTO;
    select.addEventListener("change", () => {
      remember(select.value);
      onChoice(select.value);
    });
    if (!window.isSecureContext) this.#option(ORIGINAL).title = NEEDS_HTTPS;
  }

  get choice() {
    return this.#select.value;
  }

  /** @param {string} choice as if it had been chosen here */
  choose(choice) {
    this.#select.value = choice;
    this.#select.dispatchEvent(new Event("change"));
  }

  /** @param {string} choice that holds instead, for now: what was chosen is remembered all the same */
  show(choice) {
    this.#select.value = choice;
  }

  /** @param {string | null} quality the one that is being sent */
  showQuality(quality) {
    const auto = this.#option(AUTO);
    const words = quality && this.choice === AUTO ? `Auto (${QUALITY_WORDS[quality]})` : "Auto";
    if (auto.textContent !== words) auto.textContent = words;
  }

  #option(choice) {
    return this.#select.querySelector(`[value=${choice}]`);
  }
}

/** @returns {string | null} */
function remembered() {
  try {
    const choice = localStorage.getItem(KEY);
    return isChoice(choice) ? choice : null;
  } catch {
    return null; // storage is switched off
  }
}

/** @param {string} choice */
function remember(choice) {
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // Storage is switched off or full: the choice lasts as long as the page.
  }
}
