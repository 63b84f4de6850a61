import "./camera-viewer.js";
import { showToast } from "../shared/toast.js";
import { refusalTitle } from "./texts.js";

/** @typedef {{id: string, name: string}} Camera */

/**
 * The dialog around `<camera-viewer>`. The close button, Escape, a click beside it and the browser's Back close it, and with
 * it the viewing. Opening pushes a history entry (`#live=<id>`), which is what Back takes away again.
 */
export class LiveModal {
  #dialog;
  #viewer;
  /** @type {Element | null} */
  #opener = null;
  /** @type {(() => void) | null} what waits for the history to have gone back */
  #afterBack = null;
  #goingBack = false;
  #pressedBeside = false;

  /**
   * @param {HTMLDialogElement} dialog
   * @param {(id: string) => Camera | null} find
   */
  constructor(dialog, find) {
    this.#dialog = dialog;
    this.#viewer = dialog.querySelector("camera-viewer");
    dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => this.#onClose());
    dialog.addEventListener("cancel", (event) => this.#onCancel(event));
    dialog.addEventListener("keydown", (event) => this.#onKey(event));
    dialog.addEventListener("pointerdown", (event) => (this.#pressedBeside = event.target === dialog));
    dialog.addEventListener("click", (event) => this.#onClick(event));
    this.#viewer.addEventListener("refused", ({ detail }) => {
      showToast(detail.message ?? "", refusalTitle(detail));
    });
    window.addEventListener("popstate", (event) => this.#onHistory(event.state?.live, find));
    this.#openLinked(find);
  }

  get isOpen() {
    return this.#dialog.open;
  }

  /** @param {import("../shared/protocol.js").Gate | null} gate null: not known */
  set gate(gate) {
    this.#viewer.gate = gate;
  }

  /**
   * @param {Camera} camera
   * @param {Element | null} [opener] where the focus returns to
   */
  open(camera, opener = null) {
    if (this.#goingBack) {
      this.#afterBack = () => this.open(camera, opener);
      return;
    }
    if (this.isOpen) return;
    if (history.state?.live !== camera.id) history.pushState({ live: camera.id }, "", `#live=${camera.id}`);
    this.#opener = opener;
    this.#dialog.querySelector("[data-camera-name]").textContent = camera.name;
    this.#dialog.showModal();
    this.#viewer.open(camera);
  }

  /** A link to a live picture, or this page loaded again with one open. */
  #openLinked(find) {
    const id = new URLSearchParams(location.hash.slice(1)).get("live");
    if (!id) return;
    if (history.state?.live !== id) history.replaceState(null, "", location.pathname + location.search);
    const camera = find(id);
    if (camera) this.open(camera);
  }

  #onClose() {
    this.#viewer.close();
    this.#dialog.querySelector(".toast")?.remove();
    this.#opener?.focus();
    this.#opener = null;
    this.#dialog.dispatchEvent(new Event("left"));
    if (!history.state?.live) return;
    this.#goingBack = true;
    history.back();
  }

  #onHistory(id, find) {
    if (this.#goingBack) {
      this.#goingBack = false;
      this.#afterBack?.();
      this.#afterBack = null;
      return;
    }
    const camera = id ? find(id) : null;
    if (camera) this.open(camera);
    else this.#dialog.close();
  }

  /** Escape leaves full screen first. */
  #onCancel(event) {
    if (this.#viewer.leaveFullScreen()) event.preventDefault();
  }

  #onClick(event) {
    if (event.target === this.#dialog && this.#pressedBeside) this.#dialog.close();
  }

  #onKey(event) {
    const repeats = event.repeat && !event.key.startsWith("Arrow");
    const chooses = event.target instanceof HTMLSelectElement && event.key.startsWith("Arrow");
    if (event.ctrlKey || event.metaKey || event.altKey || repeats || chooses) return;
    if (this.#viewer.handleKey(event.key.toLowerCase())) event.preventDefault();
  }
}
