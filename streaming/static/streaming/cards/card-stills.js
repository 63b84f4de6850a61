import { snapshotPath } from "../shared/protocol.js";

const INTERVAL = 10_000; // ms
const AFTER_FAILURE = 30_000; // ms: a camera that does not answer is not asked as often
const TOO_MANY = 429; // stills: of this user, or for the bandwidth
const WARM_AFTER = 150; // ms that a pointer or the focus rests on a card, which may be about to be opened
const WARM = 3_000; // ms that a still is fresh enough for that
const STAGGER = 200; // ms between the first requests of neighbouring cards

/** Keeps a card's still picture fresh, while somebody can see it. */
class CardStill {
  #frame;
  #path;
  #mayRun;
  #timer;
  #warmTimer;
  #askedAt = -Infinity;
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

  /** Somebody looks at this card: a fresh still, and a camera that is already open when the live view begins. */
  warm() {
    clearTimeout(this.#warmTimer);
    this.#warmTimer = setTimeout(() => {
      if (Date.now() - this.#askedAt > WARM) this.schedule(0);
    }, WARM_AFTER);
  }

  leave() {
    clearTimeout(this.#warmTimer);
  }

  async #refresh() {
    if (!this.onScreen || !this.#mayRun()) return;
    this.#askedAt = Date.now();
    const image = this.#frame.querySelector("img");
    const next = image.cloneNode();
    next.hidden = false;
    try {
      const answer = await fetch(this.#path, { cache: "no-store" });
      if (answer.status === TOO_MANY) {
        this.schedule(INTERVAL); // the still that is shown stays
        return;
      }
      if (!answer.ok) throw new Error(answer.statusText);
      next.src = URL.createObjectURL(await answer.blob());
      await next.decode();
      image.replaceWith(next);
      this.#tell(true);
      this.schedule(INTERVAL);
    } catch {
      image.hidden = true;
      this.#tell(false);
      this.schedule(AFTER_FAILURE);
    } finally {
      URL.revokeObjectURL(next.src);
    }
  }

  #tell(success) {
    this.#frame.dispatchEvent(new CustomEvent("still", { detail: success, bubbles: true }));
  }
}

/**
 * Dispatches `still` on a frame, with whether there was one.
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
  for (const [frame, still] of stills) {
    observer.observe(frame);
    const card = frame.closest("[data-camera]") ?? frame;
    for (const type of ["pointerenter", "focusin"]) card.addEventListener(type, () => still.warm());
    for (const type of ["pointerleave", "focusout"]) card.addEventListener(type, () => still.leave());
  }
  const resume = () => [...stills.values()].forEach((still, index) => still.schedule(index * STAGGER));
  document.addEventListener("visibilitychange", resume);
  return resume;
}
