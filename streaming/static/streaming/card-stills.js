import { snapshotPath } from "./protocol.js";

const INTERVAL = 10_000; // ms
const AFTER_FAILURE = 30_000; // ms: a camera that does not answer is not asked as often
const STAGGER = 200; // ms between the first requests of neighbouring cards

/** Keeps a card's still picture fresh, while somebody can see it. */
class CardStill {
  #frame;
  #path;
  #mayRun;
  #timer;
  onScreen = false;

  /**
   * @param {HTMLElement} frame holds an `<img>` and, behind it, the placeholder
   * @param {() => boolean} mayRun
   */
  constructor(frame, mayRun) {
    this.#frame = frame;
    this.#path = snapshotPath(frame.dataset.still);
    this.#mayRun = mayRun;
  }

  /** @param {number} wait ms */
  schedule(wait) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#refresh(), wait);
  }

  async #refresh() {
    if (!this.onScreen || !this.#mayRun()) return;
    const image = this.#frame.querySelector("img");
    const next = image.cloneNode();
    next.hidden = false;
    next.src = `${this.#path}&at=${Date.now()}`;
    try {
      await next.decode();
      image.replaceWith(next);
      this.schedule(INTERVAL);
    } catch {
      image.hidden = true;
      this.schedule(AFTER_FAILURE);
    }
  }
}

/**
 * @param {Iterable<HTMLElement>} frames each with `data-still="<camera id>"`
 * @param {() => boolean} mayRun false while something covers the cards
 * @returns {() => void} call it when `mayRun` may have become true
 */
export function keepStillsFresh(frames, mayRun) {
  const watched = () => document.visibilityState === "visible" && mayRun();
  const stills = new Map([...frames].map((frame) => [frame, new CardStill(frame, watched)]));
  const observer = new IntersectionObserver((entries) => {
    entries.forEach(({ target, isIntersecting }, index) => {
      const still = stills.get(target);
      still.onScreen = isIntersecting;
      if (isIntersecting) still.schedule(index * STAGGER);
    });
  });
  for (const frame of stills.keys()) observer.observe(frame);
  const resume = () => [...stills.values()].forEach((still, index) => still.schedule(index * STAGGER));
  document.addEventListener("visibilitychange", resume);
  return resume;
}
