/** *Test connection* on a camera's form: tests the typed values, saved or not. */

import { find } from "../shared/find.js";

/**
 * @typedef {object} Result
 * @property {boolean} ok
 * @property {string} [message] why it failed
 * @property {string} [picture] a data: URL
 * @property {number} [width]
 * @property {number} [height]
 * @property {number | null} [frames_per_second]
 * @property {string} [codec]
 */

/**
 * @param {HTMLElement} panel
 * @param {HTMLFormElement | null} form
 * @param {string} stream "main" or "sub"
 * @returns {Promise<Result>}
 */
async function tryCamera({ dataset }, form, stream) {
  const fields = new FormData(form ?? undefined);
  fields.set("id", dataset.camera ?? "");
  fields.set("stream", stream);
  const answer = await fetch(dataset.testUrl ?? "", { method: "POST", body: fields });
  if (!answer.ok) throw new Error(`The test answered ${answer.status}.`);
  return answer.json();
}

/**
 * Describes the camera's video in one line, such as `1280 × 720, 25 fps, h264`.
 * @param {Result} result
 */
function facts({ width, height, frames_per_second: rate, codec }) {
  return [`${width} × ${height}`, rate && `${rate} fps`, codec].filter(Boolean).join(", ");
}

/**
 * Tests one stream, and shows the outcome.
 * @param {HTMLElement} panel
 * @param {HTMLElement} outcome
 * @param {HTMLFormElement | null} form
 */
async function test(panel, outcome, form) {
  const words = find(outcome, "[role=status]", HTMLElement);
  const picture = find(outcome, "img", HTMLImageElement);
  const { stream = "", name, field = "" } = outcome.dataset;
  const address = form?.elements.namedItem(field);
  outcome.hidden = stream === "sub" && !(address instanceof HTMLInputElement && address.value.trim());
  if (outcome.hidden) return;
  picture.hidden = true;
  delete outcome.dataset.ok;
  words.textContent = `${name}: connecting…`;
  try {
    const result = await tryCamera(panel, form, stream);
    outcome.dataset.ok = String(result.ok);
    words.textContent = result.ok ? `${name} connected: ${facts(result)}.` : `${name}: ${result.message ?? ""}`;
    picture.hidden = !result.ok;
    if (result.ok) picture.src = result.picture ?? "";
  } catch {
    words.textContent = "The test failed to run. Reload the page and try again.";
  }
}

/** Tests both streams at once. @param {HTMLElement} panel @param {HTMLButtonElement} button */
async function testAll(panel, button) {
  const outcomes = [...panel.querySelectorAll("[data-stream]")].filter((element) => element instanceof HTMLElement);
  button.disabled = true;
  await Promise.all(outcomes.map((outcome) => test(panel, outcome, button.form)));
  button.disabled = false;
}

const panel = document.querySelector("[data-test-url]");
if (panel instanceof HTMLElement) {
  const button = find(panel, "button", HTMLButtonElement);
  button.addEventListener("click", () => testAll(panel, button));
  button.disabled = false;
}
