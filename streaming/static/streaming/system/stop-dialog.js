import { find } from "../shared/find.js";
import { order } from "../shared/http.js";
import { isOff, say, turnOff } from "./dom.js";

/** @typedef {{stop: string, "stop-camera": string, "line-remove": string}} StopUrls */

/**
 * The words of the dialog, and the request that it sends.
 * @typedef {object} Question
 * @property {string} title
 * @property {string} text
 * @property {string} action the label of the button
 * @property {string} url
 * @property {Record<string, string>} fields of the request
 * @property {HTMLElement | null} next gets the focus when the opener is gone
 * @property {() => void} [onDone]
 */

/** Stops a viewer, all viewers of a camera, or one's waiting. Asks for a message, and for how long the user is blocked. */
export class StopDialog {
  #dialog;
  #form;
  #message;
  #urls;
  #token;
  /** @type {Question | null} */
  #question = null;
  #stopped = false;
  /** @type {HTMLElement | null} its row vanishes with the stream */
  #opener = null;

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
    const [title, text] = [`Stop the stream of ${user}?`, `${user} is watching ${camera}.`];
    const next = captionOf(opener);
    this.#open(opener, { title, text, action: "Stop", url: this.#urls.stop, fields: { viewing: id }, next });
  }

  /** @param {{id: string, name: string, viewers: number}} camera @param {HTMLElement} opener in the row of a table */
  askForCamera({ id, name, viewers }, opener) {
    const whom = viewers === 1 ? "1 viewer is" : `${viewers} viewers are`;
    const [title, text] = [`Stop all streams of ${name}?`, `${whom} watching it.`];
    const next = captionOf(opener);
    this.#open(opener, { title, text, action: "Stop", url: this.#urls["stop-camera"], fields: { camera: id }, next });
  }

  /**
   * @param {{id: string, user: string, camera: string}} waiting a viewer in line
   * @param {HTMLElement} opener in the row of a table
   * @param {HTMLElement} status tells that it is done
   * @param {() => void} refresh
   */
  askForWaiting({ id, user, camera }, opener, status, refresh) {
    const [title, text] = [`Remove ${user} from the line?`, `${user} is waiting for ${camera}.`];
    const onDone = () => {
      say(status, `${user} was removed from the line.`);
      refresh();
    };
    const fields = { waiting: id };
    this.#open(opener, { title, text, action: "Remove", url: this.#urls["line-remove"], fields, next: status, onDone });
    this.#message.value = this.#message.dataset.removal ?? "";
    this.#count();
    this.#message.select();
  }

  /** @param {string} name */
  #part(name) {
    return find(this.#dialog, `[data-part="${name}"]`, HTMLElement);
  }

  /** @param {HTMLElement} opener @param {Question} question */
  #open(opener, question) {
    this.#question = question;
    this.#opener = opener;
    this.#stopped = false;
    this.#form.reset();
    say(this.#part("title"), question.title);
    say(this.#part("text"), question.text);
    say(this.#part("stop"), question.action);
    say(this.#part("error"), "");
    this.#part("block").hidden = !("viewing" in question.fields);
    this.#count();
    this.#dialog.showModal();
    this.#message.select();
  }

  #count() {
    const { value, maxLength } = this.#message;
    say(this.#part("left"), `${maxLength - value.length} characters left`);
  }

  async #stop() {
    if (!this.#question) return;
    const { url, fields, onDone } = this.#question;
    const block = find(this.#form, "[name=block_seconds]", HTMLSelectElement).value;
    /** @type {Record<string, string>} */
    const chosen = this.#part("block").hidden ? {} : { block_seconds: block };
    turnOff(this.#part("stop"), true);
    const { errors } = await order(url, { ...fields, ...chosen, message: this.#message.value }, this.#token);
    turnOff(this.#part("stop"), false);
    this.#stopped = !errors;
    if (errors) {
      say(this.#part("error"), Object.values(errors).flat().join(" "));
      return;
    }
    this.#dialog.close();
    onDone?.();
  }

  /** The browser gives the focus back to the opener, unless that is gone. */
  #giveFocusBack() {
    if (this.#stopped || !this.#opener?.isConnected) this.#question?.next?.focus();
  }
}

/** @param {HTMLElement} opener in the row of a table */
function captionOf(opener) {
  return opener.closest("table")?.caption ?? null;
}
