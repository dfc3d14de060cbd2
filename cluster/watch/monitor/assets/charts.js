// Curves by dygraphs. A chart is made once and gets new data; several runs share one x axis.
/* global Dygraph */
import { COLOURS, isCutOff, smoothed, stateNow } from "./model.js";

const charts = new Map();   // element id -> Dygraph

const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function short(v) {
  if (!Number.isFinite(v)) return "–";
  const a = Math.abs(v);
  for (const [limit, suffix] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]])
    if (a >= limit) return `${(v / (limit === 1e4 ? 1e3 : limit)).toPrecision(3)}${suffix}`;
  return a !== 0 && a < 1e-3 ? v.toExponential(1) : String(Number(v.toPrecision(4)));
}

// Columns of (x, y) pairs over different x become rows over all x, null where a column says nothing.
function rows(columns) {
  const at = new Map();
  columns.forEach((c, i) => c.points.forEach(([x, y]) => {
    if (!at.has(x)) at.set(x, new Array(columns.length).fill(null));
    at.get(x)[i] = y;
  }));
  return [...at.entries()].sort((a, b) => a[0] - b[0]).map(([x, values]) => [x, ...values]);
}

function describe(element, columns, title) {
  const parts = columns.filter((c) => c.points.length && !c.faint)
    .map((c) => `${c.label}: ${short(c.points[c.points.length - 1][1])}`);
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", parts.length ? `${title}. Latest: ${parts.join(", ")}` : `${title}: nothing yet`);
}

// Names beside colours, under charts that show more than one thing.
function showLegend(element, columns) {
  let legend = element.nextElementSibling;
  if (!legend || !legend.classList.contains("legend")) {
    legend = document.createElement("p");
    legend.className = "legend";
    element.after(legend);
  }
  const named = columns.filter((c) => !c.faint);
  legend.hidden = named.length < 2;
  legend.replaceChildren(...named.map((c) => {
    const item = document.createElement("span"), swatch = document.createElement("i");
    swatch.className = c.dash ? "swatch dashed" : "swatch";
    swatch.style.color = c.colour;
    item.append(swatch, ` ${c.label}`);
    return item;
  }));
}

export const percent = (v) => (Number.isFinite(v) ? `${Number((100 * v).toFixed(1))} %` : "–");

// Hours as people write them.
function hours(v) {
  const t = Math.round(v * 3600), two = (n) => String(n).padStart(2, "0");
  return t < 3600 ? `${Math.floor(t / 60)}:${two(t % 60)}` : `${Math.floor(t / 3600)}:${two(Math.floor(t / 60) % 60)}:${two(t % 60)}`;
}

// How numbers are written at the axes and in the legend that follows the pointer.
function axes(x, y, more = {}) {
  const xText = x === "elapsed" ? hours : short;
  return { x: { axisLabelFormatter: xText, valueFormatter: (v) => (x === "elapsed" ? hours(v) : `step ${v}`), ...more.x },
    y: { axisLabelFormatter: (v) => y(v), valueFormatter: (v) => y(v), axisLabelWidth: 48, ...more.y } };
}

// Draw columns [{label, colour, points: [[x, y]…], faint, width, dash}] into an element.
export function draw(element, title, columns, more = {}) {
  const used = columns.filter((c) => c.points.length);
  const data = rows(used);
  element.classList.toggle("empty", !data.length);
  describe(element, used, title);
  if (more.named !== false) showLegend(element, used);
  if (!data.length) return;
  const series = {};
  used.forEach((c) => {
    series[c.label] = { color: c.colour, strokeWidth: c.faint ? 1 : c.width || 2, strokePattern: c.dash || null,
      highlightCircleSize: c.faint ? 0 : 4 };
  });
  const options = { labels: ["x", ...used.map((c) => c.label)], series, gridLineColor: variable("--grid"),
    axisLineColor: variable("--line"), connectSeparatedPoints: true, animatedZooms: false, legend: "follow",
    labelsSeparateLines: true, drawPoints: data.length === 1, pointSize: 3, fillGraph: false, rightGap: 8,
    highlightSeriesOpts: null, ...more };
  const chart = charts.get(element.id);
  if (chart && chart.mp2 === used.map((c) => c.label).join("\n")) {
    chart.updateOptions({ file: data, ...options });
    return;
  }
  if (chart) chart.destroy();
  const made = new Dygraph(element, data, options);
  made.mp2 = used.map((c) => c.label).join("\n");
  charts.set(element.id, made);
}

