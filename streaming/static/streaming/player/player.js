import { State } from "../engine/states.js";
import { find } from "../shared/find.js";
import { FiguresPanel } from "./figures-panel.js";
import { FullScreen } from "./full-screen.js";
import { Painter } from "./painter.js";
import { PictureInPicture } from "./picture-in-picture.js";
import { AUTO } from "./quality-choice.js";
import { QualityMenu } from "./quality-menu.js";
import { savePicture } from "./save-picture.js";
import { Showing } from "./showing.js";
import { StatusPanel } from "./status-panel.js";
import { Zoom } from "./zoom.js";

/** @import { Viewer } from "../engine/viewer.js" */
/** @import { Openings } from "../engine/openings.js" */
/** @import { Camera, Gate } from "../shared/protocol.js" */
/** @import { Choice } from "./quality-choice.js" */
/** @import { ServerUse } from "./status-panel.js" */
/** @import { Viewing } from "./viewing.js" */

/** @type {Record<string, Choice>} */
const QUALITY_KEYS = { 1: "low", 2: "medium", 3: "high", 4: "original", 5: "sub", a: AUTO };

/** @type {ServerUse} */
const UNKNOWN = Object.freeze({ slotFree: false, waiting: null });

/** Connects a viewing with the parts of its element: picture, words and controls. */
export class Player {
  #element;
  #canvas;
  #saveButton;
  #pipButton;
  #painter;
  #menu;
  #fullScreen;
  #figures;
  #inPicture;
  #zoom;
  #status;
  #showing;
  /** @type {Gate | null} */
  #gate = null;
  /** @type {ServerUse} */
  #serverUse = UNKNOWN;

