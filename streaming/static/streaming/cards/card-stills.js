import { find } from "../shared/find.js";
import { snapshotPath } from "../shared/protocol.js";

const INTERVAL = 10_000; // ms
const AFTER_FAILURE = 30_000; // ms: a camera that does not answer is asked less often
const TOO_MANY = 429; // status: this user has asked for too many stills, or there is no bandwidth for them
const WARM_AFTER = 150; // ms that the pointer or the focus rests on a card: the user may be about to open it
const WARM = 3_000; // ms for which a still is fresh enough for that
const STAGGER = 200; // ms between the first requests of neighboring cards

/** Keeps a card's still fresh while the card is visible. */
class CardStill {
  #frame;
  #path;
  #mayRun;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #warmTimer;
  #askedAt = -Infinity;
  #onScreen = false;

  /**
   * @param {HTMLElement} frame holds an `<img>` and a placeholder behind it
   * @param {() => boolean} mayRun
   */
  constructor(frame, mayRun) {
    this.#frame = frame;
    this.#path = snapshotPath(frame.dataset.still ?? "");
    this.#mayRun = mayRun;
  }

  get isOnScreen() {
    return this.#onScreen;
  }

  /** @param {boolean} onScreen @param {number} wait ms until the next still, if the card is visible */
  move(onScreen, wait) {
    this.#onScreen = onScreen;
    if (onScreen) this.schedule(wait);
  }

  /** @param {number} wait ms */
  schedule(wait) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#refresh(), wait);
  }

  /** Fetches a fresh still when the user turns to this card. It also opens the camera, so that the live view starts faster. */
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
    if (!this.#onScreen || !this.#mayRun()) return;
    this.#askedAt = Date.now();
    const image = find(this.#frame, "img", HTMLImageElement);
    const next = /** @type {HTMLImageElement} */ (image.cloneNode());
    next.hidden = false;
    try {
      const answer = await fetch(this.#path, { cache: "no-store" });
      if (answer.status === TOO_MANY) {
        this.schedule(INTERVAL); // the present still stays
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

  /** @param {boolean} success */
  #tell(success) {
    this.#frame.dispatchEvent(new CustomEvent("still", { detail: success, bubbles: true }));
  }
}

/**
 * Keeps stills fresh. Dispatches `still` on a frame, with whether there was one.
 * @param {Iterable<HTMLElement>} frames each with `data-still="<camera id>"`
 * @param {() => boolean} mayRun false while something covers the cards
 * @returns {() => void} call it when `mayRun` may have become true
 */
export function keepStillsFresh(frames, mayRun) {
  const watched = () => document.visibilityState === "visible" && mayRun();
  /** @type {Map<Element, CardStill>} */
  const stills = new Map([...frames].map((frame) => [frame, new CardStill(frame, watched)]));
  const observer = new IntersectionObserver((entries) => {
    let shown = 0;
    for (const { target, isIntersecting } of entries) {
      stills.get(target)?.move(isIntersecting, isIntersecting ? shown++ * STAGGER : 0);
    }
  });
  for (const [frame, still] of stills) {
    observer.observe(frame);
    const card = frame.closest("[data-camera]") ?? frame;
    for (const type of ["pointerenter", "focusin"]) card.addEventListener(type, () => still.warm());
    for (const type of ["pointerleave", "focusout"]) card.addEventListener(type, () => still.leave());
  }
  const resume = () => {
    const seen = [...stills.values()].filter((still) => still.isOnScreen);
    seen.forEach((still, index) => still.schedule(index * STAGGER));
  };
  document.addEventListener("visibilitychange", resume);
  return resume;
}
