import { FiguresPanel } from "./figures-panel.js";
import { FullScreen } from "./full-screen.js";
import { Painter } from "./painter.js";
import { PictureInPicture } from "./picture-in-picture.js";
import { Reason, snapshotPath } from "../shared/protocol.js";
import { AUTO, QualityChoice } from "./quality-choice.js";
import { QualityMenu } from "./quality-menu.js";
import { savePicture } from "./save-picture.js";
import { State } from "../engine/states.js";
import { showToast } from "../shared/toast.js";
import { Traffic, measureLink } from "../engine/traffic.js";
import { playsH264 } from "../engine/video-decoder.js";
import { Viewer } from "../engine/viewer.js";
import { keptWords, notice, pictureAge, stateWords } from "./texts.js";
import { QUALITY_WORDS } from "../shared/format.js";
import { Zoom } from "./zoom.js";

const INTERVAL = 500; // ms between two looks at what changes by itself
const QUALITY_KEYS = { 1: "low", 2: "medium", 3: "high", 4: "original", a: AUTO };

const playsVideo = playsH264();

/**
 * Draws one viewing: the picture, its state in words, and the controls. Its markup comes from
 * `templates/streaming/_viewer.html`; the engine is viewer.js. Reflects `data-state`, `data-quality` and `data-format`.
 * Dispatches `refused` when the limit is reached.
 */
export class CameraViewer extends HTMLElement {
  /** @type {Viewer | null} */
  #viewer = null;
  /** @type {{id: string, name: string} | null} */
  #camera = null;
  /** @type {QualityChoice | null} */
  #choice = null;
  /** @type {Record<string, HTMLElement>} */
  #parts = {};
  #painter;
  #menu;
  #fullScreen;
  #figures;
  #inPicture;
  #zoom;
  #timer;
  #gate = null;
  #slotFree = false;
  #gaps = 0; // seen
  #announced = "";