export function forget(id) {
  const chart = charts.get(id);
  if (chart) chart.destroy();
  charts.delete(id);
}

export function resizeAll() {
  charts.forEach((c) => c.resize());
}

export const colourOf = (run) => COLOURS[run.id % COLOURS.length];

const faded = (colour) => colour + "55";

// A chart of a field of the steps, one strong curve a run, and the raw values behind it.
export function drawSteps(id, title, runs, field, view, raw = true, more = {}, text = short) {
  const columns = [];
  for (const run of runs) {
    const xs = run.steps.map((s) => s[view.axis]), ys = run.steps.map((s) => s[field]);
    const smooth = smoothed(ys, view.smooth);
    if (raw && view.smooth > 0)
      columns.push({ label: `${run.info.name} raw`, colour: faded(colourOf(run)), faint: true, points: pair(xs, ys) });
    columns.push({ label: run.info.name, colour: colourOf(run), points: pair(xs, smooth) });
  }
  draw(document.getElementById(id), title, columns, { axes: axes(view.axis, text), ...more });
}

const pair = (xs, ys) => xs.map((x, i) => [x, ys[i]]).filter(([, y]) => Number.isFinite(y));

export function drawScores(id, title, runs, view) {
  const columns = [];
  for (const run of runs) {
    const name = run.info.name;
    columns.push({ label: name, colour: colourOf(run), points: run.evals.map((e) => [e[view.axis], e.mean]) });
    columns.push({ label: `${name} best`, colour: colourOf(run), dash: [4, 4], width: 1,
      points: run.evals.map((e) => [e[view.axis], e.best_mean]) });
  }
  draw(document.getElementById(id), title, columns, { axes: axes(view.axis, percent) });
}

// One run's parts of a step; of several runs the first.
export function drawTime(id, title, runs, view) {
  const run = runs[0];
  const parts = [["seconds", "whole step"], ["compute", "compute"], ["reduce", "reduce"], ["commit", "journal"]];
  const columns = run ? parts.map(([field, label], i) => ({ label: runs.length > 1 ? `${label}, ${run.info.name}` : label,
    colour: COLOURS[i], points: pair(run.steps.map((s) => s[view.axis]), smoothed(run.steps.map((s) => s[field]), view.smooth)) }))
    : [];
  draw(document.getElementById(id), title, columns, { axes: axes(view.axis, short), includeZero: true });
}

export function drawRates(id, title, runs, view) {
  const columns = runs.flatMap((run) => [
    { label: run.info.name, colour: colourOf(run), points: run.steps.map((s) => [s[view.axis], s.rate]) },
    { label: `${run.info.name} routers`, colour: colourOf(run), dash: [4, 4],
      points: run.steps.filter((s) => s.routerRate > 0).map((s) => [s[view.axis], s.routerRate]) }]);
  draw(document.getElementById(id), title, columns, { axes: axes(view.axis, short), includeZero: true });
}

// ---- small multiples: a chart a task ----

function taskColumns(runs, task, curve, view) {
  const columns = [];
  for (const run of runs) {
    if (curve !== "score") {
      const seen = run.steps.flatMap((s) => s.groups.filter((g) => g.task === task).map((g) => [s[view.axis], g[curve]]));
      const smooth = smoothed(seen.map((p) => p[1]), Math.min(view.smooth, 0.8));
      columns.push({ label: run.info.name, colour: colourOf(run), points: pair(seen.map((p) => p[0]), smooth) });
      continue;
    }
    const scores = run.evals.flatMap((e) => e.scores.filter((s) => s.task === task)
      .map((s) => ({ x: e[view.axis], y: s.score, majority: s.majority })));
    columns.push({ label: run.info.name, colour: colourOf(run), points: scores.map((s) => [s.x, s.y]) });
    if (run === runs[0] && scores.some((s) => s.majority > 0))
      columns.push({ label: "majority class", colour: "#888888", dash: [2, 3], width: 1,
        points: scores.map((s) => [s.x, s.majority]) });
  }
  return columns.map((c) => ({ ...c, points: c.points.filter(([, y]) => typeof y === "number" && Number.isFinite(y)) }));
}

function latest(columns) {
  const c = columns.find((k) => k.points.length);
  return c ? c.points[c.points.length - 1][1] : NaN;
}

