import { find } from "../shared/find.js";
import { Player } from "./player.js";
import { Swipe } from "./swipe.js";

/** @import { Openings } from "../engine/openings.js" */
/** @import { Camera, Gate } from "../shared/protocol.js" */

/**
 * The element around one viewing. Its markup comes from `templates/streaming/_viewer.html`.
 * Reflects `data-state`, `data-picture`, `data-quality` and `data-format`.
 * Dispatches `refused` with the viewer's status when the limit is reached, and `swipe` with 1 (to the left) or -1.
 */
export class CameraViewer extends HTMLElement {
  /** @type {Player | null} */
  #player = null;

  connectedCallback() {
    if (this.#player) return;
    this.#player = new Player(this);
    const picture = find(this, "[data-part=canvas]", HTMLElement);
    new Swipe(find(this, ".stage", HTMLElement), picture, (detail) => this.dispatchEvent(new CustomEvent("swipe", { detail })));
  }

  /** @param {Camera} camera @param {Openings | null} [wall] of a tile: shared by all tiles of the wall */
  open(camera, wall = null) {
    this.#player?.open(camera, wall);
  }

  /**
   * Shows another camera in the slot of the present one.
   * @param {Camera} camera
   */
  switchTo(camera) {
    this.#player?.switchTo(camera);
  }

  /** @param {boolean} isTile whether this is one of many: small, without controls, and in low quality */
  showAsTile(isTile) {
    this.#player?.showAsTile(isTile);
  }

  /** Frees the slot and clears the picture. */
  close() {
    this.#player?.close();
  }

  /**
   * A refused viewer is offered a free slot, and a stopped viewer learns that the block was lifted.
   * @param {Gate | null} gate null: not known
   * @param {number} [blocked] seconds for which the user is blocked; undefined: not known
   */
  showGate(gate, blocked) {
    this.#player?.showGate(gate, blocked);
  }

  /** @param {string} key @returns {boolean} whether the key has a meaning here */
  handleKey(key) {
    return this.#player?.handleKey(key) ?? false;
  }

  /** @returns {boolean} whether it was in full screen */
  leaveFullScreen() {
    return this.#player?.leaveFullScreen() ?? false;
  }
}

customElements.define("camera-viewer", CameraViewer);
