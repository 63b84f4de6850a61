import { find } from "../shared/find.js";
import { order } from "../shared/http.js";
import { isOff, say, turnOff } from "./dom.js";

/** @import { Errors, Reply } from "../shared/http.js" */

/** @typedef {HTMLInputElement | HTMLSelectElement} Field */

/** A form of limits. Typed values stay until the user saves or undoes them, whatever the server reports meanwhile. */
export class LimitsForm {
  #form;
  /** @type {Record<string, string>} values on the server, by field */
  #known = {};
  #token;

  /** @param {HTMLFormElement} form @param {string} token of CSRF */
  constructor(form, token) {
    this.#form = form;
    this.#token = token;
    form.addEventListener("input", () => this.#render());
  }

  /** @returns {Field[]} */
  get #fields() {
    return [...this.#form.elements].filter(isField);
  }

  /** The fields that differ from the server's value. An invalid number counts as different, with the value "". */
  get changed() {
    /** @param {Field} field */
    const differs = ({ name, value, validity }) => validity.badInput || value !== (this.#known[name] ?? "");
    return Object.fromEntries(this.#fields.filter(differs).map(({ name, value }) => [name, value]));
  }

  /** Whether it cannot be sent now: nothing has changed, or the last request is not answered yet. */
  get isOff() {
    return isOff(find(this.#form, "[type=submit]", HTMLElement));
  }

  get values() {
    return Object.fromEntries(this.#fields.map(({ name, value }) => [name, value]));
  }

  /** @param {Record<string, string>} values for the fields that the user has not changed */
  show(values) {
    const touched = this.changed;
    for (const field of this.#fields) {
      if (!(field.name in touched)) field.value = values[field.name] ?? "";
    }
    this.#known = values;
    this.#render();
  }

  /** Restores the server's values. */
  undo() {
    for (const field of this.#fields) field.value = this.#known[field.name] ?? "";
    this.#showErrors({});
    this.#render();
  }

  /**
   * @template T
   * @param {string} url
   * @param {Record<string, string>} fields
   * @returns {Promise<T | null>} null: the form shows the errors
   */
  async send(url, fields) {
    for (const button of this.#buttons) turnOff(button, true);
    /** @type {Reply<T>} */
    const { answer, errors } = await order(url, fields, this.#token);
    for (const button of this.#buttons) turnOff(button, false);
    this.#showErrors(errors ?? {});
    if (errors) this.#render();
    else this.#known = this.values;
    return answer;
  }

  /** @returns {boolean} whether all values can be sent; marks those that cannot */
  check() {
    const bad = this.#fields.filter(({ validity }) => validity.badInput);
    this.#showErrors(Object.fromEntries(bad.map(({ name }) => [name, ["Enter a number."]])));
    return bad.length === 0;
  }

  get #buttons() {
    return this.#form.querySelectorAll("button");
  }

  /** @param {string} text */
  say(text) {
    say(find(this.#form, "[data-said]", HTMLElement), text);
  }

  /** @param {Errors} errors */
  #showErrors(errors) {
    const rest = { ...errors };
    for (const field of this.#fields) {
      const text = (errors[field.name] ?? []).join(" ");
      delete rest[field.name];
      say(find(this.#form, `[data-error="${field.name}"]`, HTMLElement), text);
      field.setAttribute("aria-invalid", String(Boolean(text)));
    }
    say(find(this.#form, "[data-error=__all__]", HTMLElement), Object.values(rest).flat().join(" "));
    if (Object.keys(errors).length) this.say("");
    this.#fields.find((field) => field.getAttribute("aria-invalid") === "true")?.focus();
  }

  #render() {
    const dirty = Object.keys(this.changed).length > 0;
    for (const button of this.#form.querySelectorAll("[data-needs-change]")) turnOff(button, !dirty);
  }
}

/**
 * @param {Element} element
 * @returns {element is Field}
 */
function isField(element) {
  return (element instanceof HTMLInputElement || element instanceof HTMLSelectElement) && element.name !== "";
}