  connectedCallback() {
    if (this.#painter) return;
    for (const part of this.querySelectorAll("[data-part]")) this.#parts[part.dataset.part] = part;
    const { canvas, quality, retry, noticeRetry, fullscreen, figures, figuresToggle, pip, save, unzoom } = this.#parts;
    this.#painter = new Painter(canvas, () => this.#drawElsewhere());
    this.#menu = new QualityMenu(quality, (choice) => this.#choose(choice));
    this.#fullScreen = new FullScreen(this, fullscreen);
    this.#figures = new FiguresPanel(figures, figuresToggle);
    this.#inPicture = new PictureInPicture(canvas, pip, (shown) => this.#showElsewhere(shown));
    this.#zoom = new Zoom(canvas.parentElement, canvas, unzoom);
    figuresToggle.addEventListener("click", () => this.#toggleFigures());
    save.addEventListener("click", () => this.#save());
    retry.addEventListener("click", () => this.retry());
    noticeRetry.addEventListener("click", () => this.retry());
    this.dataset.state = State.IDLE;
  }

  /** @param {{id: string, name: string}} camera */
  async open(camera) {
    this.close();
    this.#camera = camera;
    this.#parts.canvas.setAttribute("aria-label", `Live picture of ${camera.name}`);
    this.#announced = "";
    this.dataset.state = State.CONNECTING;
    const video = await playsVideo;
    if (this.#camera === camera) this.#start(camera, video);
  }

  #start({ id }, video) {
    const pixels = () => this.#parts.canvas.clientWidth * window.devicePixelRatio;
    const traffic = new Traffic();
    const measure = () => measureLink(snapshotPath(id, "medium"), traffic);
    this.#choice = new QualityChoice({ choice: this.#menu.choice, playsVideo: video, pixels, traffic, measure });
    this.#gaps = 0;
    const { quality } = this.#choice;
    const paint = (picture) => this.#painter.paint(picture);
    this.#viewer = new Viewer({ cameraId: id, quality, video, traffic, paint });
    this.#viewer.addEventListener("change", () => this.#render());
    this.#viewer.addEventListener("picture", () => this.#onPicture());
    this.#viewer.addEventListener("videofailure", () => this.#onVideoFailure());
    this.#viewer.addEventListener("qualitykept", (event) => this.#onQualityKept(event.detail));
    this.#viewer.open();
    this.#timer = setInterval(() => this.#refresh(), INTERVAL);
  }

  /** Give the slot back and empty the picture. */
  close() {
    this.leaveFullScreen();
    this.#inPicture.leave();
    this.#zoom.reset();
    this.#figures.clear();
    clearInterval(this.#timer);
    this.#viewer?.close();
    this.#viewer = this.#choice = this.#camera = null;
    this.#painter.clear();
    this.#menu.showQuality(null);
    delete this.dataset.picture;
    delete this.dataset.quality;
    delete this.dataset.format;
    this.#parts.save.disabled = this.#parts.pip.disabled = true;
    this.#parts.age.textContent = "";
  }

  retry() {
    this.#viewer?.retry();
  }

  /** @param {import("../shared/protocol.js").Gate | null} gate null: not known. A refused viewer is offered a free slot. */
  set gate(gate) {
    this.#gate = gate;
    const free = gate?.state === "open" && gate.available > 0;
    if (free === this.#slotFree) return;
    this.#slotFree = free;
    if (this.#viewer) this.#render();
  }

  /** @returns {boolean} whether the key meant something here */
  handleKey(key) {
    if (key === "f") this.#fullScreen.toggle();
    else if (key === "r") this.retry();
    else if (key === "i") this.#toggleFigures();
    else if (key === "s") this.#save();
    else if (QUALITY_KEYS[key]) this.#menu.choose(QUALITY_KEYS[key]);
    else return this.#zoom.handleKey(key);
    return true;
  }

  /** @returns {boolean} whether it was in full screen */
  leaveFullScreen() {
    return this.#fullScreen.leave();
  }

  /** @param {string} choice */
  #choose(choice) {
    this.#menu.showQuality(this.#viewer?.quality ?? null);
    this.#choice?.choose(choice);
    this.#applyQuality();
  }

  #applyQuality() {
    if (this.#choice && this.#viewer.wanted !== this.#choice.quality) this.#viewer.setQuality(this.#choice.quality);
  }

  #onVideoFailure() {
    this.#choice.videoFailed();
    this.#applyQuality();
  }

  /** Auto tries again later, without a word; a viewer who chose the quality is told. */
  #onQualityKept({ quality, reason }) {
    this.#choice.kept(quality);
    this.#applyQuality();
    if (this.#menu.choice === AUTO) return;
    this.#menu.show(quality);
    showToast(`Quality stays ${QUALITY_WORDS[quality]}`, keptWords(reason));
  }

  #onPicture() {
    const { picture, quality, figures, age, status } = this.#viewer;
    if (picture.kind === "live" && status.state === State.LIVE) {
      const gap = figures.gaps > this.#gaps;
      this.#gaps = figures.gaps;
      this.#choice.observe({ age, gap, quality, format: figures.format });
      this.#applyQuality();
      if (this.dataset.format !== figures.format) this.dataset.format = figures.format;
    }
    if (this.dataset.picture === picture.kind) return;
    this.dataset.picture = picture.kind;
    this.#parts.save.disabled = this.#parts.pip.disabled = false;
    this.#renderAge();
  }

  #refresh() {
    this.#applyQuality();
    const { status } = this.#viewer;
    if (status.state === State.CLOSED && status.until) this.#renderWords(status); // how long is left
    this.#renderAge();
    this.#renderFigures();
    if (status.state !== State.LIVE) this.#drawElsewhere();
  }

  #render() {
    const { status, quality } = this.#viewer;
    const entered = this.dataset.state !== status.state;
    this.dataset.state = status.state;
    if (quality && quality !== this.dataset.quality) this.dataset.quality = quality;
    this.#menu.showQuality(quality);
    if (entered && status.state !== State.LIVE && status.state !== State.STALE) this.#choice.restart();
    // What was known about free slots before the refusal is refuted by it.
    if (entered && status.state === State.REFUSED) this.#slotFree = false;
    this.#renderWords(status);
    this.#renderAge();
    this.#drawElsewhere();
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
    noticeRetry.textContent = said?.action ?? "";
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

  #renderFigures() {
    if (!this.#viewer) return;
    const known = this.#gate && { inUse: this.#gate.in_use, limit: this.#gate.limit };
    this.#figures.render(this.#viewer, this.#parts.canvas, known ?? this.#viewer.gate);
  }

  #toggleFigures() {
    this.#figures.toggle();
    this.#renderFigures();
  }

  #save() {
    if (this.dataset.picture) savePicture(this.#parts.canvas, this.#camera.name, this.#viewer.age);
  }

  #drawElsewhere() {
    const { noticeTitle, state, age } = this.#parts;
    const parts = this.dataset.state === State.LIVE ? [] : [noticeTitle, state, age];
    this.#inPicture.draw(parts.map(({ textContent }) => textContent).filter(Boolean));
  }

  /** @param {boolean} shown in picture in picture */
  #showElsewhere(shown) {
    if (this.#viewer) this.#viewer.seenElsewhere = shown;
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
