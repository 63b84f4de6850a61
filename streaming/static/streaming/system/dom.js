/**
 * A table's body with one row per entry. Rows stay the same elements as long as their entry is there, so that a selection,
 * the focus and a screen reader's place survive.
 * @param {HTMLTableSectionElement} body
 * @param {HTMLTemplateElement} template a row that has a cell per `data-field`
 * @param {{id: string}[]} entries
 * @param {(entry: any) => Record<string, string | number>} texts
 */
export function showRows(body, template, entries, texts) {
  const rows = new Map([...body.rows].map((row) => [row.dataset.id, row]));
  entries.forEach((entry, index) => {
    const row = rows.get(entry.id) ?? template.content.firstElementChild.cloneNode(true);
    rows.delete(entry.id);
    row.dataset.id = entry.id;
    showFields(row, texts(entry));
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] ?? null);
  });
  const focused = [...rows.values()].some((row) => row.contains(document.activeElement));
  for (const row of rows.values()) row.remove();
  if (focused) body.closest("table").caption?.focus();
}

/**
 * Only what has changed is written.
 * @param {Element} element
 * @param {Record<string, string | number>} texts
 */
function showFields(element, texts) {
  for (const cell of element.querySelectorAll("[data-field]")) {
    say(cell, texts[cell.dataset.field]);
  }
  for (const button of element.querySelectorAll("[data-about]")) {
    const about = button.dataset.about.split(" ").map((field) => texts[field]);
    button.setAttribute("aria-label", `${button.textContent}: ${about.join(", ")}`); // many are called the same
  }
}

/**
 * Text that has not changed is left alone: a live region would say it again.
 * @param {Element} element
 * @param {string | number | null | undefined} text
 */
export function say(element, text) {
  const words = String(text ?? "");
  if (element.textContent !== words) element.textContent = words;
}

/**
 * A button that does nothing for now. `disabled` would take the focus away from who has just pressed it.
 * @param {HTMLButtonElement} button
 * @param {boolean} off
 */
export function turnOff(button, off) {
  button.setAttribute("aria-disabled", String(off));
}

/** @param {HTMLButtonElement} button */
export function isOff(button) {
  return button.getAttribute("aria-disabled") === "true";
}

/** @param {string} name of a place of the page */
export function place(name) {
  return document.querySelector(`[data-place="${name}"]`);
}

/**
 * The table at a place: rows, and the words that stand there when there are none.
 * @param {string} name
 * @param {{id: string}[]} entries
 * @param {(entry: any) => Record<string, string | number>} texts
 */
export function showTable(name, entries, texts) {
  showRows(place(name), place(`${name}-row`), entries, texts);
  place(`no-${name}`).hidden = entries.length > 0;
}

/** @param {number} time Unix milliseconds @param {boolean} [exact] to the second */
export function moment(time, exact = false) {
  const second = exact ? { second: "2-digit" } : {};
  return new Date(time).toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", ...second });
}
