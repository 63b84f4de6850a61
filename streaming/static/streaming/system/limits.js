/** Settings > System: the limits in force, their form, the dry run, and who changed what. */

import { ask, order } from "../shared/http.js";
import { isOff, moment, place, say, showTable, turnOff } from "./dom.js";

const DEBOUNCE = 300; // ms after the last key

/**
 * @typedef {object} Limit
 * @property {string} name
 * @property {string} label
 * @property {number | null} value in force
 * @property {number | null} default the environment's
 * @property {"environment" | "database" | "deleted"} source
 * @property {string} set_by
 * @property {number | null} set_at Unix milliseconds
 * @property {number | null} trial what is tried instead
 */

/**
 * @param {number | null} value of a limit
 * @param {{id: number, name: string}[] | null} groups of a limit that is a group
 * @param {string} [name] of the limit
 */
export function limitWords(value, groups, name = "") {
  if (groups) return groups.find(({ id }) => id === value)?.name ?? "nobody";
  if (value) return String(value);
  return name === "reserved_slots" ? "none" : "unlimited";
}

/** @param {Limit} limit */
export function originWords({ source, set_by: who, set_at: when }) {
  if (source === "deleted") return "group deleted";
  return source === "environment" || when === null ? "environment default" : `set by ${who}, ${moment(when)}`;
}

/** @param {{since: number, by: string, would_refuse: number} | null} trial */
export function trialWords(trial) {
  if (!trial) return "Not running.";
  const whom = trial.would_refuse === 1 ? "1 viewer" : `${trial.would_refuse} viewers`;
  return `Running since ${moment(trial.since)}, started by ${trial.by}. It would have refused ${whom}.`;
}

/** @param {{days: number, minutes: number, newcomers: number, would_be_refused: number, highest_peak: number, refused_otherwise?: number}} preview */
export function previewWords({ days, minutes, newcomers, would_be_refused: refused, highest_peak: peak, refused_otherwise: others }) {
  if (!minutes) return `No data for the last ${days} days yet.`;
  return `In the last ${days} days, ${refused} of ${newcomers} viewers would have been refused. Highest peak: ${peak}.${others ? ` ${others} were refused for other reasons.` : ""}`;
}

/**
 * When workers go by what was stored: at once where Redis could tell them, else when they next look by themselves.
 * @param {{announced: boolean}} answer
 */
export function followsWords({ announced }) {
  return announced ? "within 2 seconds" : "within 30 seconds, because Redis does not answer";
}

/**
 * Says that limits were saved, and what the administrator should know about them.
 * @param {{announced: boolean, warnings?: string[]}} answer  an earlier version has no warnings
 */
export function savedWords(answer) {
  return [`Saved. Active on every worker ${followsWords(answer)}. Nobody is disconnected.`, ...(answer.warnings ?? [])].join(" ");
}

/** A form of limits: what is typed stays until it is saved or given up, whatever the server says meanwhile. */
class LimitsForm {
  #form;
  #known = {}; // field -> its value as the server knows it
  #token;

