/** Settings > System: the gauges of all its pages, and the parts of each. Each part refreshes itself while the page is visible. */

import { Blocks } from "./blocks.js";
import { History } from "./charts.js";
import { ask } from "../shared/http.js";
import { Limits, reservedGroup } from "./limits.js";
import { Refusals } from "./refusals.js";
import { isPlaced, place, placeOf, say } from "./dom.js";
import { StopDialog } from "./stop-dialog.js";
import { showGate, showLists } from "./usage.js";
import { ViewerPages } from "./viewer-pages.js";
import { WaitingLine } from "./waiting-line.js";

/** @import { LimitsAnswer, LimitsUrls } from "./limits.js" */
/** @import { StopUrls } from "./stop-dialog.js" */
/** @import { Usage, UsageLists } from "./usage.js" */
/** @import { LineUrls } from "./waiting-line.js" */

/** @typedef {{usage: string, history: string, refusals: string, blocks: string} & LimitsUrls & StopUrls & LineUrls} Urls */

const EVERY = { usage: 1_000, line: 1_000, blocks: 2_000, limits: 5_000, trial: 1_000, group: 30_000, refusals: 5_000, history: 60_000 }; // ms

/** @type {Urls} */
const urls = given("urls");
const csrf = place("system").dataset.csrf ?? "";

/** @type {Usage} */
let usage = given("usage");
let updated = new Date();
/** The group that has the reserved slots. */
let group = "";

/** @type {Limits | null} the other pages have none */
let limits = null;
/** @type {ViewerPages | null} */
let pages = null;

/** Shows each page's own part, besides the gauges. @type {Record<string, () => void>} */
const PAGES = {
  now() {
    pages = new ViewerPages(refreshUsage);
    const dialog = offerStops();
    if (dialog) onStopButtons(dialog);
    if (isPlaced("blocked")) {
      // The user has the permission to see it.
      const blocks = new Blocks(urls.blocks, csrf);
      keepFresh(() => blocks.refresh(), () => EVERY.blocks)();
    }
  },
  line() {
    const line = new WaitingLine(urls, csrf, offerStops());
    keepFresh(() => line.refresh(), () => EVERY.line)();
  },
  limits() {
    limits = new Limits(urls, csrf, () => freshenLimits()); // from now on as often as a dry run needs
  },
  history() {
    const refusals = new Refusals(urls.refusals);
    const history = new History(urls.history);
    keepFresh(() => refusals.refresh(), () => EVERY.refusals)();
    keepFresh(() => history.refresh(), () => EVERY.history)();
  },
};

/**
 * Reads JSON that the server has put into the page.
 * @template T
 * @param {string} id
 * @returns {T}
 */
function given(id) {
  return JSON.parse(document.getElementById(`given-${id}`)?.textContent ?? "null");
}

/**
 * The lists of an answer. They are empty without Redis: then the last known ones stay.
 * @param {Usage} answer
 * @returns {UsageLists}
 */
const lists = ({ viewers, cameras, workers }) => ({ viewers, cameras, workers });

/** @param {Usage} answer */
function show(answer) {
  const changed = answer.gate.limit !== usage.gate.limit || answer.gate.reserved !== usage.gate.reserved;
  usage = answer.gate.state === "unavailable" ? { ...answer, ...lists(usage) } : answer;
  showGate(usage.gate, group);
  if (pages) showLists(usage);
  if (answer.gate.state !== "unavailable") pages?.show(answer);
  if (changed) refreshLimits().catch(() => {}); // somebody else changed them; the next refresh repeats a failed one
}

/** @param {LimitsAnswer} answer */
function showLimits(answer) {
  group = reservedGroup(answer);
  limits?.show(answer);
}

async function refreshLimits() {
  showLimits(await ask(urls.limits));
}

async function refreshUsage() {
  try {
    show(await ask(urls.usage, { viewers_from: pages?.from ?? 0 }));
    updated = new Date();
    place("trouble").hidden = true;
  } catch {
    say(place("trouble"), `Not updated since ${updated.toLocaleTimeString("en-GB")}`);
    place("trouble").hidden = false;
  }
}

/**
 * Refreshes repeatedly while the page is visible, and at once when it becomes visible. Ignores failures: the refresh of the
 * usage reports them.
 * @param {() => Promise<void>} refresh
 * @param {() => number} interval ms
 */
function keepFresh(refresh, interval) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const run = async () => {
    clearTimeout(timer);
    if (document.visibilityState === "visible") await refresh().catch(() => {});
    clearTimeout(timer);
    timer = setTimeout(run, interval());
  };
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && run());
  timer = setTimeout(run, interval());
  return run;
}

/** @returns {StopDialog | null} null: the user lacks the permission */
function offerStops() {
  return isPlaced("stop-dialog") ? new StopDialog(placeOf("stop-dialog", HTMLDialogElement), urls, csrf) : null;
}

/** @param {StopDialog} dialog */
function onStopButtons(dialog) {
  onStopButton("viewers", (id, button) => {
    const viewer = usage.viewers.find((entry) => entry.id === id);
    if (viewer) dialog.askForViewer(viewer, button);
  });
  onStopButton("cameras", (id, button) => {
    const camera = usage.cameras.find((entry) => entry.id === id);
    if (camera) dialog.askForCamera(camera, button);
  });
}

/**
 * @param {string} table
 * @param {(id: string | undefined, button: HTMLElement) => void} listener `id`: of the row
 */
function onStopButton(table, listener) {
  place(table).addEventListener("click", ({ target }) => {
    const button = target instanceof Element && target.closest("[data-stop]");
    if (button instanceof HTMLElement) listener(button.closest("tr")?.dataset.id, button);
  });
}

PAGES[place("system").dataset.page ?? ""]?.();
showLimits(given("limits"));
show(usage);
keepFresh(refreshUsage, () => EVERY.usage);
const freshenLimits = keepFresh(refreshLimits, () => (!limits ? EVERY.group : limits.isTrying ? EVERY.trial : EVERY.limits));
