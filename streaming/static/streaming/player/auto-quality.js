const LATE = 1.2; // seconds that a picture may be older than usual
const LASTING = 3_000; // ms of trouble before the quality steps down
const GAP_LASTS = 2_500; // ms that a gap counts as going on: video is dropped up to the next key picture
const SETTLING = 2_000; // ms after a change in which pictures of both qualities come
const CLEAN = 20_000; // ms without trouble before it steps up again
const LONGEST = 300_000; // ms: the wait doubles with each step up that failed, up to this
const APART = 10_000; // ms between two changes
const FAILED_WITHIN = 30_000; // ms: a step down so soon after a step up means that the step up failed
const USUAL_OVER = 60; // seconds in which the smallest age of a second is the usual one
const DOWN_TO = 0.8; // of what came through in trouble: what a lower quality may take of it
const UP_FROM = 1.2; // of what a higher quality takes: what the link has to show before

/**
 * Decides on a quality by how the pictures arrive: down when this link or machine does not keep up, to the best quality
 * that fits, and up again later, once the link has shown that it can. A step down always means less traffic.
 */
export class AutoQuality {
  #ladder;
  #traffic;
  #measure;
  #now;
  #step = 0;
  #changedAt = -Infinity;
  #steppedUpAt = -Infinity;
  #wait = CLEAN;
  #cleanSince;
  #lateSince = null;
  #gapsSince = null;
  #gapAt = -Infinity;
  #untroubled; // the last moment without trouble, and what had arrived by then
  #measuring = false;
  /** @type {{second: number, age: number}[]} the smallest age of each of the last seconds */
  #ages = [];

  /**
   * @param {object} options
   * @param {readonly string[]} options.ladder qualities, the best one first
   * @param {import("../engine/traffic.js").Traffic} options.traffic
   * @param {() => Promise<number>} options.measure kbit/s that the link can carry; Infinity: not known
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

  /**
   * Other qualities are possible now. Set it as often as you like: the present one stays for a moment where it can, then
   * the best of the new ones takes its place, or the same one if it had stepped down to it.
   * @param {readonly string[]} ladder qualities, the best one first
   */
  set ladder(ladder) {
    if (ladder.join() === this.#ladder.join()) return;
    const same = ladder.indexOf(this.quality);
    if (same >= 0 && this.#now() - this.#changedAt < APART) return;
    this.#step = this.#step > 0 && same >= 0 ? same : 0;
    this.#ladder = ladder;
    this.#changedAt = this.#now();
    this.restart();
  }

  /**
   * The server has no room for what was decided, and goes on with this quality. A later try waits longer.
   * @param {string} quality
   */
  kept(quality) {
    this.#waitLonger();
    this.#steppedUpAt = -Infinity;
    if (this.#ladder.includes(quality)) this.#move(quality);
  }

  /** Another connection or camera: what was usual is not any more. */
  restart() {
    this.#ages = [];
    this.#forgetTrouble();
  }

  /**
   * A live picture has been shown.
   * @param {{age: number, gap: boolean}} picture its age in seconds; whether the server dropped others before it
   */
  observe({ age, gap }) {
    const now = this.#now();
    if (now - this.#changedAt < SETTLING) return;
    this.#note(now, age, gap);
    const trouble = Math.min(this.#lateSince ?? Infinity, this.#gapsSince ?? Infinity);
    if (trouble < Infinity) this.#cleanSince = now;
    else this.#untroubled = { at: now, received: this.#traffic.received };
    if (now - this.#changedAt < APART) return;
    if (now - trouble >= LASTING) this.#stepDown(now);
    else if (now - this.#cleanSince >= this.#wait) this.#stepUpIfItFits();
  }

  #note(now, age, gap) {
    const usual = this.#usual(now, age);
    if (age <= usual + LATE) this.#lateSince = null;
    else this.#lateSince ??= now;
    if (gap) this.#gapAt = now;
    if (now - this.#gapAt > GAP_LASTS) this.#gapsSince = null;
    else this.#gapsSince ??= now;
  }

  #usual(now, age) {
    const second = Math.floor(now / 1000);
    const last = this.#ages.at(-1);
    if (last?.second === second) last.age = Math.min(last.age, age);
    else this.#ages.push({ second, age });
    while (this.#ages[0].second < second - USUAL_OVER) this.#ages.shift();
    return Math.min(...this.#ages.map((entry) => entry.age));
  }

  /** @returns {string[]} the ladder without what takes more of the link than the best quality does */
  get #rungs() {
    const [best, ...others] = this.#ladder;
    return [best, ...others.filter((quality) => this.#traffic.need(quality) < this.#traffic.need(best))];
  }

  #stepDown(now) {
    const lower = this.#rungs.filter((quality) => this.#ladder.indexOf(quality) > this.#step);
    if (!lower.length) return;
    const { at, received } = this.#untroubled;
    const link = ((this.#traffic.received - received) * 8) / (now - at); // kbit/s
    const fits = lower.find((quality) => this.#traffic.need(quality) <= link * DOWN_TO);
    if (now - this.#steppedUpAt < FAILED_WITHIN) this.#waitLonger();
    else this.#wait = CLEAN;
    this.#move(fits ?? lower.at(-1));
  }

  async #stepUpIfItFits() {
    const higher = this.#rungs.findLast((quality) => this.#ladder.indexOf(quality) < this.#step);
    if (!higher || this.#measuring) return;
    this.#measuring = true;
    const link = await this.#measure();
    this.#measuring = false;
    const now = this.#now();
    if (now - this.#cleanSince < this.#wait) return; // trouble or another ladder meanwhile
    this.#cleanSince = now;
    if (link < this.#traffic.need(higher) * UP_FROM) this.#waitLonger();
    else {
      this.#steppedUpAt = now;
      this.#move(higher);
    }
  }

  #waitLonger() {
    this.#wait = Math.min(this.#wait * 2, LONGEST);
  }

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
