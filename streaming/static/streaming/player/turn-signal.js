/**
 * Tells a viewer who waits at another page that their turn has come: in the title of this page, and with a notification
 * if the browser may show one.
 */
export class TurnSignal {
  #title = document.title;
  /** @type {Notification | null} */
  #notification = null;

  constructor() {
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.clear();
    });
  }

  /** Asks whether notifications may be shown. Browsers ask the user once, and want it to follow a click. */
  askPermission() {
    if (window.Notification?.permission === "default") Notification.requestPermission().catch(() => {});
  }

  /** @param {string} cameraName */
  give(cameraName) {
    if (document.visibilityState === "visible") return;
    document.title = `▶ Live: ${cameraName}`;
    if (window.Notification?.permission !== "granted") return;
    try {
      this.#notification = new Notification(`Live: ${cameraName}`, { body: "It is your turn. The stream has started." });
      this.#notification.onclick = () => window.focus();
    } catch {
      // Browsers of phones show notifications of service workers only.
    }
  }

  clear() {
    document.title = this.#title;
    this.#notification?.close();
    this.#notification = null;
  }
}
