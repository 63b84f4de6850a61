/** @import { Browser } from "./browser.js" */

const HIDDEN_GRACE = 15_000; // ms for which a hidden page keeps its slot
const TOUCHES = ["keydown", "pointerdown", "pointermove", "wheel"];

/**
 * @typedef {object} PresenceListener
 * @property {() => void} leave the page was hidden for HIDDEN_GRACE, or is being left
 * @property {() => void} comeBack the page is visible again
 * @property {() => void} onNetwork the browser has gone offline, or is online again
 * @property {() => void} hurry the network or the user is back: a wait may be cut short
 * @property {() => void} onTouch somebody uses the page
 * @property {() => boolean} staysConnected whether a hidden page keeps its connection for now
 */

/** Tells a listener whether somebody looks at the page. */
export class Presence {
  #document;
  #listener;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #listening = new AbortController();

  /**
   * @param {Pick<Browser, "document" | "page">} browser
   * @param {PresenceListener} listener
   */
  constructor({ document, page }, listener) {
    this.#document = document;
    this.#listener = listener;
    const { signal } = this.#listening;
    document.addEventListener("visibilitychange", () => this.#onVisibility(), { signal });
    for (const type of ["offline", "online"]) page.addEventListener(type, () => listener.onNetwork(), { signal });
    for (const type of TOUCHES) page.addEventListener(type, () => listener.onTouch(), { signal, passive: true, capture: true });
    page.addEventListener("online", () => listener.hurry(), { signal });
    page.addEventListener("pagehide", () => listener.leave(), { signal });
    page.addEventListener("pageshow", () => listener.comeBack(), { signal });
    if (document.visibilityState !== "visible") this.#leaveLater(); // opened in the background
  }

  stop() {
    clearTimeout(this.#timer);
    this.#listening.abort();
  }

  #onVisibility() {
    clearTimeout(this.#timer);
    if (this.#document.visibilityState !== "visible") this.#leaveLater();
    else {
      this.#listener.comeBack();
      this.#listener.hurry();
    }
  }

  #leaveLater() {
    this.#timer = setTimeout(() => {
      if (this.#listener.staysConnected()) this.#leaveLater();
      else this.#listener.leave();
    }, HIDDEN_GRACE);
  }
}
