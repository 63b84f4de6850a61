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
 * @returns {Promise<Result>}
 */
async function tryCamera({ dataset }, form) {
  const fields = new FormData(form ?? undefined);
  fields.set("id", dataset.camera ?? "");
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

/** @param {HTMLElement} panel @param {HTMLButtonElement} button */
async function test(panel, button) {
  const words = find(panel, "[role=status]", HTMLElement);
  const picture = find(panel, "img", HTMLImageElement);
  button.disabled = true;
  picture.hidden = true;
  delete panel.dataset.ok;
  words.textContent = "Connecting…";
  try {
    const result = await tryCamera(panel, button.form);
    panel.dataset.ok = String(result.ok);
    words.textContent = result.ok ? `Connected: ${facts(result)}.` : (result.message ?? "");
    picture.hidden = !result.ok;
    if (result.ok) picture.src = result.picture ?? "";
  } catch {
    words.textContent = "The test failed to run. Reload the page and try again.";
  } finally {
    button.disabled = false;
  }
}

const panel = document.querySelector("[data-test-url]");
if (panel instanceof HTMLElement) {
  const button = find(panel, "button", HTMLButtonElement);
  button.addEventListener("click", () => test(panel, button));
}
