/** Settings > System: the recorded history, drawn by uPlot in the colors of the page's style sheet. */

import uPlot from "../vendor/uplot/uPlot.esm.js";

import {
  byLimits,
  ends,
  hoursWords,
  inAll,
  localHours,
  reach,
  reasonWords,
  spanWords,
  stack,
  summary,
  twice,
} from "./chart-data.js";
import { ask } from "../shared/http.js";
import { rate } from "./levels.js";
import { place, placeOf, say } from "./dom.js";
import { color, latestKnown, limitSeries, line, withLimits } from "./chart-lines.js";

/** @import { Column, Columns, Hour, Layer } from "./chart-data.js" */
/** @import { Words } from "./chart-lines.js" */

/** @typedef {{since: number, until: number, columns: Columns, hours: Hour[], days: number}} Past `since`: Unix seconds; `hours`: by UTC */
/** @typedef {[number, number]} Span of the x axis */

/**
 * @typedef {object} XAxis
 * @property {uPlot.Axis} axis
 * @property {uPlot.Series} named
 * @property {boolean} time
 * @property {string | null} sync key of the charts that share a cursor
 */

const DAY = 86_400; // seconds
const HEIGHTS = { streams: 230, bandwidth: 140, waits: 140, refused: 120, hours: 150 }; // pixels
const bars = /** @type {uPlot.Series.BarsPathBuilderFactory} */ (uPlot.paths.bars);

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayAndClock = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
/** @type {Words} */
const whole = (value) => (value === null || value === undefined ? "–" : String(Math.round(value * 10) / 10));

/** The charts of the history and of the hours of the day, each also in words. */
export class History {
  #url;
  /** @type {uPlot[]} */
  #plots = [];
  /** @type {Past | null} */
  #past = null;
  #asked = 0; // number of the newest request

