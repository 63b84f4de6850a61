/** Settings > System: the limits in force, their form, the dry run, and the latest changes. */

import { find } from "../shared/find.js";
import { duration } from "../shared/format.js";
import { ask } from "../shared/http.js";
import { isOff, isPlaced, moment, place, placeOf, say, showTable } from "./dom.js";
import { LimitsForm } from "./limits-form.js";

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
 * @property {number | null} trial the value in the dry run
 */

/** @typedef {{id: number, name: string}} Group */
/** @typedef {{since: number, by: string, would_refuse: number}} Trial `since`: Unix milliseconds */
/** @typedef {{id: string, time: number, user: string, text: string}} Change */
/** @typedef {{since: number, until: number, limits: string, would_refuse: number}} EndedTrial `limits`: those that it tried, in words */
/** @typedef {{limits: Limit[], groups: Group[], trial: Trial | null, ended_trial: EndedTrial | null, log: Change[]}} LimitsAnswer */
/** @typedef {LimitsAnswer & {announced: boolean}} ChangeAnswer `announced`: whether the workers were told */

/**
 * @typedef {object} Preview
 * @property {number} days
 * @property {number} minutes recorded in these days
 * @property {number} newcomers
 * @property {number} would_be_refused
 * @property {number} highest_peak
 * @property {number} [refused_otherwise]
 */

/** @typedef {{limits: string, trial: string, preview: string}} LimitsUrls */

/**
 * @param {number | null} value of a limit
 * @param {Group[] | null} groups if the limit is a group
 * @param {string} [name] of the limit
 */
export function limitWords(value, groups, name = "") {
  if (groups) return groups.find(({ id }) => id === value)?.name ?? "nobody";
  if (value) return String(value);
  return name === "reserved_slots" ? "none" : "unlimited";
}

/** @param {Pick<Limit, "source" | "set_by" | "set_at">} limit */
export function originWords({ source, set_by: who, set_at: when }) {
  if (source === "deleted") return "group deleted";
  return source === "environment" || when === null ? "environment default" : `set by ${who}, ${moment(when)}`;
}

/** @param {Trial | null} trial @param {EndedTrial | null} [ended] the latest one */
export function trialWords(trial, ended = null) {
  const refused = (/** @type {number} */ count) => `It would have refused ${count === 1 ? "1 viewer" : `${count} viewers`}.`;
  if (trial) return `Running since ${moment(trial.since)}, started by ${trial.by}. ${refused(trial.would_refuse)}`;
  if (!ended) return "Not running.";
  const { since, until, limits, would_refuse: count } = ended;
  return `Not running. The last dry run (${limits}) ended ${moment(until)} after ${duration((until - since) / 1000)}. ${refused(count)}`;
}

/** @param {Preview} preview */
export function previewWords({ days, minutes, newcomers, would_be_refused: refused, highest_peak: peak, refused_otherwise: others }) {
  if (!minutes) return `No data for the last ${days} days yet.`;
  return `In the last ${days} days, ${refused} of ${newcomers} viewers would have been refused. Highest peak: ${peak}.${others ? ` ${others} were refused for other reasons.` : ""}`;
}

/**
 * Tells when the workers apply a change: at once, or at their next look if Redis could not tell them.
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

/**
 * The name of the group that has the reserved slots; empty: none has.
 * @param {Pick<LimitsAnswer, "limits" | "groups">} answer
 */
export function reservedGroup({ limits, groups }) {
  const group = limits.find(({ name }) => name === "reserved_group");
  return !group || group.value === null ? "" : limitWords(group.value, groups);
}

/** The sections of the limits and of the dry run. */
export class Limits {
  #urls;
  #onTrial;
  /** @type {{limits: LimitsForm, trial: LimitsForm} | null} null: the user lacks the permission to change limits */
  #forms = null;
  #isTrying = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #previewTimer;

