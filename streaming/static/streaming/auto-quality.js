const LATE = 1.2; // seconds that a picture may be older than usual
const LASTING = 3_000; // ms of trouble before the quality steps down
const GAP_LASTS = 2_500; // ms that a gap counts as going on: video is dropped up to the next key picture
const SETTLING = 2_000; // ms after a change in which pictures of both qualities come
const CLEAN = 20_000; // ms without trouble before it steps up again
const LONGEST = 300_000; // ms: the wait doubles with each step up that failed, up to this
const APART = 10_000; // ms between two changes
const FAILED_WITHIN = 30_000; // ms: a step down so soon after a step up means that the step up failed
const USUAL_OVER = 60; // seconds in which the smallest age of a second is the usual one

/** Decides on a quality by how the pictures arrive: down when this link or machine does not keep up, up again later. */
export class AutoQuality {
  #ladder;
  #now;
  #step = 0;
  #changedAt = -Infinity;
  #steppedUpAt = -Infinity;
  #wait = CLEAN;
  #cleanSince;
  #lateSince = null;
  #gapsSince = null;
  #gapAt = -Infinity;
  /** @type {{second: number, age: number}[]} the smallest age of each of the last seconds */
  #ages = [];

  /**
   * @param {readonly string[]} ladder qualities, the best one first
   * @param {() => number} [now] milliseconds
   */
  constructor(ladder, now = Date.now) {
    this.#ladder = ladder;
    this.#now = now;
    this.#cleanSince = now();
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
    if (now - this.#changedAt < APART) return;
    if (now - trouble >= LASTING) this.#stepDown(now);
    else if (now - this.#cleanSince >= this.#wait) this.#stepUp(now);
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

  #stepDown(now) {
    if (this.#step === this.#ladder.length - 1) return;
    if (now - this.#steppedUpAt < FAILED_WITHIN) this.#wait = Math.min(this.#wait * 2, LONGEST);
    else this.#wait = CLEAN;
    this.#move(now, 1);
  }

  #stepUp(now) {
    if (this.#step === 0) return;
    this.#steppedUpAt = now;
    this.#move(now, -1);
  }

  #move(now, steps) {
    this.#step += steps;
    this.#changedAt = now;
    this.#forgetTrouble();
  }

  #forgetTrouble() {
    this.#cleanSince = this.#now();
    this.#lateSince = this.#gapsSince = null;
    this.#gapAt = -Infinity;
  }
}