const orders = {
  index: () => 0,
  name: (a, b) => a.task.localeCompare(b.task),
  worst: (a, b) => (a.sort - b.sort) || 0,
  best: (a, b) => (b.sort - a.sort) || 0,
};

// All at one scale, so that they can be compared.
export function drawTasks(box, runs, curve, order, view) {
  const ids = [...new Set(runs.flatMap((r) => r.taskIds))];
  const items = ids.map((task, i) => ({ task, id: `task-${i}`, columns: taskColumns(runs, task, curve, view) }));
  items.forEach((it) => {
    const value = latest(it.columns);
    it.value = value;
    it.sort = Number.isFinite(value) ? (curve === "loss" ? -value : value) : -Infinity;
  });
  [...box.children].forEach((card, i) => { card.hidden = i >= items.length; });   // of runs no longer shown
  const most = Math.max(...items.flatMap((it) => it.columns.flatMap((c) => c.points.map(([, y]) => y))), 1e-9);
  const range = [0, curve === "loss" || most > 1 ? 1.05 * most : 1.02], text = curve === "loss" || most > 1 ? short : percent;
  [...items].sort(orders[order]).forEach((it, position) => {
    let card = document.getElementById(`${it.id}-card`);
    if (!card) {
      card = document.createElement("div");
      card.className = "multiple";
      card.id = `${it.id}-card`;
      card.innerHTML = "<h3><span></span><span></span></h3><div class='chart'></div>";   // no foreign text
      card.lastChild.id = it.id;
      box.append(card);
    }
    card.style.order = position;
    const [name, value] = card.querySelectorAll("h3 span");
    name.textContent = name.title = it.task;
    value.textContent = !Number.isFinite(it.value) ? "" : curve === "loss" ? short(it.value) : `${(100 * it.value).toFixed(1)} %`;
    draw(card.lastChild, `${it.task}, ${curve}`, it.columns,
      { axisLabelFontSize: 10, named: false, valueRange: range,
        axes: axes(view.axis, text, { x: { pixelsPerLabel: 60 }, y: { pixelsPerLabel: 24, axisLabelWidth: 36 } }) });
  });
}

// ---- the workers' timeline: a thick line per worker and state ----

export const STATES = { WORKING: ["#0072b2", "working"], WAITING: ["#56b4e9", "waiting"], JOINING: ["#cc79a7", "joining"],
  LATE: ["#e69f00", "late"], LOST: ["#d5241c", "lost"], LEFT: ["#777777", "left"] };

// A newer program may know more states.
export const stateOf = (state) => STATES[state] || ["#999999", "unknown"];

// Over the clock, so that the time nobody worked shows; of several runs the first.
export function drawTimeline(element, runs) {
  const run = runs[0], columns = [];
  if (run) {
    const now = isCutOff(run) ? Date.now() / 1000 : run.last, byRank = new Map();
    run.changes.forEach((c) => byRank.set(c.rank, [...(byRank.get(c.rank) || []), c]));
    for (const [rank, changes] of byRank) {
      const worker = run.workers.get(rank), state = stateNow(run, worker);
      const all = state === worker.state ? changes : [...changes, { time: run.last, rank, state }];
      all.forEach((c, i) => {
        const label = `worker ${rank} ${stateOf(c.state)[1]}`, end = i + 1 < all.length ? all[i + 1].time : Math.max(now, c.time);
        let column = columns.find((k) => k.label === label);
        if (!column) columns.push(column = { label, colour: stateOf(c.state)[0], width: 9, points: [] });
        column.points.push([1000 * c.time, rank], [1000 * end, rank], [1000 * end + 1e-3, NaN]);
      });
    }
  }
  const ranks = run ? [...run.workers.keys()] : [];
  const clock = (ms) => new Date(ms).toISOString().slice(11, 19);
  draw(element, "States of the workers over the time of day, UTC", columns, { named: false,
    valueRange: [Math.min(...ranks, 1) - 0.7, Math.max(...ranks, 1) + 0.7],
    axes: { x: { axisLabelFormatter: clock, valueFormatter: (ms) => `${new Date(ms).toISOString().slice(0, 19)}Z`, pixelsPerLabel: 80 },
      y: { ticker: () => ranks.map((r) => ({ v: r, label: String(r) })), valueFormatter: (v) => `rank ${v}` } } });
}
