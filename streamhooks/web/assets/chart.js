// Bars of delivered and failed attempts over time, in SVG.

import { h, write } from "./dom.js";
import { absolute, count, span, zone } from "./format.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const HEIGHT = 220;
const MARGIN = { top: 8, right: 4, bottom: 22, left: 44 };

function draw(tag, attributes = {}, ...children) {
  const node = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Return a chart: {node, update(points, seconds)}; points are {ts, fired, delivered, failed}, `seconds` is the length of a bucket. */
export function chart() {
  const svg = draw("svg", { height: HEIGHT, "aria-hidden": "true" });
  const readout = h("p", { class: "readout" });
  const legend = h("p", { class: "legend" });
  const plot = h("div", {
    class: "plot", tabindex: 0, role: "slider", "aria-label": "Points of the chart", "aria-valuemin": 0,
    on: { keydown: onKey, pointermove: onPointer, pointerleave: () => select(null), blur: () => select(null) },
  }, svg);
  const rows = h("tbody");
  const numbers = h("details", {}, h("summary", {}, "The numbers"), h("div", { class: "scroll" }, h("table", { class: "plain" },
    h("caption", { class: "unseen" }, "Counts per bucket, without zeros, newest first"),
    h("thead", {}, h("tr", {}, ["From", "Fired", "Delivered", "Failed"].map((name) => h("th", { scope: "col" }, name)))),
    rows)));
  const node = h("div", { class: "chart" }, legend, plot, readout, numbers);
  let all = [];
  let points = [];
  let bucket = 1;
  let seconds = 1;
  let selected = null;

  new ResizeObserver(redraw).observe(plot);
  numbers.addEventListener("toggle", fillNumbers);

  function update(newPoints, newSeconds) {
    [all, bucket] = [newPoints, newSeconds];
    redraw();
    fillNumbers();
    legend.replaceChildren(...["fired", "delivered", "failed"].map((name) => h("span", { class: `key ${name}` },
      `${name} ${count(all.reduce((sum, point) => sum + point[name], 0))}`)));
  }

  function redraw() {
    const width = plot.clientWidth;
    if (!width || !all.length) return;
    svg.setAttribute("width", width);
    const inner = { width: width - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
    // On a narrow screen, there is no room for each point: a bar is then the sum of several.
    const together = Math.ceil((2 * all.length) / inner.width);
    [points, seconds] = [sums(all, together), bucket * together];
    if (selected !== null && selected >= points.length) selected = null;
    const { top, lines } = axis(Math.max(...points.map((point) => Math.max(point.fired, point.delivered + point.failed))));
    const step = inner.width / points.length;
    const gap = step > 4 ? 1 : 0;
    const x = (index) => MARGIN.left + index * step;
    const y = (value) => MARGIN.top + inner.height * (1 - value / top);
    const bars = [];
    points.forEach((point, index) => {
      const place = { x: x(index), width: Math.max(1, step - gap) };
      if (point.delivered) {
        bars.push(draw("rect", { ...place, class: "delivered", y: y(point.delivered), height: y(0) - y(point.delivered) }));
      }
      if (point.failed) {
        const sum = point.delivered + point.failed;
        bars.push(draw("rect", { ...place, class: "failed", y: y(sum), height: y(point.delivered) - y(sum) }));
      }
      // More fired than delivered or failed: duplicates, which count as delivered once.
      if (point.fired > point.delivered + point.failed) {
        bars.push(draw("rect", { ...place, class: "fired", y: y(point.fired) - 1, height: 2 }));
      }
    });
    svg.replaceChildren(...grid(lines, y, width), ...times(points, seconds, x, inner.width), ...bars);
    if (selected !== null) {
      svg.append(draw("rect", { class: "cursor", x: x(selected), width: Math.max(1, step), y: MARGIN.top, height: inner.height }));
    }
    plot.setAttribute("aria-valuemax", points.length - 1);
    plot.setAttribute("aria-valuenow", selected ?? points.length - 1);
    const text = describe(points[selected ?? points.length - 1]);
    plot.setAttribute("aria-valuetext", text);
    write(readout, selected === null ? `A bar is ${span(seconds)}, times are in ${zone()}. Point at one, or use the arrow keys.` : text);
  }

  function describe(point) {
    return `${absolute(point.ts * 1000)}: fired ${count(point.fired)}, delivered ${count(point.delivered)}, failed ${count(point.failed)}`;
  }

  function select(index) {
    selected = index === null ? null : Math.min(points.length - 1, Math.max(0, index));
    redraw();
  }

  function onPointer(event) {
    const step = (plot.clientWidth - MARGIN.left - MARGIN.right) / points.length;
    select(Math.floor((event.clientX - plot.getBoundingClientRect().left - MARGIN.left) / step));
  }

  function onKey(event) {
    const from = selected ?? points.length - 1;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: points.length - 1, PageUp: from - 10, PageDown: from + 10 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    select(to);
  }

  function fillNumbers() {
    if (!numbers.open) return;
    rows.replaceChildren(...all.filter((point) => point.fired || point.delivered || point.failed).reverse().map((point) => h("tr", {},
      [absolute(point.ts * 1000), count(point.fired), count(point.delivered), count(point.failed)].map((text) => h("td", {}, text)))));
  }

  return { node, update };
}

/** Return a chart without axes for a row of a table; `values` are from left to right. */
export function sparkline(values) {
  const width = 80;
  const height = 18;
  const top = Math.max(1, ...values);
  const step = width / values.length;
  return draw("svg", { class: "spark", width, height, "aria-hidden": "true" }, ...values.map((value, index) => draw("rect", {
    x: index * step, width: Math.max(1, step - 1), height: value ? Math.max(2, (height * value) / top) : 1,
    y: height - (value ? Math.max(2, (height * value) / top) : 1), class: value ? "delivered" : "nothing",
  })));
}

/** Return sums of `together` neighbouring points, counted from the newest. */
function sums(points, together) {
  if (together === 1) return points;
  const found = [];
  for (let end = points.length; end > 0; end -= together) {
    const part = points.slice(Math.max(0, end - together), end);
    const total = (name) => part.reduce((sum, point) => sum + point[name], 0);
    found.unshift({ ts: part[0].ts, fired: total("fired"), delivered: total("delivered"), failed: total("failed") });
  }
  return found;
}

/** Return at most six lines at multiples of 1, 2 or 5 times a power of ten, and the highest. */
function axis(most) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, most / 5)));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((value) => value * 5 >= most);
  const top = Math.max(4, Math.ceil(most / step)) * step;
  return { top, lines: Array.from({ length: top / step + 1 }, (_, index) => index * step) };
}

function grid(lines, y, width) {
  return lines.flatMap((value) => [
    draw("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }),
    draw("text", { x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" }, compact(value)),
  ]);
}

function times(points, seconds, x, width) {
  const most = Math.max(2, Math.floor(width / 110));
  const every = Math.ceil(points.length / most);
  const form = new Intl.DateTimeFormat("en-GB", seconds >= 86_400
    ? { day: "numeric", month: "short" }
    : seconds >= 3600 ? { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" } : { hour: "2-digit", minute: "2-digit" });
  const found = [];
  for (let index = 0; index + every / 2 < points.length; index += every) {
    found.push(draw("text", { x: x(index), y: HEIGHT - 6 }, form.format(new Date(points[index].ts * 1000))));
  }
  return found;
}

function compact(value) {
  return new Intl.NumberFormat("en", { notation: "compact" }).format(value);
}