  /** @param {string} url */
  constructor(url) {
    this.#url = url;
    place("range").addEventListener("change", () => this.refresh());
    pointsDetails().addEventListener("toggle", () => this.#showPoints());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    const theme = new MutationObserver(() => this.#draw());
    theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    new ResizeObserver(() => this.#resize()).observe(place("chart-streams"));
  }

  async refresh() {
    const asked = ++this.#asked;
    const range = String(new FormData(placeOf("range", HTMLFormElement)).get("range"));
    /** @type {Past} */
    const past = await ask(this.#url, { range });
    if (asked !== this.#asked) return; // the user chose another range meanwhile
    this.#past = { ...past, columns: { ...past.columns, refusals: byLimits(past.columns.refusals) } };
    this.#draw();
  }

  #draw() {
    if (!this.#past) return;
    const { columns, since, until, hours: byUtc, days } = this.#past;
    const hours = localHours(byUtc, new Date().getTimezoneOffset());
    for (const plot of this.#plots) plot.destroy();
    const refused = stack(columns.refusals);
    /** @type {Span} */
    const time = [since, until];
    const anybody = refused.length > 0 || Object.keys(columns.would_refuse).length > 0;
    const waited = columns.waits.waited > 0;
    place("waits").hidden = !waited;
    place("chart-refused").hidden = !anybody;
    place("no-refused").hidden = anybody;
    this.#plots = [
      drawStreams(columns, time),
      drawBandwidth(columns, time),
      ...(waited ? [drawWaits(columns, time)] : []),
      ...(anybody ? [drawRefused(columns, refused, time)] : []),
      drawHours(hours),
    ];
    say(place("summary"), summary(columns, (seconds) => dayAndClock.format(seconds * 1000)));
    say(place("hours-title"), `Hours of the day, last ${days} days`);
    say(place("hours-summary"), hoursWords(hours));
    this.#showPoints();
  }

  #resize() {
    for (const plot of this.#plots) {
      const width = plot.root.parentElement?.getBoundingClientRect().width;
      if (width && Math.abs(width - plot.width) >= 1) plot.setSize({ width, height: plot.height });
    }
  }

  /** Shows the recorded figures as a table, the newest first, when the user opens it. */
  #showPoints() {
    if (!pointsDetails().open || !this.#past) return;
    const { columns } = this.#past;
    const [refused, would] = [columns.refusals, columns.would_refuse].map((reasons) => inAll(reasons, columns.time));
    const known = [...columns.time.keys()].filter((index) => columns.peak[index] !== null).reverse();
    const rows = known.map((index) => {
      const row = document.createElement("tr");
      const { time, peak, limit, mbps, mbps_peak: most, max_mbps: budget } = columns;
      const texts = [dayAndClock.format(time[index] * 1000), peak[index], limit[index], rate(mbps[index]), rate(most[index])];
      const waited = [columns.waited[index], spanWords(columns.wait_median[index]), spanWords(columns.wait_high[index])];
      const counts = [columns.gave_up[index], refused[index], would[index]];
      for (const text of [...texts, budget[index] || "none", ...waited, ...counts]) row.insertCell().append(String(text));
      return row;
    });
    place("points").replaceChildren(...rows);
  }
}

function pointsDetails() {
  return /** @type {HTMLDetailsElement} */ (place("points").closest("details"));
}

/** @param {Columns} columns @param {Span} time */
function drawStreams(columns, time) {
  const top = reach(columns.peak, columns.limits);
  const series = [{ ...line("Peak in use", "peak", whole), fill: color("peak-fill") }, ...limitSeries(columns.limits, whole)];
  const data = withLimits(levels(columns, columns.peak), columns.limits, top);
  return draw("streams", time, series, data, { ...wholeNumbers, top });
}

/** @param {Columns} columns @param {Span} time */
function drawBandwidth({ budgets, ...columns }, time) {
  const top = reach(columns.mbps_peak, budgets);
  const series = [
    { ...line("Average", "rate", rate), fill: color("rate-fill") },
    { ...line("Highest", "rate-peak", rate), width: 1 },
    ...limitSeries(budgets, rate),
  ];
  return draw("bandwidth", time, series, withLimits(levels(columns, columns.mbps, columns.mbps_peak), budgets, top), { top });
}

/** @param {Columns} columns @param {Span} time */
function drawWaits(columns, time) {
  const series = [
    { ...line("Median", "rate", spanWords), fill: color("rate-fill") },
    { ...line("95 %", "rate-peak", spanWords), width: 1 },
  ];
  const data = levels(columns, columns.wait_median, columns.wait_high);
  return draw("waits", time, series, data, { top: Math.max(...columns.wait_high.map((seconds) => seconds ?? 0)) });
}

/**
 * @param {Pick<Columns, "time" | "step">} steps
 * @param {Column[]} columns
 * @returns {uPlot.AlignedData}
 */
const levels = ({ time, step }, ...columns) => [ends(time, step), ...columns.map(twice)];

/** @param {Columns} columns @param {Layer[]} layers @param {Span} time */
function drawRefused(columns, layers, time) {
  /** @type {uPlot.Series[]} */
  const series = layers.map(({ name, rank, own }) => ({
    label: reasonWords(name),
    stroke: color(`reason-${rank}`),
    fill: color(`reason-${rank}`),
    width: 0,
    paths: bars({ size: [0.9, 40, 2], align: 1 }),
    points: { show: false },
    value: (_plot, _value, _series, index) => whole(index === null ? null : own[index]),
  }));
  /** @type {uPlot.AlignedData} */
  const data = [columns.time, ...layers.map(({ stacked }) => stacked)];
  if (Object.keys(columns.would_refuse).length) {
    series.push({ ...line("Dry run", "ink", whole), width: 1, paths: bars({ size: [0.9, 40, 2], align: 1 }) });
    data.push(inAll(columns.would_refuse, columns.time).map((count) => count || null));
  }
  return draw("refused", time, series, data, wholeNumbers);
}

/** @param {Hour[]} hours */
function drawHours(hours) {
  /** @param {string} label @param {string} name of its color @returns {uPlot.Series} */
  const bar = (label, name) => ({
    label,
    stroke: color(name),
    fill: color(`${name}-fill`),
    width: 1,
    paths: bars({ size: [0.8, 60] }),
    points: { show: false },
    value: (_, number) => whole(number),
  });
  /** @type {uPlot.AlignedData} */
  const data = [
    hours.map((_, hour) => hour),
    hours.map(({ max_peak: most }) => most),
    hours.map(({ average_peak: average }) => average),
  ];
  const series = [bar("Highest peak", "peak"), { ...bar("Average peak", "peak"), fill: color("peak") }];
  /** @type {uPlot.Axis} */
  const axis = {
    incrs: [1, 2, 3, 6],
    values: (_, splits) => splits.map((hour) => (Number.isInteger(hour) && hour >= 0 && hour < 24 ? pad(hour) : "")),
  };
  /** @type {uPlot.Series} */
  const named = { label: "Hour", value: (_, hour) => (hour === null || hour === undefined ? "–" : `${pad(hour)}:00`) };
  return draw("hours", [-0.6, 23.6], series, data, { ...wholeNumbers, x: { axis, named, time: false, sync: null } });
}

const pad = (/** @type {number} */ hour) => String(hour).padStart(2, "0");
const wholeNumbers = { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000] };

/**
 * An axis of times: the date where a day begins, and else the time of day.
 * @type {XAxis}
 */
const times = {
  axis: {
    values: (_plot, splits, _axis, _space, increment) => splits.map((seconds) => timeWords(seconds, increment)),
    space: 64,
  },
  named: { label: "Time", value: (_, seconds) => (seconds ? dayAndClock.format(seconds * 1000) : "–") },
  time: true,
  sync: "system",
};

/** @param {number} seconds @param {number} increment seconds between two ticks */
function timeWords(seconds, increment) {
  const moment = new Date(seconds * 1000);
  const midnight = moment.getHours() === 0 && moment.getMinutes() === 0;
  return increment >= DAY || midnight ? day.format(moment) : clock.format(moment);
}

/**
 * @param {keyof typeof HEIGHTS} name
 * @param {Span} span
 * @param {uPlot.Series[]} series
 * @param {uPlot.AlignedData} data
 * @param {{incrs?: number[], x?: XAxis, top?: number}} options `incrs`: possible distances of the ticks; `top`: highest value
 */
function draw(name, [from, to], series, data, { incrs, x = times, top }) {
  const host = place(`chart-${name}`);
  const common = { stroke: color("ink"), font: "12px system-ui, sans-serif" };
  const grid = { stroke: color("grid"), width: 1 };
  /** @type {uPlot.Options} */
  const options = {
    width: host.getBoundingClientRect().width || 600,
    height: HEIGHTS[name],
    series: [x.named, ...series],
    scales: { x: { time: x.time, range: () => [from, to] }, y: { range: (_plot, _low, high) => [0, Math.max(top ?? high ?? 0, 1) * 1.08] } },
    axes: [
      { ...common, grid: { show: false }, ticks: { ...grid, size: 4 }, size: 30, gap: 4, ...x.axis },
      { ...common, grid, ticks: { show: false }, size: 40, ...(incrs && { incrs }) },
    ],
    cursor: { y: false, dataIdx: latestKnown, drag: { x: false, y: false }, ...(x.sync && { sync: { key: x.sync } }) },
  };
  return new uPlot(options, data, host);
}
