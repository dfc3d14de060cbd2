// Curves (dygraphs) and router maps (a table, coloured) from the page's data. Text goes in as text, never as HTML.
/* global Dygraph */
"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const DASHES = [null, [8, 3], [2, 3], [12, 3, 2, 3], [5, 5], [2, 2], [10, 6], [4, 2, 1, 2]];

  function choices(select, texts) {
    select.replaceChildren(...texts.map((text, i) => new Option(text, i)));
  }

  // Seeds of a method have their points at the same places or nearly; means over those that are there.
  function meanCurve(seeds, what) {
    const at = new Map();
    for (const seed of seeds)
      for (const point of seed) {
        const x = Math.round(point[0] * 1000) / 10, y = point[what];
        if (y === null) continue;
        const sum = at.get(x) || [0, 0];
        at.set(x, [sum[0] + y, sum[1] + 1]);
      }
    return [...at.entries()].sort((a, b) => a[0] - b[0]).map(([x, [sum, n]]) => [x, sum / n]);
  }

  let chart = null;
  function drawCurves() {
    const task = data.tasks[byId("curve-task").value], dev = byId("curve-what").value === "dev", rows = new Map();
    if (!task) return;
    const used = data.methods.map((m, i) => ({ ...m, points: meanCurve(task.methods[i], dev ? 1 : 2) })).filter((m) => m.points.length > 1);
    used.forEach((m, i) => m.points.forEach(([x, y]) => {
      if (!rows.has(x)) rows.set(x, new Array(used.length).fill(null));
      rows.get(x)[i] = dev ? 100 * y : y;
    }));
    const file = [...rows.entries()].sort((a, b) => a[0] - b[0]).map(([x, values]) => [x, ...values]);
    const element = byId("chart"), series = {};
    if (chart) chart.destroy();
    chart = null;
    byId("legend").replaceChildren(...used.map((m) => {
      const item = document.createElement("span"), line = document.createElement("i"), dash = DASHES[m.colour];
      line.className = "line";
      const colour = `var(--m${m.colour})`, stops = [];
      if (dash) dash.reduce((from, n, i) => (stops.push(`${i % 2 ? "transparent" : colour} ${from}px ${from + n}px`), from + n), 0);
      line.style.background = dash ? `repeating-linear-gradient(90deg, ${stops.join(", ")})` : colour;
      item.append(line, " " + m.title);
      return item;
    }));
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", `${dev ? "Dev score" : "Training loss"} of ${task.id}. ` + (used.length
      ? "At the end: " + used.map((m) => `${m.title} ${(m.points[m.points.length - 1][1] * (dev ? 100 : 1)).toFixed(dev ? 1 : 3)}`).join(", ")
      : "No curves"));
    element.textContent = file.length ? "" : "no curves of this task";
    if (!file.length) return;
    used.forEach((m) => { series[m.title] = { color: variable(`--m${m.colour}`), strokePattern: DASHES[m.colour] }; });
    const value = (v) => (dev ? v.toFixed(1) : v.toFixed(3));
    chart = new Dygraph(element, file, { labels: ["x", ...used.map((m) => m.title)], series, strokeWidth: 2, connectSeparatedPoints: true,
      gridLineColor: variable("--grid"), axisLineColor: variable("--line"), legend: "follow", labelsSeparateLines: true,
      animatedZooms: false, rightGap: 12, dateWindow: [0, 100],
      axes: { x: { valueFormatter: (v) => `${v} % of the way`, axisLabelFormatter: (v) => `${v} %` },
        y: { valueFormatter: value, axisLabelFormatter: (v) => String(Number(v.toPrecision(4))), axisLabelWidth: 44 } } });
  }

  const SCALE = [[0, 32, 77], [49, 68, 107], [102, 105, 112], [149, 143, 120], [203, 186, 105], [255, 234, 70]];
  function colour(p) {
    const at = Math.min(Math.max(p, 0), 1) * (SCALE.length - 1), i = Math.min(Math.floor(at), SCALE.length - 2), f = at - i;
    return `rgb(${SCALE[i].map((c, k) => Math.round(c + f * (SCALE[i + 1][k] - c))).join(",")})`;
  }

  function meanLayer(gates) {
    return gates[0].map((_, k) => gates.reduce((sum, row) => sum + row[k], 0) / gates.length);
  }

  function add(row, kind, text) {
    const cell = document.createElement(kind);
    cell.textContent = text;
    if (kind === "th") cell.scope = row.parentElement && row.parentElement.tagName === "TBODY" ? "row" : "col";
    row.append(cell);
    return cell;
  }

  function drawHeat() {
    const tasks = data.routers[byId("heat-method").value] || [], layer = Number(byId("heat-layer").value) - 1;
    const rows = tasks.map((t) => [t.id, layer < 0 ? meanLayer(t.gates) : t.gates[layer] || []]);
    const modules = rows[0] ? rows[0][1].length : 1;
    const most = Math.min(1, Math.max(2 / modules, ...rows.map(([, gates]) => Math.max(...gates))));   // equal gates look like it
    const head = document.createElement("thead"), body = document.createElement("tbody"), top = document.createElement("tr");
    head.append(top);
    add(top, "th", "task \\ module");
    (rows[0] ? rows[0][1] : []).forEach((_, k) => add(top, "th", String(k)));
    for (const [id, gates] of rows) {
      const row = document.createElement("tr");
      body.append(row);
      add(row, "th", id);
      gates.forEach((p, k) => {
        const cell = add(row, "td", p.toFixed(2).replace(/^0/, ""));
        cell.style.background = colour(p / most);
        cell.style.color = p / most > 0.55 ? "#000" : "#fff";
        cell.title = `${id}, module ${k}: ${p.toFixed(4)}`;
      });
    }
    byId("heat").replaceChildren(head, body);
    byId("heat-most").textContent = most.toFixed(2);
  }

  function layersOf() {
    const tasks = data.routers[byId("heat-method").value] || [], n = tasks.length ? tasks[0].gates.length : 0;
    choices(byId("heat-layer"), ["mean of all", ...Array.from({ length: n }, (_, l) => String(l))]);
    drawHeat();
  }

  choices(byId("curve-task"), data.tasks.map((t) => t.id));
  byId("curve-task").addEventListener("change", drawCurves);
  byId("curve-what").addEventListener("change", drawCurves);
  drawCurves();
  if (byId("heat")) {
    const select = byId("heat-method");
    data.methods.forEach((m, i) => { if (data.routers[i].length) select.append(new Option(m.title, i)); });
    select.addEventListener("change", layersOf);
    byId("heat-layer").addEventListener("change", drawHeat);
    layersOf();
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCurves);
})();
