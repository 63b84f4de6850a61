import { State } from "../engine/states.js";
import { find } from "../shared/find.js";
import { Reason } from "../shared/protocol.js";
import { notice, pictureAge, stateWords } from "./texts.js";

/** @import { Status } from "../engine/states.js" */
/** @import { Viewer } from "../engine/viewer.js" */

/** The state of a viewing in words: over the picture, among the controls, and for screen readers. */
export class StatusPanel {
  #notice;
  #title;
  #text;
  #noticeRetry;
  #login;
  #state;
  #retry;
  #age;
  #announcer;
  #announced = "";

  /**
   * @param {Element} root holds the parts
   * @param {() => void} onRetry
   */
  constructor(root, onRetry) {
    /** @param {string} name */
    const part = (name) => find(root, `[data-part="${name}"]`, HTMLElement);
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
    this.#state.textContent = shown ? "" : stateWords(status);
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
    this.#age.textContent = picture && age !== null ? pictureAge(status.state, picture.kind, age) : "";
  }

  /** Announces changes of state only: a ticking age inside a live region would never let a screen reader rest. */
  announce() {
    const title = this.#title.textContent;
    const text = title ? `${title}. ${this.#text.textContent}` : this.#state.textContent;
    if (text === this.#announced) return;
    this.#announced = text;
    this.#announcer.textContent = text;
  }

  clear() {
    this.#announced = "";
    this.#age.textContent = "";
  }

  /** @param {State} state @returns {string[]} lines to show over a picture that is not live */
  lines(state) {
    const parts = state === State.LIVE ? [] : [this.#title, this.#state, this.#age];
    return parts.map(({ textContent }) => textContent).filter(Boolean);
  }
}
