/** The page of cards: stills, the limit's state on every button, and the live modal. */

import { keepStillsFresh } from "./card-stills.js";
import { LiveModal } from "../player/live-modal.js";
import { allInUse } from "../player/texts.js";
import { METRICS_PATH } from "../shared/protocol.js";
import { showToast } from "../shared/toast.js";

const METRICS_INTERVAL = 2_000; // ms
const METRICS_TIMEOUT = 5_000; // ms
const AFTER_LEAVING = 300; // ms in which the server gives the slot back

const MAXIMUM = "Maximum concurrent streams reached. Please close another stream first.";

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
  #feed;
  #hasStill = true; // as far as is known

  /** @param {HTMLElement} element */
  constructor(element) {
    this.#element = element;
    this.#button = element.querySelector("[data-watch]");
    this.#reason = element.querySelector("[data-reason]");
    this.#state = element.querySelector("[data-state-words]");
    this.#watchable = !this.#button.hasAttribute("aria-disabled");
    element.addEventListener("still", ({ detail }) => {
      this.#hasStill = detail;
      this.showFeed(this.#feed);
    });
  }

  get camera() {
    return { id: this.#element.dataset.camera, name: this.#element.dataset.name };
  }

  /** @param {LiveModal} modal */
  opens(modal) {
    this.#button.addEventListener("click", () => {
      // Disabled for everybody, yet in reach of the keyboard and a screen reader, which may ask why.
      const reason = this.#reason.textContent;
      if (!this.#button.hasAttribute("aria-disabled")) modal.open(this.camera, this.#button);
      else if (this.#watchable) showToast(MAXIMUM, reason);
      else showToast(reason, "");
    });
  }

  /** @param {{state: string, viewers: number} | undefined} feed */
  showFeed(feed) {
    if (!this.#watchable) return;
    this.#feed = feed;
    const state = feed?.state ?? "idle";
    const watching = state === "live" && feed.viewers ? ` · ${feed.viewers} watching` : "";
    this.#element.dataset.feed = state;
    this.#state.textContent = state === "idle" && !this.#hasStill ? NO_STILL : (STATE_WORDS[state] ?? state) + watching;
  }

  /** @param {string} reason why nothing can be watched now; empty when it can */
  showReason(reason) {
    if (!this.#watchable) return;
    if (reason) this.#button.setAttribute("aria-disabled", "true");
    else this.#button.removeAttribute("aria-disabled");
    this.#reason.textContent = reason;
  }
}

/** The pill in the page's head. */
class SlotsPill {
  #element;

  /** @param {HTMLElement} element */
  constructor(element) {
    this.#element = element;
  }

  /** @param {import("../shared/protocol.js").Gate | null} gate null: the server did not answer */
  show(gate) {
    this.#element.textContent = this.#words(gate);
    const share = gate?.state === "open" ? gate.in_use / gate.limit : 0;
    this.#element.dataset.level = share >= 1 ? "full" : share >= 0.75 ? "high" : "ok";
  }

  #words(gate) {
    if (!gate) return "Stream count not available";
    if (gate.state === "unavailable") return "Stream limit cannot be checked";
    if (gate.state === "recovering") return "Recovering the stream count…";
    if (gate.in_use > gate.limit) return `${gate.in_use} streams in use (limit ${gate.limit})`;
    return `${gate.in_use} of ${gate.limit} streams in use`;
  }
}

/** @param {import("../shared/protocol.js").Gate | null} gate */
function whyNot(gate) {
  const full = gate?.state === "open" && gate.available <= 0;
  if (full && gate.in_use < gate.limit) return "All free streams are reserved";
  return full ? allInUse({ inUse: gate.in_use, limit: gate.limit }) : "";
}

async function readMetrics() {
  const answer = await fetch(METRICS_PATH, { cache: "no-store", signal: AbortSignal.timeout(METRICS_TIMEOUT) });
  if (!answer.ok) throw new Error(`Metrics answered ${answer.status}.`);
  return answer.json();
}

/**
 * Ask for the metrics again and again, while the page is visible.
 * @param {(metrics: {gate: import("../shared/protocol.js").Gate, cameras: Record<string, any>} | null) => void} show null: there was no answer
 * @returns {(wait: number) => void} asks after that many milliseconds, and goes on from there
 */
function pollMetrics(show) {
  let timer;
  const askIn = (wait) => {
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

function start() {
  const cards = [...document.querySelectorAll("[data-camera]")].map((element) => new Card(element));
  const find = (id) => cards.map((card) => card.camera).find((camera) => camera.id === id) ?? null;
  const pill = new SlotsPill(document.querySelector("[data-testid=slots]"));
  const dialog = document.querySelector("dialog.live-modal");
  const modal = new LiveModal(dialog, find);
  for (const card of cards) card.opens(modal);
  const resumeStills = keepStillsFresh(document.querySelectorAll("[data-still]"), () => !modal.isOpen);

  const askMetricsIn = pollMetrics((metrics) => {
    const gate = metrics?.gate ?? null;
    pill.show(gate);
    modal.gate = gate;
    for (const card of metrics ? cards : []) {
      card.showFeed(metrics.cameras[card.camera.id]);
      card.showReason(whyNot(gate));
    }
  });
  document.addEventListener("visibilitychange", () => askMetricsIn(0));
  dialog.addEventListener("left", () => {
    resumeStills();
    askMetricsIn(AFTER_LEAVING);
  });
}

if (document.querySelector("[data-camera]")) start();
