/** Settings > System: the page from which bandwidth is governed. Each part is asked for again while somebody looks. */

import { Blocks } from "./blocks.js";
import { History } from "./charts.js";
import { ask } from "../shared/http.js";
import { Limits } from "./limits.js";
import { Refusals } from "./refusals.js";
import { place, say } from "./dom.js";
import { StopDialog } from "./stop-dialog.js";
import { showUsage } from "./usage.js";

const EVERY = { usage: 1_000, blocks: 2_000, limits: 5_000, refusals: 5_000, history: 60_000 }; // ms

const given = (id) => JSON.parse(document.getElementById(`given-${id}`).textContent);
const urls = given("urls");
const { csrf } = place("system").dataset;

let usage = given("usage");
let updated = new Date();
const limits = new Limits(urls, csrf);
const refusals = new Refusals(urls.refusals);
const history = new History(urls.history);

/** They are empty in an answer without Redis: what was known last is shown, and that it is no news. */
const lists = ({ viewers, cameras, workers }) => ({ viewers, cameras, workers });

function show(answer) {
  const changed = answer.gate.limit !== usage.gate.limit || answer.gate.reserved !== usage.gate.reserved;
  usage = answer.gate.state === "unavailable" ? { ...answer, ...lists(usage) } : answer;
  showUsage(usage, limits.groupName);
  if (changed) limits.refresh().catch(() => {}); // by somebody else; asked for again soon, if it fails
}

async function refreshUsage() {
  try {
    show(await ask(urls.usage));
    updated = new Date();
    place("trouble").hidden = true;
  } catch {
    say(place("trouble"), `Not updated since ${updated.toLocaleTimeString("en-GB")}`);
    place("trouble").hidden = false;
  }
}

/**
 * Again and again, while the page is seen; at once when it is seen again. What fails is said by the usage's part.
 * @param {() => Promise<void>} refresh
 * @param {number} interval ms
 */
function keepFresh(refresh, interval) {
  let timer;
  const run = async () => {
    clearTimeout(timer);
    if (document.visibilityState === "visible") await refresh().catch(() => {});
    clearTimeout(timer);
    timer = setTimeout(run, interval);
  };
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && run());
  timer = setTimeout(run, interval);
  return run;
}

function offerStops() {
  if (!place("stop-dialog")) return; // without the permission
  const dialog = new StopDialog(place("stop-dialog"), urls, csrf);
  const ask = { viewers: (...of) => dialog.askForViewer(...of), cameras: (...of) => dialog.askForCamera(...of) };
  for (const [name, open] of Object.entries(ask)) {
    place(name).addEventListener("click", (event) => {
      const button = event.target.closest("[data-stop]");
      const entry = usage[name].find(({ id }) => id === button?.closest("tr").dataset.id);
      if (entry) open(entry, button);
    });
  }
}

limits.show(given("limits"));
show(usage);
offerStops();
keepFresh(refreshUsage, EVERY.usage);
keepFresh(() => limits.refresh(), EVERY.limits);
if (place("blocked")) {
  // Nobody sees it without the permission.
  const blocks = new Blocks(urls.blocks, csrf);
  keepFresh(() => blocks.refresh(), EVERY.blocks)();
}
keepFresh(() => refusals.refresh(), EVERY.refusals)();
keepFresh(() => history.refresh(), EVERY.history)();
