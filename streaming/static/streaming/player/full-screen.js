const IDLE = 3_000; // ms without pointer and keys, after which the controls hide
const TOUCHES = /** @type {const} */ (["pointermove", "pointerdown", "keydown"]);

/**
 * Full screen of an element. On an iPhone, which has none for elements, the element fills the window.
 * Reflects `data-idle` while nobody touches anything in full screen.
 */
export class FullScreen {
  #element;
  #button;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {HTMLElement} element
   * @param {HTMLButtonElement} button
   */
  constructor(element, button) {
    this.#element = element;
    this.#button = button;
    button.addEventListener("click", () => this.toggle());
    element.addEventListener("fullscreenchange", () => this.#show());
    for (const type of TOUCHES) document.addEventListener(type, (event) => this.#onTouch(event), { passive: true });
  }

  toggle() {
    if (this.leave()) return;
    const fill = () => this.#element.classList.add("fills-window");
    if (this.#element.requestFullscreen) {
      this.#element
        .requestFullscreen()
        .catch(fill)
        .finally(() => this.#show());
    } else fill();
    this.#show();
  }

  /** @returns {boolean} whether it was in full screen */
  leave() {
    const filled = this.#element.classList.contains("fills-window");
    const full = document.fullscreenElement === this.#element;
    this.#element.classList.remove("fills-window");
    if (full) document.exitFullscreen();
    this.#show();
    return filled || full;
  }

  get #isFull() {
    return document.fullscreenElement === this.#element || this.#element.classList.contains("fills-window");
  }

  #show() {
    this.#button.setAttribute("aria-pressed", String(this.#isFull));
    this.#waken();
  }

  /** @param {Event} event */
  #onTouch(event) {
    const isStill = event.type === "pointermove" && event instanceof PointerEvent && !event.movementX && !event.movementY;
    if (this.#isFull && !isStill) this.#waken(); // browsers tell of a pointer that rests when something below it changes
  }

  #waken() {
    clearTimeout(this.#timer);
    this.#element.removeAttribute("data-idle");
    if (this.#isFull) this.#timer = setTimeout(() => this.#element.toggleAttribute("data-idle", true), IDLE);
  }
}
