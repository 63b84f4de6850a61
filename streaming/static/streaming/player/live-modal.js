import { CameraViewer } from "./camera-viewer.js";
import { find } from "../shared/find.js";
import { Reason } from "../shared/protocol.js";
import { showToast } from "../shared/toast.js";

/** @import { Status } from "../engine/states.js" */
/** @import { Camera, Gate } from "../shared/protocol.js" */

/** @type {Record<string, number>} */
const TURNS = { ArrowLeft: -1, ArrowRight: 1 };
const LATE = 1_000; // ms by which the server's figures of the gate may be late

/**
 * The dialog around `<camera-viewer>`. The close button, Escape, a click beside it and the browser's Back close both.
 * Opening pushes a history entry (`#live=<id>`), so that Back closes the dialog.
 */
export class LiveModal {
  #dialog;
  #viewer;
  #cameraOf;
  #neighborOf;
  #turns;
  /** @type {Camera | null} */
  #camera = null;
  /** @type {HTMLElement | null} */
  #opener = null;
  /** @type {(() => void) | null} called after the history has gone back */
  #afterBack = null;
  #goingBack = false;
  #pressedBeside = false;
  #refusedAt = -Infinity;

  /**
   * @param {HTMLDialogElement} dialog
   * @param {(id: string) => Camera | null} cameraOf
   * @param {(id: string, step: number) => Camera | null} neighborOf the next (1) or previous (-1) camera; null: there is none
   */
  constructor(dialog, cameraOf, neighborOf) {
    this.#dialog = dialog;
    this.#viewer = find(dialog, "camera-viewer", CameraViewer);
    this.#cameraOf = cameraOf;
    this.#neighborOf = neighborOf;
    this.#turns = [...dialog.querySelectorAll("[data-turn]")].filter((button) => button instanceof HTMLElement);
    for (const button of this.#turns) button.addEventListener("click", () => this.#turn(Number(button.dataset.turn)));
    this.#viewer.addEventListener("swipe", (event) => this.#turn(/** @type {CustomEvent<number>} */ (event).detail));
    find(dialog, "[data-close]", HTMLElement).addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => this.#onClose());
    dialog.addEventListener("cancel", (event) => this.#onCancel(event));
    dialog.addEventListener("keydown", (event) => this.#onKey(event));
    dialog.addEventListener("pointerdown", (event) => (this.#pressedBeside = event.target === dialog));
    dialog.addEventListener("click", (event) => this.#onClick(event));
    this.#viewer.addEventListener("refused", (event) => {
      this.#refusedAt = performance.now();
      const { detail: status } = /** @type {CustomEvent<Status>} */ (event);
      if (status.reason === Reason.LIMIT_REACHED && status.message) showToast(status.message);
    });
    window.addEventListener("popstate", (event) => this.#onHistory(event.state?.live));
    this.#openLinked();
  }

  get isOpen() {
    return this.#dialog.open;
  }

  /** @param {Gate | null} gate null: not known @param {number} [blocked] seconds for which the user is blocked */
  showGate(gate, blocked) {
    if (performance.now() - this.#refusedAt > LATE) this.#viewer.showGate(gate, blocked); // else the refusal is newer
  }

  /**
   * @param {Camera} camera
   * @param {HTMLElement | null} [opener] gets the focus after closing
   */
  open(camera, opener = null) {
    if (this.#goingBack) {
      this.#afterBack = () => this.open(camera, opener);
      return;
    }
    if (history.state?.live !== camera.id) history.pushState({ live: camera.id }, "", `#live=${camera.id}`);
    if (this.#camera?.id === camera.id) return;
    const before = this.#camera;
    this.#opener ??= opener;
    this.#name(camera);
    if (!this.isOpen) this.#dialog.showModal();
    if (before) this.#viewer.switchTo(camera);
    else this.#viewer.open(camera);
  }

  /**
   * Turns to the next (1) or previous (-1) camera, in the same slot. Back still closes the dialog.
   * @param {number} step
   */
  #turn(step) {
    const camera = this.#camera && this.#neighborOf(this.#camera.id, step);
    if (!camera) return;
    history.replaceState({ live: camera.id }, "", `#live=${camera.id}`);
    this.#name(camera);
    this.#viewer.switchTo(camera);
  }

  /** @param {Camera} camera */
  #name(camera) {
    this.#camera = camera;
    find(this.#dialog, "[data-camera-name]", HTMLElement).textContent = camera.name;
    const isAlone = !this.#neighborOf(camera.id, 1);
    for (const button of this.#turns) button.hidden = isAlone;
    this.#dialog.querySelector(".toast")?.remove();
  }

  /**
   * Opens the camera in the page's address: a link, an address whose hash was edited, or this page reloaded with the
   * dialog open.
   */
  #openLinked() {
    const id = linkedId();
    if (!id) return;
    if (history.state?.live !== id) history.replaceState(null, "", location.pathname + location.search);
    const camera = this.#cameraOf(id);
    if (camera) this.open(camera);
  }

  #onClose() {
    this.#viewer.close();
    this.#dialog.querySelector(".toast")?.remove();
    this.#opener?.focus();
    this.#opener = this.#camera = null;
    this.#dialog.dispatchEvent(new Event("left"));
    if (!history.state?.live) return;
    this.#goingBack = true;
    history.back();
  }

  /** @param {string | undefined} id */
  #onHistory(id) {
    if (this.#goingBack) {
      this.#goingBack = false;
      this.#afterBack?.();
      this.#afterBack = null;
      return;
    }
    if (!id && linkedId()) {
      this.#openLinked();
      return;
    }
    const camera = id ? this.#cameraOf(id) : null;
    if (camera) this.open(camera);
    else this.#dialog.close();
  }

  /**
   * Escape leaves full screen first.
   * @param {Event} event
   */
  #onCancel(event) {
    if (this.#viewer.leaveFullScreen()) event.preventDefault();
  }

  /** @param {MouseEvent} event */
  #onClick(event) {
    if (event.target === this.#dialog && this.#pressedBeside) this.#dialog.close();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const repeats = event.repeat && !event.key.startsWith("Arrow");
    const chooses = event.target instanceof HTMLSelectElement && event.key.startsWith("Arrow");
    if (event.ctrlKey || event.metaKey || event.altKey || repeats || chooses) return;
    if (this.#viewer.handleKey(event.key.toLowerCase())) event.preventDefault();
    else if (TURNS[event.key] && !event.repeat) this.#turn(TURNS[event.key]);
  }
}

/** @returns {string | null} the camera in the page's address */
function linkedId() {
  return new URLSearchParams(location.hash.slice(1)).get("live");
}
