import { find } from "../shared/find.js";
import { order } from "../shared/http.js";
import { isOff, say, turnOff } from "./dom.js";

/** @typedef {{stop: string, "stop-camera": string}} StopUrls */

/** Stops a viewer, or all viewers of a camera. Asks for a message, and for how long the user is blocked. */
export class StopDialog {
  #dialog;
  #form;
  #message;
  #urls;
  #token;
  /** @type {{url: string, fields: Record<string, string>} | null} the request that stops it */
  #target = null;
  #stopped = false;
  /** @type {HTMLElement | null} its row vanishes with the stream */
  #opener = null;
  /** @type {HTMLElement | null} */
  #caption = null;

  /**
   * @param {HTMLDialogElement} dialog
   * @param {StopUrls} urls
   * @param {string} token of CSRF
   */
  constructor(dialog, urls, token) {
    this.#dialog = dialog;
    this.#form = find(dialog, "form", HTMLFormElement);
    this.#message = find(dialog, "[name=message]", HTMLTextAreaElement);
    this.#urls = urls;
    this.#token = token;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!isOff(this.#part("stop"))) this.#stop();
    });
    dialog.addEventListener("close", () => this.#giveFocusBack());
    this.#part("cancel").addEventListener("click", () => dialog.close());
    this.#message.addEventListener("input", () => this.#count());
  }

  /** @param {{id: string, user: string, camera: string}} viewer @param {HTMLElement} opener in the row of a table */
  askForViewer({ id, user, camera }, opener) {
    this.#open(opener, `Stop the stream of ${user}?`, `${user} is watching ${camera}.`, this.#urls.stop, { viewing: id });
  }

  /** @param {{id: string, name: string, viewers: number}} camera @param {HTMLElement} opener in the row of a table */
  askForCamera({ id, name, viewers }, opener) {
    const whom = viewers === 1 ? "1 viewer is" : `${viewers} viewers are`;
    this.#open(opener, `Stop all streams of ${name}?`, `${whom} watching it.`, this.#urls["stop-camera"], { camera: id });
  }

  /** @param {string} name */
  #part(name) {
    return find(this.#dialog, `[data-part="${name}"]`, HTMLElement);
  }

  /**
   * @param {HTMLElement} opener
   * @param {string} title
   * @param {string} text
   * @param {string} url
   * @param {Record<string, string>} fields
   */
  #open(opener, title, text, url, fields) {
    this.#target = { url, fields };
    this.#opener = opener;
    this.#caption = opener.closest("table")?.caption ?? null;
    this.#stopped = false;
    this.#form.reset();
    say(this.#part("title"), title);
    say(this.#part("text"), text);
    say(this.#part("error"), "");
    this.#part("block").hidden = !("viewing" in fields);
    this.#count();
    this.#dialog.showModal();
    this.#message.select();
  }

  #count() {
    const { value, maxLength } = this.#message;
    say(this.#part("left"), `${maxLength - value.length} characters left`);
  }

  async #stop() {
    if (!this.#target) return;
    const { url, fields } = this.#target;
    const block = find(this.#form, "[name=block_seconds]", HTMLSelectElement).value;
    /** @type {Record<string, string>} */
    const chosen = this.#part("block").hidden ? {} : { block_seconds: block };
    turnOff(this.#part("stop"), true);
    const { errors } = await order(url, { ...fields, ...chosen, message: this.#message.value }, this.#token);
    turnOff(this.#part("stop"), false);
    this.#stopped = !errors;
    if (errors) say(this.#part("error"), Object.values(errors).flat().join(" "));
    else this.#dialog.close();
  }

  /** The browser gives the focus back to the opener, unless that is gone. */
  #giveFocusBack() {
    if (this.#stopped || !this.#opener?.isConnected) this.#caption?.focus();
  }
}
