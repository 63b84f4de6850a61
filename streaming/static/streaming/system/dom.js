import { find } from "../shared/find.js";

/** @typedef {string | number | boolean | null | undefined} Text */
/** @typedef {Record<string, Text>} Texts by field */

/**
 * Shows one row per entry in a table's body. The row of an entry stays the same element while the entry exists, so that
 * selection, focus and a screen reader's position survive.
 * @template {{id: string}} T
 * @param {HTMLTableSectionElement} body
 * @param {HTMLTemplateElement} template a row with one cell per `data-field`
 * @param {T[]} entries
 * @param {(entry: T) => Texts} texts
 */
export function showRows(body, template, entries, texts) {
  const ids = new Set(entries.map(({ id }) => id));
  const gone = [...body.rows].filter((row) => !ids.has(row.dataset.id ?? ""));
  const focused = gone.some((row) => row.contains(document.activeElement));
  for (const row of gone) row.remove(); // before the others: to move a row takes the focus away from it
  const rows = new Map([...body.rows].map((row) => [row.dataset.id, row]));
  entries.forEach((entry, index) => {
    const row = rows.get(entry.id) ?? newRow(template);
    row.dataset.id = entry.id;
    showFields(row, texts(entry));
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] ?? null);
  });
  if (focused) body.closest("table")?.caption?.focus();
}

/** @param {HTMLTemplateElement} template */
function newRow(template) {
  return find(document.importNode(template.content, true), "tr", HTMLTableRowElement);
}

/** @param {Element} element @param {Texts} texts */
function showFields(element, texts) {
  for (const cell of element.querySelectorAll("[data-field]")) {
    say(cell, texts[cell.getAttribute("data-field") ?? ""]);
  }
  for (const button of element.querySelectorAll("[data-about]")) {
    const fields = button.getAttribute("data-about") ?? "";
    const about = fields.split(" ").map((field) => texts[field]);
    button.setAttribute("aria-label", `${button.textContent}: ${about.join(", ")}`); // many buttons have the same text
  }
}

/**
 * Sets a text, if it has changed: a live region would announce an unchanged one again.
 * @param {Element} element
 * @param {Text} text
 */
export function say(element, text) {
  const words = String(text ?? "");
  if (element.textContent !== words) element.textContent = words;
}

/**
 * Disables or enables a button. `disabled` would take the focus away from a user who has just pressed it.
 * @param {Element} button
 * @param {boolean} off
 */
export function turnOff(button, off) {
  button.setAttribute("aria-disabled", String(off));
}

/** @param {Element} button */
export function isOff(button) {
  return button.getAttribute("aria-disabled") === "true";
}

/** @param {string} name */
export function isPlaced(name) {
  return document.querySelector(selector(name)) !== null;
}

/** @param {string} name */
export function place(name) {
  return find(document, selector(name), HTMLElement);
}

/**
 * @template {Element} T
 * @param {string} name
 * @param {new () => T} type
 */
export function placeOf(name, type) {
  return find(document, selector(name), type);
}

/** @param {string} name of a place in the page */
const selector = (name) => `[data-place="${name}"]`;

/**
 * Shows the table at a place: one row per entry, or the text for an empty table.
 * @template {{id: string}} T
 * @param {string} name
 * @param {T[]} entries
 * @param {(entry: T) => Texts} texts
 */
export function showTable(name, entries, texts) {
  showRows(placeOf(name, HTMLTableSectionElement), placeOf(`${name}-row`, HTMLTemplateElement), entries, texts);
  place(`no-${name}`).hidden = entries.length > 0;
}

/** @param {number} time Unix milliseconds @param {boolean} [exact] to the second */
export function moment(time, exact = false) {
  /** @type {Intl.DateTimeFormatOptions} */
  const format = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  return new Date(time).toLocaleString("en-GB", exact ? { ...format, second: "2-digit" } : format);
}
