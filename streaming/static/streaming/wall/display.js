/** A display's way to its wall: sends the token of its link, and waits while its access has ended. */

import { find } from "../shared/find.js";
import { askForHead } from "../shared/http.js";

const RETRY = 5_000; // ms
const LOOK = 15_000; // ms between two looks whether the access was renewed
const TIMEOUT = 10_000; // ms

/** @param {string} token */
async function enter(token) {
  const form = find(document, "[data-enter]", HTMLFormElement);
  const body = new FormData(form);
  body.set("token", token);
  const answer = await fetch(location.pathname, { method: "POST", body, signal: AbortSignal.timeout(TIMEOUT) }).catch(() => null);
  if (answer?.redirected) return location.replace(answer.url);
  if (answer?.status === 403 && new URL(answer.url).pathname === location.pathname) return showInvalid();
  find(form, "[data-unreachable]", HTMLElement).hidden = false;
  setTimeout(() => enter(token), RETRY);
}

function showInvalid() {
  find(document, "[data-words]", HTMLElement).textContent = "This link is not valid";
  find(document, "[data-invalid]", HTMLElement).hidden = false;
  find(document, "[data-unreachable]", HTMLElement).hidden = true;
}

async function look() {
  if ((await askForHead())?.ok) location.reload();
}

if (document.querySelector("[data-ended]")) setInterval(look, LOOK);
else if (location.hash.length > 1) enter(location.hash.slice(1));
else showInvalid();
