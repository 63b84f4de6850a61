import { State } from "../engine/states.js";
import { find } from "../shared/find.js";
import { BlockCountdown } from "./block-countdown.js";
import { LinePanel } from "./line-panel.js";
import { preemptionNotice, questionNotice } from "./line-texts.js";
import { Reason } from "../shared/protocol.js";
import { FREE, notice, pictureAge, stateWords } from "./texts.js";

/** @import { Viewer } from "../engine/viewer.js" */

/**
 * How full the server is, for a refused viewer.
 * @typedef {object} ServerUse
 * @property {boolean} slotFree whether they are offered a free slot
 * @property {number | null} waiting viewers in line; null: not known since the refusal
 */

const OLD = 6; // seconds. While all is well, a still is up to five seconds old: it serves for two, and the next comes after two
const OLD_WAITING = 12; // seconds. While a viewer waits for a slot, the next still comes after five
const PLACE_INTERVAL = 5_000; // ms between two announcements of the place in line
/** @type {Set<State>} */
const FROZEN = new Set([State.STALE, State.RECONNECTING]);

/** The state of a viewing in words: over the picture, among the controls, and for screen readers. */
export class StatusPanel {
  #root;
  #notice;
  #title;
  #text;
  #noticeRetry;
  #login;
  #state;
  #retry;
  #age;
  #announcer;
  #line;
  #block = new BlockCountdown();
  #words = "";
  #announced = "";
  #isPlace = false; // whether the words are a place in line
  #placeAt = -Infinity; // time of the latest announcement of a place
  #restingPlace;
  #rests = false; // whether the focus waits at the resting place for a button

  /**
   * @param {Element} root holds the parts; has `data-old` while the picture is old
   * @param {() => void} onRetry
   */
  constructor(root, onRetry) {
    /** @param {string} name */
    const part = (name) => find(root, `[data-part="${name}"]`, HTMLElement);
    this.#root = root;
    this.#notice = part("notice");
    this.#title = part("noticeTitle");
    this.#text = part("noticeText");
    this.#noticeRetry = part("noticeRetry");
    this.#login = part("login");
    this.#state = part("state");
    this.#retry = part("retry");
    this.#age = part("age");
    this.#announcer = part("announcer");
    this.#restingPlace = part("figuresToggle");
    this.#line = new LinePanel(root);
    this.#retry.addEventListener("click", onRetry);
    this.#noticeRetry.addEventListener("click", onRetry);
  }

  /** @param {Viewer} viewer @param {ServerUse} serverUse what a refused viewer is told */
  show(viewer, serverUse) {
    const status = this.#block.correct(viewer.status);
    const question = questionNotice(status.state, viewer.line.answerBy);
    const preempted = preemptionNotice(status.state, viewer.line.endsAt);
    const shown = question ?? preempted ?? notice(status, serverUse.slotFree, serverUse.waiting);
    const focused = this.#focused;
    this.#words = shown ? (shown.spoken ?? `${shown.title}. ${shown.text}`.trim()) : stateWords(status);
    this.#isPlace = status.state === State.WAITING;
    // The picture's label says "Live".
    this.#state.textContent = shown || status.state === State.LIVE ? "" : this.#words;
    this.#title.textContent = shown?.title ?? "";
    this.#text.textContent = shown?.text ?? "";
    this.#noticeRetry.textContent = shown?.action ?? "";
    this.#login.hidden = status.reason !== Reason.NOT_AUTHENTICATED;
    this.#noticeRetry.hidden = !this.#login.hidden || !shown?.action;
    this.#line.show(viewer, shown === FREE, question !== null);
    this.#root.toggleAttribute("data-asked", question !== null || preempted !== null);
    this.#notice.hidden = !shown;
    this.#retry.hidden = Boolean(shown) || !FROZEN.has(status.state); // one Retry at a time, and only if there is something to retry
    this.#keepFocus(focused);
  }

  /** Whether *Retry*, or what stands in its place, can be pressed. */
  get offersRetry() {
    return !this.#retry.hidden || (!this.#notice.hidden && !this.#noticeRetry.hidden);
  }

  /**
   * Moves the focus from a button that has vanished to the next one, also if that comes later.
   * @param {HTMLElement | undefined} focused the button that had it
   */
  #keepFocus(focused) {
    const rests = this.#rests && document.activeElement === this.#restingPlace;
    if (focused ? isVisible(focused) : !rests) return;
    const button = this.#buttons.find(isVisible);
    this.#rests = !button;
    (button ?? this.#restingPlace).focus();
  }

  /**
   * Shows what changes with time: the age of the picture, how long a block lasts, for how long a viewer has been waiting,
   * and for how long they may answer.
   * @param {Viewer} viewer
   * @param {ServerUse} serverUse
   */
  tick(viewer, serverUse) {
    const { state, until } = this.#block.correct(viewer.status);
    const blocked = state === State.CLOSED && until !== null;
    if (this.#isPlace || viewer.line.answerBy || viewer.line.endsAt || blocked) this.show(viewer, serverUse);
    if (this.#isPlace || (blocked && until <= Date.now())) this.announce();
    this.showAge(viewer);
  }

  /** @param {number | undefined} seconds for which the server blocks this user; undefined: not known */
  noteBlock(seconds) {
    this.#block.note(seconds);
  }

  /** @param {Viewer} viewer */
  showAge({ picture, age, status }) {
    const known = picture !== null && age !== null;
    const old = status.state === State.WAITING ? OLD_WAITING : OLD;
    this.#age.textContent = known ? pictureAge(status.state, picture.kind, age) : "";
    this.#root.toggleAttribute("data-old", known && (age >= old || FROZEN.has(status.state)));
  }

  /** Announces changes of state only: a ticking age inside a live region would never let a screen reader rest. */
  announce() {
    if (!this.#isPlace) this.#placeAt = -Infinity;
    if (this.#words === this.#announced) return;
    const now = performance.now();
    if (now - this.#placeAt < PLACE_INTERVAL) return; // a line may move fast: `announce` is called again
    if (this.#isPlace) this.#placeAt = now;
    this.#announced = this.#words;
    this.#announcer.textContent = this.#words;
  }

  /**
   * The slot that the viewer waited for has come. They may be at another page.
   * @param {string} cameraName
   */
  signalTurn(cameraName) {
    this.#line.signalTurn(cameraName);
  }

  clear() {
    this.#line.clear();
    this.#announced = "";
    this.#placeAt = -Infinity;
    this.#age.textContent = "";
    for (const name of ["data-old", "data-asked"]) this.#root.removeAttribute(name);
  }

  /** @param {State} state @returns {string[]} lines to show over a picture that is not live, or old */
  lines(state) {
    const current = state === State.LIVE && !this.#root.matches("[data-old], [data-asked]");
    const parts = current ? [] : [this.#title, this.#state, this.#age];
    return parts.map(({ textContent }) => textContent).filter(Boolean);
  }

  /** The focused one of the buttons. */
  get #focused() {
    return this.#buttons.find((button) => button === document.activeElement);
  }

  get #buttons() {
    /** @type {NodeListOf<HTMLElement>} */
    const inNotice = this.#notice.querySelectorAll("button, a");
    return [...inNotice, this.#retry];
  }
}

/** @param {HTMLElement} element */
function isVisible(element) {
  return element.getClientRects().length > 0;
}
