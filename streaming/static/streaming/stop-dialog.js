import { order } from "./http.js";
import { say } from "./rows.js";

/** Asks for a message and a time of blocking, and stops a viewer, or all of a camera. */
export class StopDialog {
  #dialog;
  #urls;
  #token;
  /** @type {{url: string, fields: Record<string, string>} | null} what is to be stopped */
  #target = null;

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
      this.#stop();
    });
    this.#part("cancel").addEventListener("click", () => dialog.close());
    this.#form.elements.message.addEventListener("input", () => this.#count());
  }

  /** @param {{id: string, user: string, camera: string}} viewer */
  askForViewer({ id, user, camera }) {
    this.#open(`Stop the stream of ${user}?`, `${user} is watching ${camera}.`, this.#urls.stop, { viewing: id });
  }

  /** @param {{id: string, name: string, viewers: number}} camera */
  askForCamera({ id, name, viewers }) {
    const whom = viewers === 1 ? "1 viewer is" : `${viewers} viewers are`;
    this.#open(`Stop all streams of ${name}?`, `${whom} watching it.`, this.#urls["stop-camera"], { camera: id });
  }

  get #form() {
    return this.#dialog.querySelector("form");
  }

  #part(name) {
    return this.#dialog.querySelector(`[data-part="${name}"]`);
  }

  #open(title, text, url, fields) {
    this.#target = { url, fields };
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
    this.#part("stop").disabled = true;
    const { errors } = await order(url, { ...fields, ...chosen, message: message.value }, this.#token);
    this.#part("stop").disabled = false;
    if (errors) say(this.#part("error"), Object.values(errors).flat().join(" "));
    else this.#dialog.close();
  }
}
