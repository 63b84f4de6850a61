const HIDDEN_GRACE = 15_000; // ms a hidden page keeps its slot

/**
 * Whether somebody looks at the page. `leave` when it was hidden for a while or goes away, `comeBack` when it is seen
 * again, `hurry` when the network or the viewer is back and a wait need not be sat out.
 */
export class Presence {
  #document;
  #listener;
  #timer;
  #listening = new AbortController();

  /**
   * @param {{document: Document, page: Window}} browser
   * @param {{leave: () => void, comeBack: () => void, hurry: () => void, seenElsewhere: () => boolean}} listener
   *   `seenElsewhere`: the picture is in sight though the page is not
   */
  constructor({ document, page }, listener) {
    this.#document = document;
    this.#listener = listener;
    const { signal } = this.#listening;
    document.addEventListener("visibilitychange", () => this.#onVisibility(), { signal });
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
      if (this.#listener.seenElsewhere()) this.#leaveLater();
      else this.#listener.leave();
    }, HIDDEN_GRACE);
  }
}