  /**
   * @param {LimitsUrls} urls
   * @param {string} token of CSRF
   * @param {() => void} onTrial called when a dry run has been started here
   */
  constructor(urls, token, onTrial) {
    this.#urls = urls;
    this.#onTrial = onTrial;
    if (!isPlaced("limits-form")) return;
    const limits = new LimitsForm(placeOf("limits-form", HTMLFormElement), token);
    const trial = new LimitsForm(placeOf("trial-form", HTMLFormElement), token);
    this.#forms = { limits, trial };
    onSubmit("limits-form", limits, () => this.#save(limits));
    onSubmit("trial-form", trial, () => this.#startTrial(trial));
    place("undo").addEventListener("click", () => {
      if (isOff(place("undo"))) return;
      limits.undo();
      this.#showPreview("");
    });
    place("stop-trial").addEventListener("click", () => isOff(place("stop-trial")) || this.#stopTrial(trial));
    const field = find(place("limits-form"), "[name=max_concurrent]", HTMLInputElement);
    field.addEventListener("input", () => this.#preview(field));
  }

  /** Whether a dry run is in force. */
  get isTrying() {
    return this.#isTrying;
  }

  /** @param {LimitsAnswer} answer */
  show({ limits, groups, trial, ended_trial: ended, log }) {
    const groupsOf = (/** @type {Limit} */ limit) => (limit.name === "reserved_group" ? groups : null);
    for (const limit of limits) {
      say(place(`value-${limit.name}`), limitWords(limit.value, groupsOf(limit), limit.name));
      say(place(`origin-${limit.name}`), originWords(limit));
    }
    say(place("trial-state"), trialWords(trial, ended));
    this.#isTrying = trial !== null;
    place("trial").dataset.running = String(trial !== null);
    showTable("log", log, (change) => ({ ...change, time: moment(change.time) }));
    if (this.#forms) this.#showForms(this.#forms, { limits, groups, trial });
  }

  /** @param {{limits: LimitsForm, trial: LimitsForm}} forms @param {Pick<LimitsAnswer, "limits" | "groups" | "trial">} answer */
  #showForms(forms, { limits, groups, trial }) {
    for (const form of ["limits-form", "trial-form"]) {
      showGroups(find(place(form), "[name=reserved_group]", HTMLSelectElement), groups);
      for (const limit of limits.filter(({ name }) => name !== "reserved_group")) {
        const kept = form === "limits-form" ? `default: ${limitWords(limit.default, null, limit.name)}` : "ignored";
        find(place(form), `[name=${limit.name}]`, HTMLInputElement).placeholder = kept;
      }
    }
    const text = (/** @type {number | null} */ value) => (value === null ? "" : String(value));
    const stored = (/** @type {Limit} */ limit) => (limit.source === "database" ? text(limit.value) : "");
    forms.limits.show(Object.fromEntries(limits.map((limit) => [limit.name, stored(limit)])));
    forms.trial.show(Object.fromEntries(limits.map((limit) => [limit.name, text(limit.trial)])));
    place("stop-trial").hidden = trial === null;
    say(place("start-trial"), trial === null ? "Start dry run" : "Restart with these limits");
  }

  /** @param {LimitsForm} form */
  async #save(form) {
    /** @type {ChangeAnswer | null} */
    const answer = await form.send(this.#urls.limits, form.changed);
    if (!answer) return;
    this.show(answer);
    this.#showPreview("");
    form.say(savedWords(answer));
  }

  /** @param {LimitsForm} form */
  async #startTrial(form) {
    /** @type {ChangeAnswer | null} */
    const answer = await form.send(this.#urls.trial, form.values);
    if (!answer) return;
    this.show(answer);
    form.say(`Started on every worker ${followsWords(answer)}. It refuses nobody.`);
    this.#onTrial();
  }

  /** @param {LimitsForm} form */
  async #stopTrial(form) {
    /** @type {ChangeAnswer | null} */
    const answer = await form.send(this.#urls.trial, { stop: "1" });
    if (!answer) return;
    this.show(answer);
    form.say(answer.announced ? "Stopped." : `Stopped on every worker ${followsWords(answer)}.`);
    place("start-trial").focus();
  }

  /** @param {HTMLInputElement} field */
  #preview(field) {
    clearTimeout(this.#previewTimer);
    if (!field.value || !field.validity.valid) this.#showPreview("");
    else this.#previewTimer = setTimeout(() => this.#askPreview(field), DEBOUNCE);
  }

  /** @param {HTMLInputElement} field */
  async #askPreview(field) {
    const { value } = field;
    /** @type {Preview | null} */
    const answer = await ask(this.#urls.preview, { max_concurrent: value }).catch(() => null);
    if (field.value === value) this.#showPreview(answer ? previewWords(answer) : "");
  }

  /** @param {string} text */
  #showPreview(text) {
    clearTimeout(this.#previewTimer);
    say(place("preview"), text);
  }
}

/** @param {string} name of the form's place @param {LimitsForm} form @param {() => void} send */
function onSubmit(name, form, send) {
  place(name).addEventListener("submit", (event) => {
    event.preventDefault();
    if (!form.isOff && form.check()) send();
  });
}

/**
 * Updates the options and keeps the selected one.
 * @param {HTMLSelectElement} select
 * @param {Group[]} groups
 */
function showGroups(select, groups) {
  const wanted = new Map(groups.map(({ id, name }) => [String(id), name]));
  for (const option of [...select.options].slice(1)) {
    if (wanted.delete(option.value)) continue;
    if (!option.selected) option.remove();
  }
  for (const [id, name] of wanted) select.add(new Option(name, id));
}
