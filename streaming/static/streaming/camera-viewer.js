import { Painter } from "./painter.js";
import { QUALITIES, Reason } from "./protocol.js";
import { State } from "./states.js";
import { Viewer } from "./viewer.js";
import { notice, pictureAge, stateWords } from "./words.js";

const AGE_INTERVAL = 500; // ms
const QUALITY_KEY = "nvr.quality";

/** @returns {string | null} */
function rememberedQuality() {
  try {
    const quality = localStorage.getItem(QUALITY_KEY);
    return QUALITIES.includes(quality) ? quality : null;
  } catch {
    return null; // storage is switched off
  }
}

/** @param {string} quality */
function rememberQuality(quality) {
  try {
    localStorage.setItem(QUALITY_KEY, quality);
  } catch {
    // Storage is switched off or full: the choice lasts as long as the page.
  }
}

/**
 * Draws one viewing: the picture, its state in words, and the controls. Its markup comes from
 * `templates/streaming/_viewer.html`; the engine is viewer.js. Reflects `data-state` and `data-quality`.
 * Dispatches `refused` when the limit is reached.
 */
export class CameraViewer extends HTMLElement {
  /** @type {Viewer | null} */
  #viewer = null;
  /** @type {Record<string, HTMLElement>} */
  #parts = {};
  #painter;
  #ageTimer;
  #slotFree = false;
  #announced = "";

  connectedCallback() {
    if (this.#painter) return;
    for (const part of this.querySelectorAll("[data-part]")) this.#parts[part.dataset.part] = part;
    const { canvas, quality, retry, noticeRetry, fullscreen } = this.#parts;
    this.#painter = new Painter(canvas);
    quality.addEventListener("change", () => this.#choose(quality.value));
    retry.addEventListener("click", () => this.retry());
    noticeRetry.addEventListener("click", () => this.retry());
    fullscreen.addEventListener("click", () => this.toggleFullScreen());
    this.addEventListener("fullscreenchange", () => this.#showFullScreen());
    this.dataset.state = State.IDLE;
  }

  /** @param {{id: string, name: string}} camera */
  open({ id, name }) {
    this.close();
    this.#parts.canvas.setAttribute("aria-label", `Live picture of ${name}`);
    const quality = rememberedQuality();
    if (quality) this.#parts.quality.value = quality;
    this.dataset.quality = this.#parts.quality.value;
    this.#announced = "";
    this.#viewer = new Viewer({ cameraId: id, quality, paint: (bitmap) => this.#painter.paint(bitmap) });
    this.#viewer.addEventListener("change", () => this.#render());
    this.#viewer.addEventListener("picture", () => this.#onPicture());
    this.#viewer.open();
    this.#ageTimer = setInterval(() => this.#renderAge(), AGE_INTERVAL);
  }

  /** Give the slot back and empty the picture. */
  close() {
    this.leaveFullScreen();
    clearInterval(this.#ageTimer);
    this.#viewer?.close();
    this.#viewer = null;
    this.#painter.clear();
    delete this.dataset.picture;
    this.#parts.age.textContent = "";
  }

  retry() {
    this.#viewer?.retry();
  }

  /** @param {boolean} free whether the limit has room again: a refused viewer is offered it */
  set slotFree(free) {
    if (free === this.#slotFree) return;
    this.#slotFree = free;
    if (this.#viewer) this.#render();
  }

  /** @returns {boolean} whether the key meant something here */
  handleKey(key) {
    const quality = QUALITIES[Number(key) - 1];
    if (key === "f") this.toggleFullScreen();
    else if (key === "r") this.retry();
    else if (quality) this.#choose(quality);
    else return false;
    return true;
  }

  toggleFullScreen() {
    if (this.leaveFullScreen()) return;
    // An iPhone has no full screen for elements: fill the window instead.
    const fill = () => this.classList.add("fills-window");
    if (this.requestFullscreen) this.requestFullscreen().catch(fill).finally(() => this.#showFullScreen());
    else fill();
    this.#showFullScreen();
  }

  /** @returns {boolean} whether it was in full screen */
  leaveFullScreen() {
    const filled = this.classList.contains("fills-window");
    const full = document.fullscreenElement === this;
    this.classList.remove("fills-window");
    if (full) document.exitFullscreen();
    this.#showFullScreen();
    return filled || full;
  }

  #showFullScreen() {
    const full = document.fullscreenElement === this || this.classList.contains("fills-window");
    this.#parts.fullscreen.setAttribute("aria-pressed", String(full));
  }

  /** @param {string} quality */
  #choose(quality) {
    this.#parts.quality.value = quality;
    rememberQuality(quality);
    this.#viewer?.setQuality(quality);
  }

  #onPicture() {
    const { kind } = this.#viewer.picture;
    if (this.dataset.picture === kind) return;
    this.dataset.picture = kind;
    this.#renderAge();
  }

  #render() {
    const { status, quality } = this.#viewer;
    const entered = this.dataset.state !== status.state;
    this.dataset.state = status.state;
    if (quality && quality !== this.dataset.quality) {
      this.dataset.quality = quality;
      this.#parts.quality.value = quality;
    }
    // What was known about free slots before the refusal is refuted by it.
    if (entered && status.state === State.REFUSED) this.#slotFree = false;
    this.#renderWords(status);
    this.#renderAge();
    this.#announce();
    if (entered && status.state === State.REFUSED) {
      this.dispatchEvent(new CustomEvent("refused", { detail: status, bubbles: true }));
    }
  }

  #renderWords(status) {
    const { state, notice: panel, noticeTitle, noticeText, noticeRetry, retry, login } = this.#parts;
    const said = notice(status, this.#slotFree);
    state.textContent = said ? "" : stateWords(status);
    noticeTitle.textContent = said?.title ?? "";
    noticeText.textContent = said?.text ?? "";
    noticeRetry.hidden = status.reason === Reason.NOT_AUTHENTICATED;
    login.hidden = !noticeRetry.hidden;
    // One Retry at a time: in the notice while there is one, else among the controls. The focus moves with it.
    const [from, to] = said ? [retry, noticeRetry] : [noticeRetry, retry];
    const focused = document.activeElement === from;
    panel.hidden = !said;
    retry.hidden = Boolean(said);
    if (focused) to.focus();
  }

  #renderAge() {
    const { picture, age, status } = this.#viewer;
    this.#parts.age.textContent = picture ? pictureAge(status.state, picture.kind, age) : "";
  }

  /** Changes of state only: an age that ticks inside a live region would never let a screen reader rest. */
  #announce() {
    const { noticeTitle, noticeText, state, announcer } = this.#parts;
    const text = noticeTitle.textContent ? `${noticeTitle.textContent}. ${noticeText.textContent}` : state.textContent;
    if (text === this.#announced) return;
    this.#announced = text;
    announcer.textContent = text;
  }
}

customElements.define("camera-viewer", CameraViewer);
