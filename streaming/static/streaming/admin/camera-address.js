/** The addresses on a camera's form: a pasted login moves into its fields, and the makers' addresses can be filled in. */

import { hostOf, splitCredentials } from "./credentials.js";

const MOVED = "The user name and the password in the address were moved into their own fields.";
const HOST = "HOST";

/**
 * @param {HTMLFormElement} form
 * @param {string} name
 */
function field(form, name) {
  const element = form.elements.namedItem(name);
  return element instanceof HTMLInputElement ? element : null;
}

/**
 * Moves the login out of an address. Nothing happens if it has none.
 * @param {HTMLFormElement} form
 * @param {HTMLInputElement} address
 * @param {HTMLElement} words
 */
function moveLogin(form, address, words) {
  const { url, username, password } = splitCredentials(address.value.trim());
  if (!username && !password) return;
  address.value = url;
  for (const [name, value] of Object.entries({ username, password })) {
    const input = field(form, name);
    if (input && value) input.value = value;
  }
  words.textContent = MOVED;
}

/** @param {HTMLFormElement} form @param {HTMLInputElement} address */
function watch(form, address) {
  const words = document.createElement("p");
  words.className = "pasted";
  words.setAttribute("role", "status");
  const help = document.getElementById(`${address.id}_helptext`)?.firstElementChild;
  if (help) help.append(words);
  else address.after(words);
  address.addEventListener("change", () => moveLogin(form, address, words));
  address.addEventListener("input", (event) => {
    words.textContent = "";
    // Not while somebody types: the text after an @ may still be part of the password.
    if (event instanceof InputEvent && /^insertFrom(Paste|Drop)/.test(event.inputType)) moveLogin(form, address, words);
  });
}

/** @param {HTMLFormElement} form @param {HTMLButtonElement} button */
function fillIn(form, { dataset }) {
  const address = field(form, "stream_url");
  if (!address) return;
  const host = hostOf(address.value) || HOST;
  const substream = field(form, "substream_url");
  if (substream) substream.value = (dataset.sub ?? "").replace(HOST, () => host);
  address.value = (dataset.main ?? "").replace(HOST, () => host);
  address.focus();
  const start = address.value.indexOf(host);
  address.setSelectionRange(start, start + host.length);
}

const address = document.getElementById("id_stream_url");
const form = address?.closest("form");
if (form) {
  for (const name of ["stream_url", "substream_url"]) {
    const input = field(form, name);
    if (input) watch(form, input);
  }
  for (const button of document.querySelectorAll("button[data-main]")) {
    if (!(button instanceof HTMLButtonElement)) continue;
    button.hidden = false;
    button.addEventListener("click", () => fillIn(form, button));
  }
}
