/** @import { Claim as Query } from "../shared/protocol.js" */

const KEY = "nvr.resume."; // and the camera's id
const COME_BACK = 15_000; // ms that a slow reload takes: whoever comes back within it waits, if the slots are taken
const TURN = 60_000; // ms for which a hidden page keeps the slot that it waited for

/**
 * A viewer's claim to a slot: whether they wait for one, whose slot they take over, and the token to come back with. The
 * token survives a reload of the tab.
 */
export class Claim {
  /** Whether the viewer has joined the line and has not had their turn yet. */
  isInLine = false;
  #key;
  #page;
  #background;
  #waits;
  /** @type {string | null} id of the viewing to take the slot from */
  #replaced = null;
  #token;
  #turnUntil = -Infinity; // Unix milliseconds

  /**
   * @param {string} cameraId
   * @param {Pick<Window, "sessionStorage">} page
   * @param {boolean} [background] whether the viewer waits behind everybody else, and always
   */
  constructor(cameraId, page, background = false) {
    this.#key = KEY + cameraId;
    this.#page = page;
    this.#background = background;
    const { token, waits, at } = this.#take();
    this.#token = token;
    this.#waits = background || (waits && Date.now() - at < COME_BACK);
  }

  /** @returns {Query} for the next opening. `resume` is always there: only then the server keeps a lost viewer's slot. */
  get query() {
    const replace = this.#replaced;
    const line = { ...(this.#waits && { wait: "1" }), ...(this.#background && { background: "1" }) };
    return /** @type {Query} */ ({ ...line, ...(replace && { replace }), resume: this.#token });
  }

  /** Whether the server has given a token: an older one knows no line. */
  get isOfLine() {
    return this.#token !== "";
  }

  /** Whether a hidden page stays connected: the viewer waits, or their turn has just come. */
  get keepsHiddenPage() {
    return this.isInLine || Date.now() < this.#turnUntil;
  }

  /** The viewer wants to wait. */
  wait() {
    this.isInLine = this.#waits = true;
  }

  /** @param {string} viewingId one's own viewing, to take the slot from */
  replace(viewingId) {
    this.#replaced = viewingId;
  }

  /**
   * Takes the slot of another camera's viewing, and comes back to nothing: the server heeds one of the two.
   * @param {string} viewingId
   */
  replaceOnly(viewingId) {
    this.forget();
    this.replace(viewingId);
  }

  /** @param {string} token for coming back to this place in line */
  onPlace(token) {
    this.wait();
    this.onToken(token);
  }

  /**
   * The viewer has a slot. Whenever they lose it from now on, they wait for another one.
   * @param {string} token for coming back to the slot
   * @returns {boolean} whether they had waited for it
   */
  onAdmitted(token) {
    const waited = this.isInLine;
    if (waited) this.#turnUntil = Date.now() + TURN;
    this.isInLine = false;
    this.#waits = true;
    this.#replaced = null;
    this.onToken(token);
    return waited;
  }

  /** @param {string} token */
  onToken(token) {
    this.#take();
    this.#token = token;
  }

  /** The user closes the viewing. Whoever was in line may have done so by mistake. */
  onClose() {
    this.#waits = this.isInLine;
  }

  /** The connection has ended, or the page is being left. */
  onEnd() {
    if (this.#token) this.#keep(JSON.stringify({ token: this.#token, waits: this.#waits, at: Date.now() }));
  }

  /** There is nothing to come back to. The next opening does not wait. */
  forget() {
    this.#take();
    this.isInLine = false;
    this.#waits = this.#background;
    this.#replaced = null;
    this.#token = "";
  }

  /** Reads the token of an earlier opening, and removes it: a copy of this tab must not use it as well. */
  #take() {
    const nothing = { token: "", waits: false, at: -Infinity };
    try {
      const kept = this.#page.sessionStorage.getItem(this.#key);
      this.#page.sessionStorage.removeItem(this.#key);
      return kept === null ? nothing : { ...nothing, ...JSON.parse(kept) };
    } catch {
      return nothing; // storage is disabled
    }
  }

  /** @param {string} text */
  #keep(text) {
    try {
      this.#page.sessionStorage.setItem(this.#key, text);
    } catch {
      // Storage is disabled or full: the place is lost with the page.
    }
  }
}
