/** Full screen of an element. On an iPhone, which has none for elements, the element fills the window. */
export class FullScreen {
  #element;
  #button;

  /**
   * @param {HTMLElement} element
   * @param {HTMLButtonElement} button
   */
  constructor(element, button) {
    this.#element = element;
    this.#button = button;
    button.addEventListener("click", () => this.toggle());
    element.addEventListener("fullscreenchange", () => this.#show());
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

  #show() {
    const full = document.fullscreenElement === this.#element || this.#element.classList.contains("fills-window");
    this.#button.setAttribute("aria-pressed", String(full));
  }
}
