const MOST = 8;
const STEP = 1.5; // factor of a key; a double click zooms by two steps
const WHEEL = 0.002; // exponent per pixel of the wheel
const PAN = 0.1; // share of the stage per arrow key
/** @type {Record<string, [number, number]>} directions of the arrow keys */
const ARROWS = { arrowleft: [PAN, 0], arrowright: [-PAN, 0], arrowup: [0, PAN], arrowdown: [0, -PAN] };

/** @typedef {{x: number, y: number}} Point pixels from the middle of the stage */

/** Zoom and pan of a picture inside its stage: wheel, pinch, drag, double click and keys. */
export class Zoom {
  #stage;
  #picture;
  #button;
  #scale = 1;
  #x = 0; // pixels from the stage's middle to the picture's
  #y = 0;
  /** @type {Map<number, Point>} pressed fingers or mouse buttons */
  #pointers = new Map();

  /**
   * @param {HTMLElement} stage
   * @param {HTMLElement} picture fills the stage
   * @param {HTMLButtonElement} button shows the scale while zoomed, and resets it
   */
  constructor(stage, picture, button) {
    this.#stage = stage;
    this.#picture = picture;
    this.#button = button;
    button.addEventListener("click", () => this.reset());
    picture.addEventListener("dblclick", (event) => this.#onDoubleClick(event));
    picture.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    picture.addEventListener("pointerdown", (event) => this.#onDown(event));
    picture.addEventListener("pointermove", (event) => this.#onMove(event));
    picture.addEventListener("pointerup", (event) => this.#pointers.delete(event.pointerId));
    picture.addEventListener("pointercancel", (event) => this.#pointers.delete(event.pointerId));
    new ResizeObserver(() => this.#move(0, 0)).observe(stage);
  }

  /** @returns {number} how many times the picture is larger than its stage */
  get scale() {
    return this.#scale;
  }

  reset() {
    this.#scale = 1;
    this.#pointers.clear();
    this.#move(0, 0);
  }

  /** @param {string} key @returns {boolean} whether the key has a meaning here */
  handleKey(key) {
    const { width, height } = this.#size;
    const move = ARROWS[key];
    if (key === "+" || key === "=") this.#zoom(STEP);
    else if (key === "-") this.#zoom(1 / STEP);
    else if (key === "0") this.reset();
    else if (move && this.#scale > 1) this.#move(move[0] * width, move[1] * height);
    else return false;
    return true;
  }

  get #size() {
    return { width: this.#stage.clientWidth, height: this.#stage.clientHeight };
  }

  /** @param {MouseEvent} event @returns {Point} */
  #point({ clientX, clientY }) {
    const { left, top, width, height } = this.#stage.getBoundingClientRect();
    return { x: clientX - left - width / 2, y: clientY - top - height / 2 };
  }

  /** @param {number} factor @param {Point} [at] this point of the picture stays where it is */
  #zoom(factor, at = { x: 0, y: 0 }) {
    const scale = Math.min(MOST, Math.max(1, this.#scale * factor));
    const part = scale / this.#scale;
    this.#scale = scale;
    this.#move((at.x - this.#x) * (1 - part), (at.y - this.#y) * (1 - part));
  }

  /**
   * Moves the picture, without uncovering an edge of the stage.
   * @param {number} x pixels
   * @param {number} y pixels
   */
  #move(x, y) {
    const { width, height } = this.#size;
    /** @param {number} value @param {number} side */
    const within = (value, side) => Math.max(-1, Math.min(1, value / ((side * (this.#scale - 1)) / 2 || 1)));
    this.#x = this.#scale === 1 ? 0 : (within(this.#x + x, width) * width * (this.#scale - 1)) / 2;
    this.#y = this.#scale === 1 ? 0 : (within(this.#y + y, height) * height * (this.#scale - 1)) / 2;
    const zoomed = this.#scale > 1;
    this.#picture.style.transform = zoomed ? `translate(${this.#x}px, ${this.#y}px) scale(${this.#scale})` : "";
    this.#picture.classList.toggle("zoomed", zoomed);
    this.#button.hidden = !zoomed;
    this.#button.textContent = `${this.#scale.toFixed(1)}×`;
    this.#button.setAttribute("aria-label", `Zoomed ${this.#scale.toFixed(1)} times. Show the whole picture`);
  }

  /** @param {MouseEvent} event */
  #onDoubleClick(event) {
    if (this.#scale > 1) this.reset();
    else this.#zoom(STEP * STEP, this.#point(event));
  }

  /** @param {WheelEvent} event */
  #onWheel(event) {
    event.preventDefault();
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 16 : event.deltaY;
    this.#zoom(Math.exp(-pixels * WHEEL), this.#point(event));
  }

  /** @param {PointerEvent} event */
  #onDown(event) {
    if (event.pointerType === "mouse" && event.button !== 0) return;
    this.#pointers.set(event.pointerId, this.#point(event));
    this.#picture.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #onMove(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const now = this.#point(event);
    this.#pointers.set(event.pointerId, now);
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (!other) this.#move(now.x - before.x, now.y - before.y);
    else this.#pinch(other, before, now);
  }

  /** @param {Point} other the finger that rests @param {Point} before @param {Point} now */
  #pinch(other, before, now) {
    const middle = (/** @type {Point} */ finger) => ({ x: (other.x + finger.x) / 2, y: (other.y + finger.y) / 2 });
    const distance = (/** @type {Point} */ finger) => Math.max(1, Math.hypot(other.x - finger.x, other.y - finger.y));
    this.#zoom(distance(now) / distance(before), middle(before));
    this.#move(middle(now).x - middle(before).x, middle(now).y - middle(before).y);
  }
}
