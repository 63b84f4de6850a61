const LEAST = 50; // pixels
const STEEP = 0.5; // share of the way that may lead up or down
const LONGEST = 800; // ms

/** Recognizes a swipe of one finger across the stage. A zoomed picture is moved by it instead. */
export class Swipe {
  #onSwipe;
  #picture;
  /** @type {Set<number>} fingers on the stage */
  #fingers = new Set();
  /** @type {{x: number, y: number, at: number} | null} where the only finger began */
  #start = null;

  /**
   * @param {HTMLElement} stage
   * @param {HTMLElement} picture has the class `zoomed` while a finger moves it (zoom.js)
   * @param {(step: 1 | -1) => void} onSwipe 1: to the left, as one turns to the next page
   */
  constructor(stage, picture, onSwipe) {
    this.#picture = picture;
    this.#onSwipe = onSwipe;
    stage.addEventListener("pointerdown", (event) => this.#onDown(event));
    stage.addEventListener("pointerup", (event) => this.#onUp(event));
    stage.addEventListener("pointercancel", (event) => this.#forget(event));
  }

  /** @param {PointerEvent} event */
  #onDown({ pointerType, pointerId, clientX: x, clientY: y, timeStamp: at }) {
    if (pointerType !== "touch") return;
    this.#fingers.add(pointerId);
    const isPage = this.#fingers.size === 1 && !this.#picture.classList.contains("zoomed");
    this.#start = isPage ? { x, y, at } : null;
  }

  /** @param {PointerEvent} event */
  #onUp(event) {
    const start = this.#start;
    this.#forget(event);
    if (!start || event.timeStamp - start.at > LONGEST) return;
    const [x, y] = [event.clientX - start.x, event.clientY - start.y];
    if (Math.abs(x) >= LEAST && Math.abs(y) <= Math.abs(x) * STEEP) this.#onSwipe(x < 0 ? 1 : -1);
  }

  /** @param {PointerEvent} event */
  #forget({ pointerId }) {
    this.#fingers.delete(pointerId);
    this.#start = null;
  }
}
