import { CameraViewer } from "../player/camera-viewer.js";
import { find } from "../shared/find.js";

/** @import { Openings } from "../engine/openings.js" */

const GRACE = 5_000; // ms for which a tile that is out of view keeps its slot

/** One camera of the wall: a small live picture, or a large one with all controls. */
export class Tile {
  #element;
  #openings;
  #viewer;
  #button;
  #back;
  #isOpen = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {HTMLElement} element with the parts of templates/streaming/_tile.html
   * @param {Openings} openings of the wall
   * @param {{enlarge: () => void, shrink: () => void}} listener what the user wants
   */
  constructor(element, openings, { enlarge, shrink }) {
    this.#element = element;
    this.#openings = openings;
    this.#viewer = find(element, "camera-viewer", CameraViewer);
    this.#button = find(element, "[data-enlarge]", HTMLButtonElement);
    this.#back = find(element, "[data-back]", HTMLButtonElement);
    find(element, "h2", HTMLElement).textContent = this.#name;
    this.#button.setAttribute("aria-label", `Enlarge ${this.#name}`);
    this.#button.addEventListener("click", enlarge);
    this.#back.addEventListener("click", shrink);
    find(element, "canvas", HTMLCanvasElement).addEventListener("click", ({ target, detail }) => {
      const zoomed = target instanceof Element && target.classList.contains("zoomed");
      if (detail === 1 && !zoomed) shrink(); // not the click that ends a drag
    });
    this.setEnlarged(false);
  }

  get #camera() {
    const { camera: id = "", substream } = this.#element.dataset;
    return { id, name: this.#name, substream: substream !== undefined };
  }

  get #name() {
    return this.#element.dataset.name ?? "";
  }

  get isFocused() {
    return this.#button === document.activeElement;
  }

  focus() {
    this.#button.focus();
  }

  /** @param {boolean} isEnlarged */
  setEnlarged(isEnlarged) {
    this.#element.classList.toggle("enlarged", isEnlarged);
    this.#button.hidden = isEnlarged;
    this.#back.hidden = !isEnlarged;
    this.#viewer.showAsTile(!isEnlarged);
    if (isEnlarged) this.#back.focus();
  }

  /** @param {boolean} isInView whether somebody may see the tile. Out of view it soon gives its slot back. */
  setInView(isInView) {
    clearTimeout(this.#timer);
    if (!isInView) this.#timer = setTimeout(() => this.release(), GRACE);
    else if (!this.#isOpen) {
      this.#isOpen = true;
      this.#viewer.open(this.#camera, this.#openings);
    }
  }

  /** Gives the slot back at once. */
  release() {
    clearTimeout(this.#timer);
    this.#isOpen = false;
    this.#viewer.close();
  }

  /** @param {string} key @returns {boolean} whether the key has a meaning for the enlarged picture */
  handleKey(key) {
    return this.#viewer.handleKey(key);
  }
}
