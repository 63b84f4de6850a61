/** Settings > System: who uses the streams, fresh every second. */

import { duration } from "./words.js";

const INTERVAL = 1_000; // ms
const TIMEOUT = 5_000; // ms

const GATE_WORDS = {
  open: "Open: new streams are admitted while slots are free.",
  recovering: "Recovering: the count was lost. Streams already running re-enter first; new ones wait.",
  unavailable: "Unavailable: the count cannot be read. New streams are refused.",
};

const page = document.querySelector("[data-usage-url]");
const find = (name) => page.querySelector(`[data-usage="${name}"]`);

/** @param {{in_use: number | null, limit: number, available: number | null, state: string}} gate */
function showGate(gate) {
  find("in-use").textContent = gate.in_use ?? "–";
  find("limit").textContent = gate.limit;
  find("available").textContent = gate.available ?? "–";
  find("state").textContent = GATE_WORDS[gate.state] ?? gate.state;
  const share = (gate.in_use ?? 0) / gate.limit;
  const meter = find("meter");
  meter.max = gate.limit;
  meter.value = gate.in_use ?? 0;
  page.dataset.level = share >= 1 ? "full" : share >= 0.9 ? "critical" : share >= 0.75 ? "high" : "ok";
  page.dataset.gate = gate.state;
  announce(`${gate.in_use ?? "Unknown number"} of ${gate.limit} streams in use`);
}

/** Only what changed is said aloud. */
function announce(text) {
  const region = find("announcer");
  if (region.textContent !== text) region.textContent = text;
}

/** @param {number} then @param {number} now Unix milliseconds, both of the server's clock */
const since = (then, now) => duration(Math.max(0, Math.floor((now - then) / 1000)));

/**
 * Give a table one row per entry. Rows stay the same elements as long as their entry is there, so that a selection survives.
 * @param {string} name of the table body, whose `<template>` has a cell per `data-field`
 * @param {{id: string}[]} entries
 * @param {(entry: any) => Record<string, string | number>} texts
 */
function showRows(name, entries, texts) {
  const body = find(name);
  const rows = new Map([...body.rows].map((row) => [row.dataset.id, row]));
  entries.forEach((entry, index) => {
    const row = rows.get(entry.id) ?? find(`${name}-row`).content.firstElementChild.cloneNode(true);
    rows.delete(entry.id);
    row.dataset.id = entry.id;
    const fields = texts(entry);
    for (const cell of row.querySelectorAll("[data-field]")) {
      const text = String(fields[cell.dataset.field] ?? "");
      if (cell.textContent !== text) cell.textContent = text;
    }
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] ?? null);
  });
  for (const row of rows.values()) row.remove();
  find(`no-${name}`).hidden = entries.length > 0;
}

function show({ time, gate, viewers, workers }) {
  showGate(gate);
  showRows("viewers", viewers, (viewer) => ({ ...viewer, since: since(viewer.since, time) }));
  showRows("workers", workers, (worker) => ({ ...worker, seen: `${since(worker.seen, time)} ago` }));
}

let updated = new Date();

async function refresh() {
  try {
    const answer = await fetch(page.dataset.usageUrl, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT) });
    if (!answer.ok || answer.redirected) throw new Error(`Usage answered ${answer.status}.`);
    show(await answer.json());
    updated = new Date();
    find("trouble").hidden = true;
  } catch {
    find("trouble").textContent = `Not updated since ${updated.toLocaleTimeString("en-GB")}`;
    find("trouble").hidden = false;
  }
}

/** A hidden page waits until it is looked at again. */
async function keepFresh() {
  if (document.visibilityState === "visible") await refresh();
  setTimeout(keepFresh, INTERVAL);
}

show(JSON.parse(document.getElementById("usage").textContent));
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refresh());
setTimeout(keepFresh, INTERVAL);
