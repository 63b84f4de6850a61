import { Player } from "./player.js";

/** @import { Camera, Gate } from "../shared/protocol.js" */

/**
 * The element around one viewing. Its markup comes from `templates/streaming/_viewer.html`.
 * Reflects `data-state`, `data-picture`, `data-quality` and `data-format`.
 * Dispatches `refused` with the viewer's status when the limit is reached.
 */
export class CameraViewer extends HTMLElement {
  /** @type {Player | null} */
  #player = null;

  connectedCallback() {
    this.#player ??= new Player(this);
  }

  /** @param {Camera} camera */
  open(camera) {
    this.#player?.open(camera);
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
