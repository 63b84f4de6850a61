import { snapshotPath } from "../shared/protocol.js";

const TIMEOUT = 10_000; // ms
const UNAUTHORIZED = 401;

/** The latest still picture of a camera: once, or again and again while there is nothing better. */
export class Stills {
  #cameraId;
  #fetch;
  #onStill;
  #onLoggedOut;
  /** @type {AbortController | null} */
  #running = null;

  /**
   * @param {string} cameraId
   * @param {(blob: Blob, takenAt: number) => void} onStill `takenAt`: the server's clock, Unix milliseconds
   * @param {() => void} onLoggedOut
   * @param {typeof fetch} fetch
   */
  constructor(cameraId, onStill, onLoggedOut, fetch) {
    this.#cameraId = cameraId;
    this.#onStill = onStill;
    this.#onLoggedOut = onLoggedOut;
    this.#fetch = fetch;
  }

  once() {
    const run = this.#begin();
    this.#load(run.signal);
  }

  /** @param {number} interval milliseconds from the end of one try to the start of the next */
  async every(interval) {
    const run = this.#begin();
    while (!run.signal.aborted) {
      await this.#load(run.signal);
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

  /** A still is a courtesy: if there is none, whatever is on the screen stays. */
  async #load(signal) {
    const request = new AbortController();
    const abort = () => request.abort();
    const timer = setTimeout(abort, TIMEOUT);
    signal.addEventListener("abort", abort, { once: true });
    try {
      const path = snapshotPath(this.#cameraId, "medium");
      const answer = await this.#fetch(path, { signal: request.signal, cache: "no-store" });
      const takenAt = Number(answer.headers.get("X-Frame-Time"));
      const blob = answer.ok ? await answer.blob() : null;
      if (signal.aborted) return;
      if (blob) this.#onStill(blob, takenAt);
      else if (answer.status === UNAUTHORIZED) this.#onLoggedOut();
    } catch {
      // Offline, aborted or timed out.
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }
}
