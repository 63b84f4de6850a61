/** *Test connection* on a camera's form: tries what is typed there, saved or not. */

const panel = document.querySelector("[data-test-url]");

/** @returns {Promise<{ok: boolean, message?: string, picture?: string, width?: number, height?: number}>} */
async function tryCamera(form) {
  const fields = new FormData(form);
  fields.set("id", panel.dataset.camera);
  const answer = await fetch(panel.dataset.testUrl, { method: "POST", body: fields });
  if (!answer.ok) throw new Error(`The test answered ${answer.status}.`);
  return answer.json();
}

/** What the camera sends, in a line: `1280 × 720, 25 fps, h264`. */
function facts({ width, height, frames_per_second: rate, codec }) {
  return [`${width} × ${height}`, rate && `${rate} fps`, codec].filter(Boolean).join(", ");
}

async function test(button) {
  const words = panel.querySelector("[role=status]");
  const picture = panel.querySelector("img");
  button.disabled = true;
  picture.hidden = true;
  delete panel.dataset.ok;
  words.textContent = "Connecting…";
  try {
    const result = await tryCamera(button.form);
    panel.dataset.ok = String(result.ok);
    words.textContent = result.ok ? `Connected: ${facts(result)}.` : result.message;
    picture.hidden = !result.ok;
    if (result.ok) picture.src = result.picture;
  } catch {
    words.textContent = "The test failed to run. Reload the page and try again.";
  } finally {
    button.disabled = false;
  }
}

const button = panel?.querySelector("button");
button?.addEventListener("click", () => test(button));
