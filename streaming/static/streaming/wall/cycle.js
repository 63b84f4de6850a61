/** Turns the pages of a wall by itself. */
export class Cycle {
  #button;
  #isPaused = false;

  /**
   * @param {number} seconds for each page; 0: pages stay
   * @param {HTMLButtonElement | null} button pauses
   * @param {() => void} onTurn
   */
  constructor(seconds, button, onTurn) {
    this.#button = button;
    if (!seconds) return;
    if (button) button.hidden = false;
    button?.addEventListener("click", () => this.#pause(!this.#isPaused));
    setInterval(() => {
      if (!this.#isPaused) onTurn();
    }, seconds * 1000);
  }

  /** @param {boolean} isPaused */
  #pause(isPaused) {
    this.#isPaused = isPaused;
    this.#button?.setAttribute("aria-pressed", String(isPaused));
  }
}
