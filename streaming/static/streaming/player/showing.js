import { SLOT_RELEASE } from "../engine/reconnection.js";
import { State } from "../engine/states.js";
import { videoSupport } from "../engine/video-support.js";
import { Viewing } from "./viewing.js";

/** @import { Openings } from "../engine/openings.js" */
/** @import { Viewer } from "../engine/viewer.js" */
/** @import { Camera, Quality, Reason } from "../shared/protocol.js" */
/** @import { Choice } from "./quality-choice.js" */

const INTERVAL = 500; // ms between two updates of what changes with time
const PAUSE = 200; // ms: whoever turns several cameras further opens only the last one
const POLL = 50; // ms
const PATIENCE = 4_000; // ms for which an opening may take to be granted or refused
/** @type {Set<State>} an opening was not granted */
const WITHOUT_SLOT = new Set([State.REFUSED, State.WAITING, State.UNAVAILABLE, State.CLOSED]);

const support = videoSupport();

/**
 * @typedef {object} ShowingListener hears of the viewing that is shown only
 * @property {() => Choice} choice of the quality
 * @property {() => number} pixels the width of the picture on the screen
 * @property {(viewing: Viewing) => void} onStart
 * @property {(viewing: Viewing) => void} onTick called each half second
 * @property {(picture: ImageBitmap | VideoFrame) => void} paint the listener owns the picture and closes it
 * @property {(viewing: Viewing) => void} onPicture
 * @property {(viewing: Viewing) => void} onChange
 * @property {(quality: Quality, reason: Reason) => void} onQualityKept
 * @property {(camera: Camera) => void} onTurn
 * @property {() => boolean} seenElsewhere
 */

/** The viewing that is shown, and at a turn to another camera the former one, which keeps its slot until the next has it. */
export class Showing {
  /** @type {Camera | null} */
  camera = null;
  /** @type {Viewing | null} null: closed, or not started yet */
  viewing = null;
  #listener;
  /** @type {Viewer[]} those that are not shown any more, the last one at the end */
  #left = [];
  #freeAt = -Infinity; // by then, the slot that was closed last is free
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /** @param {ShowingListener} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  /** @param {Camera} camera @param {Openings | null} wall */
  async open(camera, wall) {
    this.close();
    this.camera = camera;
    const [video] = await Promise.all([support, sleep(this.#freeAt - performance.now())]);
    if (this.camera === camera) this.#start(camera, { video, wall });
  }

  /** Shows another camera in the slot of the present one. @param {Camera} camera */
  async switchTo(camera) {
    if (this.viewing) this.#left.push(this.viewing.viewer);
    clearInterval(this.#timer);
    this.viewing = null;
    this.camera = camera;
    const [video, replaces] = await Promise.all([support, this.#holder()]);
    if (this.camera === camera) this.#start(camera, { video, wall: null, replaces });
  }

  /** Frees the slot. */
  close() {
    clearInterval(this.#timer);
    if (this.viewing) this.#freeAt = performance.now() + SLOT_RELEASE;
    this.viewing?.viewer.close();
    this.viewing = this.camera = null;
    this.#closeLeft();
  }

  #closeLeft() {
    for (const viewer of this.#left) viewer.close();
    this.#left = [];
  }

  /** @returns {Promise<string | null>} id of the viewing whose slot the next one takes; null: none has one */
  async #holder() {
    await sleep(PAUSE);
    const newest = this.#left.at(-1);
    const until = performance.now() + PATIENCE;
    while (newest && !isSettled(newest) && performance.now() < until) await sleep(POLL);
    const holder = this.#left.filter(hasSlot).at(-1);
    for (const viewer of this.#left) if (viewer !== holder) viewer.close();
    this.#left = holder ? [holder] : [];
    return holder?.line.viewingId ?? null;
  }

  /** @param {Camera} camera @param {Pick<ConstructorParameters<typeof Viewing>[1], "video" | "wall" | "replaces">} options */
  #start(camera, options) {
    const listener = this.#listener;
    const isShown = () => this.viewing === viewing;
    const viewing = new Viewing(
      camera,
      { ...options, choice: listener.choice(), pixels: listener.pixels },
      {
        paint: (picture) => (isShown() ? listener.paint(picture) : picture.close()),
        onPicture: () => isShown() && listener.onPicture(viewing),
        onChange: () => isShown() && this.#onChange(viewing),
        onQualityKept: (quality, reason) => isShown() && listener.onQualityKept(quality, reason),
        onTurn: () => isShown() && listener.onTurn(camera),
        seenElsewhere: listener.seenElsewhere,
      },
    );
    this.viewing = viewing;
    listener.onStart(viewing);
    viewing.viewer.open();
    this.#timer = setInterval(() => {
      viewing.applyQuality();
      listener.onTick(viewing);
    }, INTERVAL);
  }

  /** @param {Viewing} viewing */
  #onChange(viewing) {
    if (isSettled(viewing.viewer)) this.#closeLeft(); // it has the slot, or cannot get one
    this.#listener.onChange(viewing);
  }
}

/** @param {Viewer} viewer */
function hasSlot({ line, status }) {
  return line.viewingId !== null && !WITHOUT_SLOT.has(status.state);
}

/** @param {Viewer} viewer */
function isSettled(viewer) {
  return hasSlot(viewer) || WITHOUT_SLOT.has(viewer.status.state);
}

/** @param {number} ms */
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
