import { AT_ONCE } from "./openings.js";
import { snapshotPath } from "../shared/protocol.js";

/** @import { Browser } from "./browser.js" */
/** @import { Admission } from "./openings.js" */

const TIMEOUT = 10_000; // ms
const UNAUTHORIZED = 401;

/**
 * @typedef {object} StillsListener
 * @property {(blob: Blob, takenAt: number) => void} onStill `takenAt`: the server's clock, Unix milliseconds
 * @property {() => void} onLoggedOut
 */

/** Fetches a camera's latest still: once, or repeatedly while there is no live picture. */
export class Stills {
  #path;
  #fetch;
  #listener;
  #openings;
  /** @type {AbortController | null} */
  #running = null;

  /**
   * @param {string} cameraId
   * @param {StillsListener} listener
   * @param {Browser["fetch"]} fetch
   * @param {Pick<Admission, "still"> | null} [wall] of a tile, whose stills are small and wait for their turn
   */
  constructor(cameraId, listener, fetch, wall = null) {
    this.#path = snapshotPath(cameraId, wall ? "low" : "medium");
    this.#listener = listener;
    this.#fetch = fetch;
    this.#openings = wall ?? AT_ONCE;
  }

  once() {
    const run = this.#begin();
    this.#openings.still(run.signal, () => this.#load(run.signal));
  }

  /**
   * @param {number} interval milliseconds from the end of one request to the start of the next
   * @param {() => boolean} [isWanted] asked before each request
   */
  async every(interval, isWanted = () => true) {
    const run = this.#begin();
    while (!run.signal.aborted) {
      if (isWanted()) await new Promise((loaded) => this.#openings.still(run.signal, () => this.#load(run.signal).then(loaded)));
      await new Promise((resolve) => setTimeout(resolve, interval));
    }
  }

  stop() {
    this.#running?.abort();
    this.#running = null;
  }

  #begin() {
    this.stop();
    this.#running = new AbortController();
    return this.#running;
  }

  /**
   * If there is no still, the picture on the screen stays.
   * @param {AbortSignal} signal
   */
  async #load(signal) {
    const request = new AbortController();
    const abort = () => request.abort();
    const timer = setTimeout(abort, TIMEOUT);
    signal.addEventListener("abort", abort, { once: true });
    try {
      const answer = await this.#fetch(this.#path, { signal: request.signal, cache: "no-store" });
      const takenAt = Number(answer.headers.get("X-Frame-Time"));
      const blob = answer.ok ? await answer.blob() : null;
      if (signal.aborted) return;
      if (blob) this.#listener.onStill(blob, takenAt);
      else if (answer.status === UNAUTHORIZED) this.#listener.onLoggedOut();
    } catch {
      // Offline, aborted or timed out.
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }
}
