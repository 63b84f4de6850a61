import { State } from "../engine/states.js";
import { find } from "../shared/find.js";
import { mayWait, replaceable, viewingWords } from "./line-texts.js";
import { TurnSignal } from "./turn-signal.js";

/** @import { Viewer } from "../engine/viewer.js" */
/** @import { OwnViewing } from "../shared/protocol.js" */

/** @type {Set<State>} the states in which a slot is held */
const ADMITTED = new Set([State.CONNECTING, State.LIVE, State.STALE]);

/** The choices of a viewer when all slots are in use: wait in line, leave the line, or end another viewing of their own. */
export class LinePanel {
  #wait;
  #leave;
  #stay;
  #yours;
  #list;
  #turn = new TurnSignal();
  /** @type {Viewer | null} */
  #viewer = null;
  /** @type {readonly OwnViewing[]} */
  #listed = [];

  /** @param {Element} root holds the parts */
  constructor(root) {
    /** @param {string} name */
    const part = (name) => find(root, `[data-part="${name}"]`, HTMLElement);
    this.#wait = part("wait");
    this.#leave = part("leave");
    this.#stay = part("stay");
    this.#yours = part("yours");
    this.#list = find(this.#yours, "ul", HTMLUListElement);
    this.#wait.addEventListener("click", () => {
      this.#turn.askPermission();
      this.#viewer?.line.join();
    });
    this.#leave.addEventListener("click", () => this.#viewer?.line.leave());
    this.#stay.addEventListener("click", () => this.#viewer?.line.touch()); // a screen reader clicks without touching
  }

  /**
   * @param {Viewer} viewer
   * @param {boolean} offersSlot whether a refused viewer is offered a free slot instead
   * @param {boolean} isAsked whether the viewer is asked if they still watch
   */
  show(viewer, offersSlot, isAsked) {
    const { status, cameraId } = viewer;
    this.#viewer = viewer;
    this.#wait.hidden = status.state !== State.REFUSED || offersSlot || !mayWait(status);
    this.#leave.hidden = status.state !== State.WAITING;
    this.#stay.hidden = !isAsked;
    this.#showYours(offersSlot ? [] : replaceable(status, cameraId));
    if (!ADMITTED.has(status.state)) this.#turn.clear();
  }

  /** @param {string} cameraName */
  signalTurn(cameraName) {
    this.#turn.give(cameraName);
  }

  clear() {
    this.#viewer = null;
    this.#turn.clear();
  }

  /** @param {readonly OwnViewing[]} yours */
  #showYours(yours) {
    this.#yours.hidden = !yours.length;
    if (yours.length === this.#listed.length && yours.every((viewing, index) => viewing === this.#listed[index])) return; // keeps the focus
    this.#listed = yours;
    this.#list.replaceChildren(...yours.map((viewing) => this.#item(viewing)));
  }

  /** @param {OwnViewing} viewing */
  #item(viewing) {
    const [item, words, button] = ["li", "span", "button"].map((tag) => document.createElement(tag));
    words.textContent = viewingWords(viewing);
    words.id = `viewing-${viewing.viewing_id}`;
    button.className = "button";
    button.textContent = "Stop that one and watch here";
    button.setAttribute("aria-describedby", words.id);
    button.addEventListener("click", () => this.#viewer?.line.takeOver(viewing.viewing_id));
    item.append(words, button);
    return item;
  }
}