  /** @param {HTMLElement} element with the markup of templates/streaming/_viewer.html */
  constructor(element) {
    /** @param {string} name */
    const button = (name) => find(element, `[data-part="${name}"]`, HTMLButtonElement);
    this.#element = element;
    this.#canvas = find(element, "[data-part=canvas]", HTMLCanvasElement);
    this.#saveButton = button("save");
    this.#pipButton = button("pip");
    this.#painter = new Painter(this.#canvas, () => this.#drawInPicture());
    this.#menu = new QualityMenu(find(element, "[data-part=quality]", HTMLSelectElement), (choice) => this.#viewing?.choose(choice));
    this.#fullScreen = new FullScreen(element, button("fullscreen"));
    this.#figures = new FiguresPanel(find(element, "[data-part=figures]", HTMLElement), button("figuresToggle"), () => this.#viewing && factsOf(this.#viewing, this.#gate, this.#canvas));
    this.#inPicture = new PictureInPicture(this.#canvas, this.#pipButton);
    this.#zoom = new Zoom(find(element, ".stage", HTMLElement), this.#canvas, button("unzoom"));
    this.#status = new StatusPanel(element, () => this.retry());
    this.#saveButton.addEventListener("click", () => this.#save());
    this.#showing = new Showing({
      choice: () => this.#menu.choice,
      pixels: () => shownPixels(this.#canvas) * this.#zoom.scale,
      onStart: (viewing) => this.#menu.showLabels(viewing),
      onTick: (viewing) => this.#refresh(viewing),
      paint: (picture) => this.#painter.paint(picture),
      onPicture: ({ viewer }) => this.#onPicture(viewer),
      onChange: (viewing) => this.#render(viewing),
      onQualityKept: (quality, reason) => this.#menu.keep(quality, reason),
      onTurn: ({ name }) => this.#status.signalTurn(name),
      seenElsewhere: () => this.#inPicture.isShown,
    });
    element.dataset.state = State.IDLE;
  }

  get #viewing() {
    return this.#showing.viewing;
  }

  /** @param {Camera} camera @param {Openings | null} [wall] of a tile */
  open(camera, wall = null) {
    this.close();
    this.#begin(camera);
    this.#showing.open(camera, wall);
  }

  /** Shows another camera in the slot of the present one. @param {Camera} camera */
  switchTo(camera) {
    this.#showing.switchTo(camera);
    this.#clear();
    this.#begin(camera);
  }

  /** @param {Camera} camera */
  #begin({ name }) {
    this.#canvas.setAttribute("aria-label", `Live picture of ${name}`);
    this.#element.dataset.state = State.CONNECTING;
  }

  /** @param {boolean} isTile whether this is one of many: small, without controls, and in low quality */
  showAsTile(isTile) {
    this.#menu.isTile = isTile;
    this.#element.toggleAttribute("data-tile", isTile);
    this.#zoom.reset();
    this.#viewing?.resize(this.#menu.choice);
    this.#menu.showLabels(this.#viewing);
  }

  /** Frees the slot and clears the picture. */
  close() {
    this.leaveFullScreen();
    this.#inPicture.leave();
    this.#showing.close();
    this.#clear();
  }

  #clear() {
    this.#zoom.reset();
    this.#figures.clear();
    this.#painter.clear();
    this.#menu.showQuality(null);
    for (const name of ["picture", "quality", "format"]) delete this.#element.dataset[name];
    this.#saveButton.disabled = this.#pipButton.disabled = true;
    this.#status.clear();
  }

  retry() {
    if (this.#status.offersRetry) this.#viewing?.viewer.retry();
  }

  /** @param {Gate | null} gate null: not known @param {number} [blocked] seconds; a refused viewer is offered a free slot */
  showGate(gate, blocked) {
    this.#gate = gate;
    this.#status.noteBlock(blocked);
    const free = gate?.state === "open" && (gate.available ?? 0) > 0;
    const before = this.#serverUse;
    this.#serverUse = { slotFree: free, waiting: gate?.waiting ?? null };
    if (this.#viewing && free !== before.slotFree) this.#render(this.#viewing);
    else if (this.#viewing && this.#serverUse.waiting !== before.waiting) this.#status.show(this.#viewing.viewer, this.#serverUse);
  }

  /** @param {string} key @returns {boolean} whether the key has a meaning here */
  handleKey(key) {
    if (key === "f") this.#fullScreen.toggle();
    else if (key === "r") this.retry();
    else if (key === "i") this.#figures.toggle();
    else if (key === "s") this.#save();
    else if (QUALITY_KEYS[key]) this.#menu.choose(QUALITY_KEYS[key]);
    else return this.#zoom.handleKey(key);
    return true;
  }

  /** @returns {boolean} whether it was in full screen */
  leaveFullScreen() {
    return this.#fullScreen.leave();
  }

  /** @param {Viewer} viewer */
  #onPicture(viewer) {
    const { picture, figures, status } = viewer;
    const { dataset } = this.#element;
    const live = picture?.kind === "live" && status.state === State.LIVE;
    if (live && figures.format && dataset.format !== figures.format) dataset.format = figures.format;
    if (!picture || dataset.picture === picture.kind) return;
    dataset.picture = picture.kind;
    this.#saveButton.disabled = this.#pipButton.disabled = false;
    this.#status.showAge(viewer);
  }

  /** @param {Viewing} viewing */
  #refresh(viewing) {
    this.#menu.showLabels(viewing);
    this.#status.tick(viewing.viewer, this.#serverUse);
    this.#figures.render();
    if (viewing.viewer.status.state !== State.LIVE) this.#drawInPicture();
  }

  /** @param {Viewing} viewing */
  #render(viewing) {
    const { status, quality } = viewing.viewer;
    const { dataset } = this.#element;
    const entered = dataset.state !== status.state;
    const refused = entered && status.state === State.REFUSED;
    dataset.state = status.state;
    if (quality && quality !== dataset.quality) dataset.quality = quality;
    this.#menu.showQuality(quality);
    if (entered && status.state !== State.LIVE && status.state !== State.STALE) viewing.restart();
    if (refused) this.#serverUse = UNKNOWN; // the refusal is newer
    this.#status.show(viewing.viewer, this.#serverUse);
    this.#status.showAge(viewing.viewer);
    this.#drawInPicture();
    this.#status.announce();
    if (refused) this.#element.dispatchEvent(new CustomEvent("refused", { detail: status, bubbles: true }));
  }

  #save() {
    if (!this.#viewing || !this.#element.dataset.picture) return;
    savePicture(this.#canvas, this.#viewing.camera.name, this.#viewing.viewer.age ?? 0);
  }

  #drawInPicture() {
    this.#inPicture.draw(this.#status.lines(/** @type {State} */ (this.#element.dataset.state)));
  }
}

/** @param {HTMLCanvasElement} canvas @returns {number} the width of its picture on the screen, in pixels of the screen */
function shownPixels({ width, height, clientWidth, clientHeight }) {
  return Math.min(clientWidth, (clientHeight * width) / height) * window.devicePixelRatio;
}

/** @param {Viewing} viewing @param {Gate | null} now @param {{width: number, height: number}} picture */
function factsOf({ note, viewer: { figures, gate: atAdmission } }, now, { width, height }) {
  const gate = now ? { inUse: now.in_use, limit: now.limit } : atAdmission;
  return { figures, gate, note, width, height };
}
