import { order } from "../shared/http.js";
import { isOff, say, turnOff } from "./dom.js";

/** Asks for a message and a time of blocking, and stops a viewer, or all of a camera. */
export class StopDialog {
  #dialog;
  #urls;
  #token;
  /** @type {{url: string, fields: Record<string, string>} | null} what is to be stopped */
  #target = null;
  #stopped = false;
  /** @type {HTMLElement | null} whose row vanishes with the stream */
  #opener = null;
  /** @type {HTMLElement | null} */
  #caption = null;

  /**
   * @param {HTMLDialogElement} dialog
   * @param {{stop: string, "stop-camera": string}} urls
   * @param {string} token of CSRF
   */
  constructor(dialog, urls, token) {
    this.#dialog = dialog;
    this.#urls = urls;
    this.#token = token;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!isOff(this.#part("stop"))) this.#stop();
    });
    dialog.addEventListener("close", () => this.#giveFocusBack());
    this.#part("cancel").addEventListener("click", () => dialog.close());
    this.#form.elements.message.addEventListener("input", () => this.#count());
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

  get #form() {
    return this.#dialog.querySelector("form");
  }

  #part(name) {
    return this.#dialog.querySelector(`[data-part="${name}"]`);
  }

  #open(opener, title, text, url, fields) {
    this.#target = { url, fields };
    this.#opener = opener;
    this.#caption = opener.closest("table").caption;
    this.#stopped = false;
    this.#form.reset();
    say(this.#part("title"), title);
    say(this.#part("text"), text);
    say(this.#part("error"), "");
    this.#part("block").hidden = !("viewing" in fields);
    this.#count();
    this.#dialog.showModal();
    this.#form.elements.message.select();
  }

  #count() {
    const { value, maxLength } = this.#form.elements.message;
    say(this.#part("left"), `${maxLength - value.length} characters left`);
  }

  async #stop() {
    const { url, fields } = this.#target;
    const { message, block_seconds: block } = this.#form.elements;
    const chosen = this.#part("block").hidden ? {} : { block_seconds: block.value };
    turnOff(this.#part("stop"), true);
    const { errors } = await order(url, { ...fields, ...chosen, message: message.value }, this.#token);
    turnOff(this.#part("stop"), false);
    this.#stopped = !errors;
    if (errors) say(this.#part("error"), Object.values(errors).flat().join(" "));
    else this.#dialog.close();
  }

  /** The dialog itself gives it to who opened it. */
  #giveFocusBack() {
    if (this.#stopped || !this.#opener.isConnected) this.#caption.focus();
  }
}
