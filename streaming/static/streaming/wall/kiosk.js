/** The page of a wall on a display, which nobody operates. */

import { askForHead } from "../shared/http.js";
import { Cycle } from "./cycle.js";
import { Wall } from "./wall.js";

const LOOK = 15_000; // ms between two looks at what the wall shows now
const TOUCHED = 60_000; // ms after which an enlarged tile becomes small again
const POINTER = 3_000; // ms for which the pointer is seen
const TOUCHES = ["keydown", "pointerdown", "pointermove"];

/** Keeps the page up to date for days: reloads it when the wall or the display's access changes, and opens what has ended. */
class Kiosk {
  #wall;
  #version;
  /** @type {WakeLockSentinel | null} */
  #lock = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #touched;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pointer;

  /** @param {HTMLElement} root @param {Wall} wall */
  constructor(root, wall) {
    this.#wall = wall;
    this.#version = root.dataset.version;
    setInterval(() => this.#look(), LOOK);
    this.#stayAwake();
    document.addEventListener("visibilitychange", () => this.#stayAwake());
    const { leave } = root.dataset; // only for people
    if (leave) document.addEventListener("keydown", (event) => isEscape(event) && location.assign(leave));
    for (const type of TOUCHES) document.addEventListener(type, () => this.#onTouch(), { passive: true });
  }

  async #look() {
    this.#stayAwake();
    const answer = await askForHead();
    if (!answer) return;
    const isGone = answer.redirected || answer.status === 403 || answer.status === 404;
    const isOther = answer.ok && answer.headers.get("X-Wall-Version") !== this.#version;
    if (isGone || isOther) location.reload();
    else if (answer.ok) this.#wall.revive();
  }

  /** The browser takes the lock away from a hidden page. */
  async #stayAwake() {
    if (!navigator.wakeLock || document.visibilityState !== "visible" || this.#lock?.released === false) return;
    this.#lock = await navigator.wakeLock.request("screen").catch(() => null); // saving energy may forbid it
  }

  #onTouch() {
    clearTimeout(this.#touched);
    this.#touched = setTimeout(() => this.#wall.shrink(), TOUCHED);
    clearTimeout(this.#pointer);
    document.body.classList.remove("idle");
    this.#pointer = setTimeout(() => document.body.classList.add("idle"), POINTER);
  }
}

/** Whether it leads back: the wall makes an enlarged tile small first. @param {KeyboardEvent} event */
function isEscape(event) {
  return event.key === "Escape" && !event.defaultPrevented;
}

const root = document.querySelector("[data-wall]");
if (root instanceof HTMLElement) {
  const wall = new Wall(root, { fullScreen: null, isDisplay: true, onPage: () => {} });
  new Cycle(Number(root.dataset.cycle), null, () => wall.cycle());
  new Kiosk(root, wall);
}