  /** @param {HTMLFormElement} form @param {string} token of CSRF */
  constructor(form, token) {
    this.#form = form;
    this.#token = token;
    form.addEventListener("input", () => this.#render());
  }

  get #fields() {
    return [...this.#form.elements].filter((element) => element.name);
  }

  /** Fields that differ from what the server knows, or hold what is no number: their value is "" then. */
  get changed() {
    const differs = ({ name, value, validity }) => validity.badInput || value !== (this.#known[name] ?? "");
    return Object.fromEntries(this.#fields.filter(differs).map(({ name, value }) => [name, value]));
  }

  /** Whether sending is in vain: nothing has changed, or what was sent before has not been answered. */
  get isOff() {
    return isOff(this.#form.querySelector("[type=submit]"));
  }

  get values() {
    return Object.fromEntries(this.#fields.map(({ name, value }) => [name, value]));
  }

  /** @param {Record<string, string>} values shown in the fields that nobody has touched */
  show(values) {
    const touched = this.changed;
    for (const field of this.#fields) {
      if (!(field.name in touched)) field.value = values[field.name] ?? "";
    }
    this.#known = values;
    this.#render();
  }

  /** Give up what was typed. */
  undo() {
    for (const field of this.#fields) field.value = this.#known[field.name] ?? "";
    this.#showErrors({});
    this.#render();
  }

  /**
   * @param {string} url
   * @param {Record<string, string>} fields
   * @returns {Promise<any>} what the server says now, or null
   */
  async send(url, fields) {
    for (const button of this.#buttons) turnOff(button, true);
    const { answer, errors } = await order(url, fields, this.#token);
    for (const button of this.#buttons) turnOff(button, false);
    this.#showErrors(errors ?? {});
    if (errors) this.#render();
    else this.#known = this.values;
    return answer;
  }

  /** Whether what is typed can be sent; says where not. */
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
    say(this.#form.querySelector("[data-said]"), text);
  }

  #showErrors(errors) {
    const rest = { ...errors };
    for (const field of this.#fields) {
      const text = (errors[field.name] ?? []).join(" ");
      delete rest[field.name];
      say(this.#form.querySelector(`[data-error="${field.name}"]`), text);
      field.setAttribute("aria-invalid", String(Boolean(text)));
    }
    say(this.#form.querySelector("[data-error=__all__]"), Object.values(rest).flat().join(" "));
    if (Object.keys(errors).length) this.say("");
    this.#form.querySelector("[aria-invalid=true]")?.focus();
  }

  #render() {
    const dirty = Object.keys(this.changed).length > 0;
    for (const button of this.#form.querySelectorAll("[data-needs-change]")) turnOff(button, !dirty);
  }
}

/** The whole section. */
export class Limits {
  #urls;
  #form;
  #trial;
  #groupName = "";
  #waiting;

  /**
   * @param {Record<string, string>} urls
   * @param {string} token of CSRF
   */
  constructor(urls, token) {
    this.#urls = urls;
    if (!place("limits-form")) return; // without the permission there are values only
    this.#form = new LimitsForm(place("limits-form"), token);
    this.#trial = new LimitsForm(place("trial-form"), token);
    this.#handle("limits-form", this.#form, () => this.#save());
    this.#handle("trial-form", this.#trial, () => this.#startTrial());
    place("undo").addEventListener("click", (event) => {
      if (isOff(event.target)) return;
      this.#form.undo();
      this.#showPreview("");
    });
    place("stop-trial").addEventListener("click", (event) => isOff(event.target) || this.#stopTrial());
    place("limits-form").elements.max_concurrent.addEventListener("input", (event) => this.#preview(event.target));
  }

  /** Of whom the reserved slots are. */
  get groupName() {
    return this.#groupName;
  }

  async refresh() {
    this.show(await ask(this.#urls.limits));
  }

  show({ limits, groups, trial, log }) {
    const groupsOf = (limit) => (limit.name === "reserved_group" ? groups : null);
    for (const limit of limits) {
      say(place(`value-${limit.name}`), limitWords(limit.value, groupsOf(limit), limit.name));
      say(place(`origin-${limit.name}`), originWords(limit));
    }
    const group = limits.find(({ name }) => name === "reserved_group");
    this.#groupName = group.value === null ? "" : limitWords(group.value, groups);
    say(place("trial-state"), trialWords(trial));
    place("trial").dataset.running = String(trial !== null);
    showTable("log", log, (change) => ({ ...change, time: moment(change.time) }));
    if (this.#form) this.#showForms(limits, groups, trial);
  }

  #showForms(limits, groups, trial) {
    for (const form of ["limits-form", "trial-form"]) {
      const { elements } = place(form);
      showGroups(elements.reserved_group, groups);
      for (const limit of limits.filter(({ name }) => name !== "reserved_group")) {
        const kept = form === "limits-form" ? `default: ${limitWords(limit.default, null, limit.name)}` : "ignored";
        elements[limit.name].placeholder = kept;
      }
    }
    const text = (value) => (value === null ? "" : String(value));
    const stored = (limit) => (limit.source === "database" ? text(limit.value) : "");
    this.#form.show(Object.fromEntries(limits.map((limit) => [limit.name, stored(limit)])));
    this.#trial.show(Object.fromEntries(limits.map((limit) => [limit.name, text(limit.trial)])));
    place("stop-trial").hidden = trial === null;
    say(place("start-trial"), trial === null ? "Start dry run" : "Restart with these limits");
  }

  #handle(name, form, act) {
    place(name).addEventListener("submit", (event) => {
      event.preventDefault();
      if (!form.isOff && form.check()) act();
    });
  }

  async #save() {
    const answer = await this.#form.send(this.#urls.limits, this.#form.changed);
    if (!answer) return;
    this.show(answer);
    this.#showPreview("");
    this.#form.say(savedWords(answer));
  }

  async #startTrial() {
    const answer = await this.#trial.send(this.#urls.trial, this.#trial.values);
    if (!answer) return;
    this.show(answer);
    this.#trial.say(`Started on every worker ${followsWords(answer)}. It refuses nobody.`);
  }

  async #stopTrial() {
    const answer = await this.#trial.send(this.#urls.trial, { stop: "1" });
    if (!answer) return;
    this.show(answer);
    this.#trial.say(answer.announced ? "Stopped." : `Stopped on every worker ${followsWords(answer)}.`);
    place("start-trial").focus();
  }

  #preview({ value, validity }) {
    clearTimeout(this.#waiting);
    if (!value || !validity.valid) this.#showPreview("");
    else this.#waiting = setTimeout(() => this.#askPreview(value), DEBOUNCE);
  }

  async #askPreview(value) {
    const answer = await ask(this.#urls.preview, { max_concurrent: value }).catch(() => null);
    const field = place("limits-form").elements.max_concurrent;
    if (field.value === value) this.#showPreview(answer ? previewWords(answer) : "");
  }

  #showPreview(text) {
    clearTimeout(this.#waiting);
    say(place("preview"), text);
  }
}

/** Choices that are there already stay, with what is chosen. */
function showGroups(select, groups) {
  const wanted = new Map(groups.map(({ id, name }) => [String(id), name]));
  for (const option of [...select.options].slice(1)) {
    if (wanted.delete(option.value)) continue;
    if (!option.selected) option.remove();
  }
  for (const [id, name] of wanted) select.add(new Option(name, id));
}
