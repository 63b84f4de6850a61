/** @import { Quality } from "../shared/protocol.js" */
/** @import { Traffic } from "../engine/traffic.js" */

/** @typedef {Pick<Traffic, "received" | "need">} LinkTraffic */

const LATE = 1.2; // seconds by which a picture may be older than usual
const TROUBLE_BEFORE_DOWN = 3_000; // ms
const GAP_LASTS = 2_500; // ms for which a gap counts: the server drops video up to the next keyframe
const SETTLING = 2_000; // ms after a change in which pictures of both qualities arrive
const CLEAN_BEFORE_UP = 20_000; // ms without trouble
const MAX_WAIT = 300_000; // ms: the wait doubles with each failed step up
const APART = 10_000; // ms between two changes
const FAILED_WITHIN = 30_000; // ms: a step down so soon after a step up means that the step up failed
const USUAL_OVER = 60; // seconds: the smallest age in this time is the usual one
const DOWN_TO = 0.8; // share of the received bandwidth that a lower quality may need
const UP_FROM = 1.2; // multiple of a higher quality's bandwidth that the link must have

/**
 * Chooses a quality by how pictures arrive. It steps down to the best quality that fits when the link or the machine does
 * not keep up. It steps up again when a measurement shows enough bandwidth. A step down always means less traffic.
 */
export class AutoQuality {
  #ladder;
  #traffic;
  #measure;
  #now;
  #step = 0;
  #changedAt = -Infinity;
  #steppedUpAt = -Infinity;
  #wait = CLEAN_BEFORE_UP;
  #cleanSince = 0;
  /** @type {number | null} */
  #lateSince = null;
  /** @type {number | null} */
  #gapsSince = null;
  #gapAt = -Infinity;
  #untroubled = { at: 0, received: 0 }; // the last time without trouble, and the bytes received by then
  #measuring = false;
  /** @type {{second: number, age: number}[]} the smallest age of each of the last seconds */
  #ages = [];

  /**
   * @param {object} options
   * @param {readonly Quality[]} options.ladder qualities, the best one first
   * @param {LinkTraffic} options.traffic
   * @param {() => Promise<number>} options.measure bandwidth of the link, kbit/s; Infinity: not known
   * @param {() => number} [options.now] milliseconds
   */
  constructor({ ladder, traffic, measure, now = () => performance.now() }) {
    this.#ladder = ladder;
    this.#traffic = traffic;
    this.#measure = measure;
    this.#now = now;
    this.#forgetTrouble();
  }

  get quality() {
    return this.#ladder[this.#step];
  }

  /** The quality without any trouble. */
  get best() {
    return this.#ladder[0];
  }

  get hasJustChanged() {
    return this.#now() - this.#changedAt < APART;
  }

  /**
   * Changes the possible qualities. A change shortly after another one is ignored while the present quality stays
   * possible, unless it must be `atOnce`. After a step down the quality stays, if it can. Otherwise the best new one is chosen.
   * @param {readonly Quality[]} ladder qualities, the best one first
   * @param {boolean} [atOnce]
   */
  setLadder(ladder, atOnce = false) {
    if (ladder.join() === this.#ladder.join()) return;
    const same = ladder.indexOf(this.quality);
    if (same >= 0 && !atOnce && this.hasJustChanged) return;
    this.#step = this.#step > 0 && same >= 0 ? same : 0;
    this.#ladder = ladder;
    this.#changedAt = this.#now();
    this.restart();
  }

  /**
   * The server has no room for the chosen quality, and keeps this one. The next step up waits longer.
   * @param {Quality} quality
   */
  kept(quality) {
    this.#waitLonger();
    this.#steppedUpAt = -Infinity;
    if (this.#ladder.includes(quality)) this.#move(quality);
  }

  /** Forgets what was usual: the connection has changed. */
  restart() {
    this.#ages = [];
    this.#forgetTrouble();
  }

  /**
   * Observes a live picture.
   * @param {{age: number, gap: boolean}} picture `age`: seconds; `gap`: whether the server dropped frames before it
   */
  observe({ age, gap }) {
    const now = this.#now();
    if (now - this.#changedAt < SETTLING) return;
    this.#note(now, age, gap);
    const trouble = Math.min(this.#lateSince ?? Infinity, this.#gapsSince ?? Infinity);
    if (trouble < Infinity) this.#cleanSince = now;
    else this.#untroubled = { at: now, received: this.#traffic.received };
    if (now - this.#changedAt < APART) return;
    if (now - trouble >= TROUBLE_BEFORE_DOWN) this.#stepDown(now);
    else if (now - this.#cleanSince >= this.#wait) this.#stepUpIfItFits();
  }

  /** @param {number} now @param {number} age @param {boolean} gap */
  #note(now, age, gap) {
    const usual = this.#usual(now, age);
    if (age <= usual + LATE) this.#lateSince = null;
    else this.#lateSince ??= now;
    if (gap) this.#gapAt = now;
    if (now - this.#gapAt > GAP_LASTS) this.#gapsSince = null;
    else this.#gapsSince ??= now;
  }

  /** @param {number} now @param {number} age @returns {number} the usual age of a picture, seconds */
  #usual(now, age) {
    const second = Math.floor(now / 1000);
    const last = this.#ages.at(-1);
    if (last?.second === second) last.age = Math.min(last.age, age);
    else this.#ages.push({ second, age });
    while (this.#ages[0].second < second - USUAL_OVER) this.#ages.shift();
    return Math.min(...this.#ages.map((entry) => entry.age));
  }

  /** @returns {Quality[]} the ladder, without qualities that need more bandwidth than the best one */
  get #rungs() {
    const [best, ...others] = this.#ladder;
    return [best, ...others.filter((quality) => this.#traffic.need(quality) < this.#traffic.need(best))];
  }

  /** @param {number} now */
  #stepDown(now) {
    const lower = this.#rungs.filter((quality) => this.#ladder.indexOf(quality) > this.#step);
    if (!lower.length) return;
    const { at, received } = this.#untroubled;
    const link = ((this.#traffic.received - received) * 8) / (now - at); // kbit/s
    const fits = lower.find((quality) => this.#traffic.need(quality) <= link * DOWN_TO);
    if (now - this.#steppedUpAt < FAILED_WITHIN) this.#waitLonger();
    else this.#wait = CLEAN_BEFORE_UP;
    this.#move(fits ?? lower[lower.length - 1]);
  }

  async #stepUpIfItFits() {
    const higher = this.#rungs.findLast((quality) => this.#ladder.indexOf(quality) < this.#step);
    if (!higher || this.#measuring) return;
    this.#measuring = true;
    const link = await this.#measure();
    this.#measuring = false;
    const now = this.#now();
    if (now - this.#cleanSince < this.#wait) return; // trouble, or another ladder, during the measurement
    this.#cleanSince = now;
    if (link < this.#traffic.need(higher) * UP_FROM) this.#waitLonger();
    else {
      this.#steppedUpAt = now;
      this.#move(higher);
    }
  }

  #waitLonger() {
    this.#wait = Math.min(this.#wait * 2, MAX_WAIT);
  }

  /** @param {Quality} quality */
  #move(quality) {
    this.#step = this.#ladder.indexOf(quality);
    this.#changedAt = this.#now();
    this.#forgetTrouble();
  }

  #forgetTrouble() {
    this.#cleanSince = this.#now();
    this.#lateSince = this.#gapsSince = null;
    this.#gapAt = -Infinity;
    this.#untroubled = { at: this.#cleanSince, received: this.#traffic.received };
  }
}
