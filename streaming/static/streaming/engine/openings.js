import { Reason } from "../shared/protocol.js";
import { State } from "./states.js";

/** @import { Next } from "./retry-policy.js" */
/** @import { Status } from "./states.js" */

const INTERVAL = 250; // ms between two openings, of streams or stills
const RETRY = 15_000; // ms until a viewer who was refused, or has given its slot to the same user, tries again

/**
 * @typedef {object} Request
 * @property {() => void} open opens the stream
 * @property {() => void} hold shows that the viewer waits; may be called more than once
 */

/**
 * When viewers may open their streams.
 * @typedef {Pick<Openings, "request" | "still" | "cancel" | "follow" | "persist">} Admission
 */

/** @type {Admission} a viewer on its own */
export const AT_ONCE = Object.freeze({
  request: (_, { open }) => open(),
  still: (_, load) => load(),
  cancel() {},
  follow() {},
  persist: (next) => next,
});

/**
 * Lets the viewers of one page open their streams one after another, and then fetch their stills, because a still opens
 * its camera too. While one of them waits for a slot, the others do not ask for one: the line has room for other people.
 * Viewers who are refused try again by themselves.
 */
export class Openings {
  /** Whether nobody looks after the page: it goes on while it is hidden. */
  isDisplay;
  /** @type {Map<object, Request>} the first one first */
  #requests = new Map();
  /** @type {{signal: AbortSignal, load: () => void}[]} stills that are wanted, the first one first */
  #stills = [];
  /** @type {Set<object>} viewers who wait for a slot */
  #waiting = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {boolean} [isDisplay] whether nobody looks after the page */
  constructor(isDisplay = false) {
    this.isDisplay = isDisplay;
  }

  /** @param {object} viewer @param {Request} request */
  request(viewer, request) {
    this.#requests.set(viewer, request);
    this.#openNext();
  }

  /** @param {AbortSignal} signal the still is not wanted any more @param {() => void} load fetches it */
  still(signal, load) {
    this.#stills.push({ signal, load });
    queueMicrotask(() => this.#openNext()); // the viewer's stream goes first
  }

  /** @param {object} viewer */
  cancel(viewer) {
    this.#requests.delete(viewer);
  }

  /** @param {object} viewer @param {Status} status its new one */
  follow(viewer, { state, reason }) {
    // A camera's limit keeps nobody from the other cameras. A viewer without a reason is held here.
    const waits = state === State.WAITING && reason !== null && reason !== Reason.CAMERA_LIMIT_REACHED;
    if (waits === this.#waiting.has(viewer)) return;
    if (waits) this.#waiting.add(viewer);
    else this.#waiting.delete(viewer);
    this.#openNext();
  }

  /** @param {Next} next @returns {Next} with another attempt, unless the viewer has ended for good */
  persist({ status, delay }) {
    if (status.state !== State.REFUSED && status.reason !== Reason.REPLACED) return { status, delay };
    return { status: { ...status, state: State.WAITING }, delay: RETRY };
  }

  #openNext() {
    if (this.#timer !== undefined) return;
    const open = this.#takeStream() ?? this.#takeStill();
    if (!open) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#openNext();
    }, INTERVAL);
    open();
  }

  /** @returns {(() => void) | undefined} opens the next stream */
  #takeStream() {
    const requests = [...this.#requests];
    const next = requests.find(([viewer]) => !this.#waiting.size || this.#waiting.has(viewer));
    if (!next) {
      for (const [, { hold }] of requests) hold();
      return undefined;
    }
    const [viewer, { open }] = next;
    this.#requests.delete(viewer);
    return open;
  }

  /** @returns {(() => void) | undefined} fetches the next still */
  #takeStill() {
    this.#stills = this.#stills.filter(({ signal }) => !signal.aborted);
    return this.#stills.shift()?.load;
  }
}
