import { State } from "../engine/states.js";
import { find } from "../shared/find.js";
import { Reason } from "../shared/protocol.js";
import { notice, pictureAge, stateWords } from "./texts.js";

/** @import { Status } from "../engine/states.js" */
/** @import { Viewer } from "../engine/viewer.js" */

const OLD = 6; // seconds. While all is well, a still is up to five seconds old: it serves for two, and the next comes after two
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
  #words = "";
  #announced = "";

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
    this.#retry.addEventListener("click", onRetry);
    this.#noticeRetry.addEventListener("click", onRetry);
  }

  /** @param {Status} status @param {boolean} slotFree whether a refused viewer is offered a free slot */
  show(status, slotFree) {
    const shown = notice(status, slotFree);
    this.#words = shown ? `${shown.title}. ${shown.text}` : stateWords(status);
    // The picture's label says "Live".
    this.#state.textContent = shown || status.state === State.LIVE ? "" : this.#words;
    this.#title.textContent = shown?.title ?? "";
    this.#text.textContent = shown?.text ?? "";
    this.#noticeRetry.textContent = shown?.action ?? "";
    this.#noticeRetry.hidden = status.reason === Reason.NOT_AUTHENTICATED;
    this.#login.hidden = !this.#noticeRetry.hidden;
    // There is one Retry at a time: in the notice, or else among the controls. The focus follows it.
    const [from, to] = shown ? [this.#retry, this.#noticeRetry] : [this.#noticeRetry, this.#retry];
    const focused = document.activeElement === from;
    this.#notice.hidden = !shown;
    this.#retry.hidden = Boolean(shown);
    if (focused) to.focus();
  }

  /** @param {Viewer} viewer */
  showAge({ picture, age, status }) {
    const known = picture !== null && age !== null;
    this.#age.textContent = known ? pictureAge(status.state, picture.kind, age) : "";
    this.#root.toggleAttribute("data-old", known && (age >= OLD || FROZEN.has(status.state)));
  }

  /** Announces changes of state only: a ticking age inside a live region would never let a screen reader rest. */
  announce() {
    if (this.#words === this.#announced) return;
    this.#announced = this.#words;
    this.#announcer.textContent = this.#words;
  }

  clear() {
    this.#announced = "";
    this.#age.textContent = "";
    this.#root.removeAttribute("data-old");
  }

  /** @param {State} state @returns {string[]} lines to show over a picture that is not live, or old */
  lines(state) {
    const current = state === State.LIVE && !this.#root.hasAttribute("data-old");
    const parts = current ? [] : [this.#title, this.#state, this.#age];
    return parts.map(({ textContent }) => textContent).filter(Boolean);
  }
}
