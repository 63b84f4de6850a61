/** The page of camera cards: stills, the state of the limit on each button, and the live modal. */

import { keepStillsFresh } from "./card-stills.js";
import { SLOT_RELEASE } from "../engine/reconnection.js";
import { LiveModal } from "../player/live-modal.js";
import { REFUSED, allInUse } from "../player/texts.js";
import { METRICS_PATH, Reason } from "../shared/protocol.js";
import { find } from "../shared/find.js";
import { waitingWords } from "../shared/format.js";
import { showToast } from "../shared/toast.js";

/** @import { Camera, Gate, Metrics } from "../shared/protocol.js" */

const METRICS_INTERVAL = 2_000; // ms
const METRICS_TIMEOUT = 5_000; // ms

/** @type {Record<string, string>} */
const STATE_WORDS = {
  idle: "",
  connecting: "Connecting…",
  live: "Online",
  reconnecting: "Reconnecting…",
  lost: "Not responding",
};
const NO_STILL = "No picture";

/** One camera's card. */
class Card {
  #element;
  #button;
  #reason;
  #state;
  #watchable;
  /** @type {Metrics | null} */
  #metrics = null;
  #hasStill = true; // until a still fails

  /** @param {HTMLElement} element */
  constructor(element) {
    this.#element = element;
    this.#button = find(element, "[data-watch]", HTMLElement);
    this.#reason = find(element, "[data-reason]", HTMLElement);
    this.#state = find(element, "[data-state-words]", HTMLElement);
    this.#watchable = !this.#button.hasAttribute("aria-disabled");
    element.addEventListener("still", (event) => {
      this.#hasStill = /** @type {CustomEvent<boolean>} */ (event).detail;
      this.#showFeed();
    });
  }

  /** @returns {Camera} */
  get camera() {
    const { camera: id = "", name = "", substream } = this.#element.dataset;
    return { id, name, substream: substream !== undefined };
  }

  /** @param {LiveModal} modal */
  opens(modal) {
    this.#button.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // the link opens elsewhere
      event.preventDefault();
      // `aria-disabled` keeps the button in reach of the keyboard and of screen readers, whose users may ask why.
      if (this.#watchable) modal.open(this.camera, this.#button);
      else showToast(this.#reason.textContent);
    });
    this.#button.addEventListener("keydown", (event) => {
      if (event.key !== " " || this.#button instanceof HTMLButtonElement) return;
      event.preventDefault(); // the page would scroll
      this.#button.click();
    });
  }

  /**
   * A reached limit disables no button: the live view offers to wait for a slot.
   * @param {Metrics} metrics
   */
  show(metrics) {
    if (!this.#watchable) return;
    this.#metrics = metrics;
    this.#showFeed();
    this.#reason.textContent = whyFull(metrics.gate) || limitReached(metrics, this.camera.id);
  }

  #showFeed() {
    if (!this.#watchable) return;
    const { state, viewers } = this.#metrics?.cameras[this.camera.id] ?? { state: "idle", viewers: 0 };
    const most = this.#metrics?.max_per_camera;
    const watching = state === "live" && viewers ? ` · ${viewers}${most ? ` of ${most}` : ""} watching` : "";
    this.#element.dataset.feed = state;
    this.#state.textContent = state === "idle" && !this.#hasStill ? NO_STILL : (STATE_WORDS[state] ?? state) + watching;
  }
}

/** The number of streams in use, in the page's header. */
class SlotsPill {
  #element;

  /** @param {HTMLElement} element */
  constructor(element) {
    this.#element = element;
  }

  /** @param {Gate | null} gate null: the server did not answer */
  show(gate) {
    this.#element.textContent = withWaiting(this.#words(gate), gate);
    const share = gate?.state === "open" ? (gate.in_use ?? 0) / gate.limit : 0;
    this.#element.dataset.level = share >= 1 ? "full" : share >= 0.75 ? "high" : "ok";
  }

  /** @param {Gate | null} gate */
  #words(gate) {
    if (!gate) return "Stream count not available";
    if (gate.state === "unavailable") return "Stream limit cannot be checked";
    if (gate.state === "recovering") return "Recovering the stream count…";
    if ((gate.in_use ?? 0) > gate.limit) return `${gate.in_use} streams in use (limit ${gate.limit})`;
    return `${gate.in_use} of ${gate.limit} streams in use`;
  }
}

/** @param {string} words @param {Gate | null} gate */
function withWaiting(words, gate) {
  return [words, waitingWords(gate?.waiting)].filter(Boolean).join(", ");
}

/** @param {Gate} gate @returns {string} why no slot is free, and how many wait for one; empty: one is free */
function whyFull(gate) {
  if (gate.state !== "open" || (gate.available ?? 0) > 0) return "";
  return withWaiting(allInUse({ inUse: gate.in_use, limit: gate.limit }) ?? "All free streams are reserved", gate);
}

/**
 * @param {Metrics} metrics
 * @param {string} cameraId
 * @returns {string} which limit would refuse this user here; empty: none
 */
function limitReached({ cameras, max_per_camera: most, yours }, cameraId) {
  if (yours?.limit && (yours.in_use ?? 0) >= yours.limit) return REFUSED[Reason.USER_LIMIT_REACHED];
  if (most && (cameras[cameraId]?.viewers ?? 0) >= most) return REFUSED[Reason.CAMERA_LIMIT_REACHED];
  return "";
}

/** @returns {Promise<Metrics>} */
async function readMetrics() {
  const answer = await fetch(METRICS_PATH, { cache: "no-store", signal: AbortSignal.timeout(METRICS_TIMEOUT) });
  if (!answer.ok) throw new Error(`Metrics answered ${answer.status}.`);
  return answer.json();
}

/**
 * Polls the metrics while the page is visible.
 * @param {(metrics: Metrics | null) => void} show null: there was no answer
 * @returns {(wait: number) => void} moves the next request: to this many milliseconds from now
 */
function pollMetrics(show) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const askIn = (/** @type {number} */ wait) => {
    clearTimeout(timer);
    timer = setTimeout(ask, wait);
  };
  const ask = async () => {
    if (document.visibilityState === "visible") show(await readMetrics().catch(() => null));
    askIn(METRICS_INTERVAL);
  };
  askIn(0);
  return askIn;
}

/** @param {string} selector @returns {HTMLElement[]} */
function findAll(selector) {
  return [...document.querySelectorAll(selector)].filter((element) => element instanceof HTMLElement);
}

function start() {
  const cards = findAll("[data-camera]").map((element) => new Card(element));
  const cameraOf = (/** @type {string} */ id) => cards.map((card) => card.camera).find((camera) => camera.id === id) ?? null;
  const pill = new SlotsPill(find(document, "[data-testid=slots]", HTMLElement));
  const dialog = find(document, "dialog.live-modal", HTMLDialogElement);
  const modal = new LiveModal(dialog, cameraOf);
  for (const card of cards) card.opens(modal);
  const resumeStills = keepStillsFresh(findAll("[data-still]"), () => !modal.isOpen);

  const askMetricsIn = pollMetrics((metrics) => {
    const gate = metrics?.gate ?? null;
    pill.show(gate);
    modal.showGate(gate, metrics?.yours?.blocked_seconds);
    if (!metrics) return;
    for (const card of cards) card.show(metrics);
  });
  document.addEventListener("visibilitychange", () => askMetricsIn(0));
  dialog.addEventListener("left", () => {
    resumeStills();
    askMetricsIn(SLOT_RELEASE);
  });
}

if (document.querySelector("[data-camera]")) start();
