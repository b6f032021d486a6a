// One chart of the last hour: a title, what each line is worth now (or under the pointer), and the lines.

import { element, setText } from "./dom.js";
import { clock } from "./format.js";
import uPlot from "./vendor/uplot/uPlot.esm.js";

const HOUR_SECONDS = 3600;
const LEAST_SECONDS = 300;
const TICK_SECONDS = [60, 120, 300, 600, 900, 1800];
const MINUTE_SAMPLES = 12;
const HEIGHT = 170;
const FONT = "12px system-ui, sans-serif";
const pointers = uPlot.sync("ops");

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

export class Chart {
  /** `lines` are {label, colour: name of a CSS variable, isFilled}; `write` turns a value into text. */
  constructor(title, lines, write, { leastTop = 1 } = {}) {
    this.title = title;
    this.lines = lines;
    this.write = write;
    this.leastTop = leastTop;
    this.data = [[], ...lines.map(() => [])];
    this.values = lines.map(() => element("b"));
    this.pointedTime = element("span");
    this.canvas = element("div", { className: "canvas", role: "img" });
    const legend = lines.map((line, index) => element("span", {},
      swatch(line.colour), `${line.label} `, this.values[index]));
    this.node = element("figure", { className: "panel chart" },
      element("figcaption", {}, element("h2", {}, title), element("span", { className: "legend" }, this.pointedTime, ...legend)),
      this.canvas);
    new ResizeObserver(() => this.fit()).observe(this.canvas);
  }

  /** `columns` has one list of values for each line. */
  update(times, columns) {
    this.data = [times, ...columns];
    if (this.plot) this.plot.setData(this.data);
    this.tell();
  }

  redraw() {
    this.plot?.redraw(false, true);
  }

  fit() {
    const width = Math.floor(this.canvas.clientWidth);
    if (width === 0) return;
    if (this.plot) this.plot.setSize({ width, height: HEIGHT });
    else this.plot = new uPlot(this.options(width), this.data, this.canvas);
  }

  options(width) {
    const axis = {
      stroke: () => colour("muted"), font: FONT, size: 24,
      grid: { stroke: () => colour("grid"), width: 1 }, ticks: { show: false },
    };
    return {
      width, height: HEIGHT, padding: [8, 18, 0, 0],
      legend: { show: false },
      cursor: { y: false, sync: { key: pointers.key }, drag: { x: false, y: false }, points: { size: 7 } },
      scales: {
        x: { range: () => this.lastHour() },
        y: { range: (_, __, top) => [0, Math.max(top ?? 0, this.leastTop) * 1.08] },
      },
      axes: [
        { ...axis, values: (_, times) => times.map((time) => clock(time)), space: 70, incrs: TICK_SECONDS },
        { ...axis, size: 56, space: 34, values: (_, values) => values.map(this.write) },
      ],
      series: [{}, ...this.lines.map((line) => ({
        stroke: () => colour(line.colour), width: 1.5,
        fill: line.isFilled ? () => `color-mix(in srgb, ${colour(line.colour)} 16%, transparent)` : undefined,
        points: { show: true, size: 4, fill: () => colour(line.colour), filter: lonely },
      }))],
      hooks: { setCursor: [() => this.tell()] },
    };
  }

  /** Less, while the process is younger than that. */
  lastHour() {
    const newest = this.data[0].at(-1) ?? Date.now() / 1000;
    const oldest = Math.min(this.data[0][0] ?? newest, newest - LEAST_SECONDS);
    return [Math.max(oldest, newest - HOUR_SECONDS), newest];
  }

  /** Writes the values under the pointer, or else the newest. */
  tell() {
    const pointed = this.plot?.cursor.idx;
    const isPointed = pointed !== null && pointed !== undefined;
    setText(this.pointedTime, isPointed ? `${clock(this.data[0][pointed], true)}:` : "");
    const written = this.lines.map((_, line) => {
      const values = this.data[line + 1];
      return this.write(isPointed ? values[pointed] : newest(values));
    });
    written.forEach((text, line) => setText(this.values[line], text));
    if (!isPointed) {
      const now = this.lines.map((line, number) => `${line.label} ${written[number]}`).join(", ");
      this.canvas.setAttribute("aria-label", `${this.title}, last hour. Now: ${now}.`);
    }
  }
}

/** The last value of the last minute; between rare requests there is none. */
function newest(values) {
  return values.slice(-MINUTE_SAMPLES).findLast((value) => value !== null && value !== undefined);
}

function swatch(name) {
  const node = element("i", { className: "swatch", aria: { hidden: "true" } });
  node.style.setProperty("--swatch", `var(--${name})`);
  return node;
}

/** A value between two gaps belongs to no line, and is drawn as a point. */
function lonely(plot, line) {
  const values = plot.data[line];
  const indices = [];
  for (let index = 0; index < values.length; index++) {
    const isMissing = (other) => values[other] === null || values[other] === undefined;
    if (!isMissing(index) && isMissing(index - 1) && isMissing(index + 1)) indices.push(index);
  }
  return indices;
}
