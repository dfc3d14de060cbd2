// Tiles, tables and lists. Text from messages goes in by textContent alone.
import { stateNow } from "./model.js";
import { colourOf, percent, short, STATES, stateOf } from "./charts.js";

function element(tag, text, name) {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (name) e.className = name;
  return e;
}

export function duration(s) {
  if (!Number.isFinite(s) || s < 0) return "–";
  const t = Math.round(s), two = (n) => String(n).padStart(2, "0");
  return t < 86400 ? `${Math.floor(t / 3600)}:${two(Math.floor(t / 60) % 60)}:${two(t % 60)}`
    : `${Math.floor(t / 86400)} d ${two(Math.floor(t / 3600) % 24)}:${two(Math.floor(t / 60) % 60)}`;
}

const bytes = (v) => (!v ? "–" : v >= 1e9 ? `${(v / 1e9).toFixed(2)} GB` : v >= 1e6 ? `${(v / 1e6).toFixed(1)} MB` : `${Math.round(v / 1e3)} kB`);
const seconds = (v) => (v < 1 ? `${short(Number((1e3 * v).toPrecision(3)))} ms` : `${short(Number(v.toPrecision(3)))} s`);
const clock = (time) => new Date(time * 1000).toISOString().replace("T", " ").slice(0, 19) + "Z";
const real = (v) => (typeof v === "number" ? short(v) : "–");

function badge(text) {
  return element("span", text, `state ${text}`);
}

// ---- overview: a card a run ----

const TILES = ["mp2_step_loss_mean", "mp2_step_accuracy_ratio", "mp2_eval_score_ratio", "mp2_eval_best_score_ratio", "mp2_tokens_per_second",
  "mp2_compute_limit_ratio", "mp2_steps_per_second", "mp2_step_duration_seconds", "mp2_workers_up", "mp2_journal_lag_steps",
  "mp2_checkpoint_step", "mp2_checkpoint_size_bytes", "mp2_step_sent_bytes", "mp2_tokens_total"];

function tile(metric) {
  const box = element("div"), value = metric.name.endsWith("_ratio") ? percent(metric.value)
    : metric.unit === "B" ? bytes(metric.value) : metric.unit === "s" ? seconds(metric.value) : short(metric.value);
  box.append(element("dt", metric.label), element("dd", value));
  box.title = metric.help;
  return box;
}

function card(run) {
  const info = run.info, box = element("article", undefined, "run"), head = element("h3"), r = run.run;
  const find = (name) => info.metrics.find((m) => m.name === name);
  const share = info.total ? Math.min(1, info.done / info.total) : 0;
  const left = find("mp2_run_remaining_seconds"), worked = find("mp2_run_elapsed_seconds");
  box.style.setProperty("--run", colourOf(run));
  head.append(`${info.name} `, badge(info.run_state), " ", badge(info.state));
  box.append(head);
  box.append(element("p", [info.command, r && r.phase, r && r.precision, r && r.instruction_set,
    r && r.layers ? `${r.layers} layers × ${r.modules} modules` : "", r && r.host, info.source].filter(Boolean).join(" · "), "about"));
  const bar = element("div", undefined, "bar"), fill = element("i");
  bar.setAttribute("role", "progressbar");
  bar.setAttribute("aria-label", `progress of ${info.name}`);
  bar.setAttribute("aria-valuenow", Math.round(100 * share));
  fill.style.width = `${100 * share}%`;
  bar.append(fill);
  box.append(bar, element("p", `${info.done} of ${info.total || "?"} ${info.unit} (${percent(share)})` +
    ` · worked ${duration(worked ? worked.value : NaN)} · remaining ${duration(left ? left.value : NaN)}`, "bar-text"));
  const tiles = element("dl", undefined, "tiles");
  TILES.map(find).filter(Boolean).forEach((m) => tiles.append(tile(m)));
  box.append(tiles);
  return box;
}

export function showOverview(box, runs) {
  box.replaceChildren(...runs.map(card));
}

// ---- tables ----

function fill(table, heads, rows, textColumns) {
  const top = element("thead"), line = element("tr"), body = element("tbody");
  heads.forEach((h, i) => { const th = element("th", h, textColumns.includes(i) ? "text" : ""); th.scope = "col"; line.append(th); });
  top.append(line);
  rows.forEach((r) => {
    const tr = element("tr", undefined, r.kind || "");
    r.cells.forEach((c, i) => {
      const td = element("td", typeof c === "object" ? undefined : c, textColumns.includes(i) ? "text" : "");
      if (typeof c === "object") td.append(c);
      tr.append(td);
    });
    body.append(tr);
  });
  table.replaceChildren(top, body);
}

const several = (runs, name) => (runs.length > 1 ? `${name} ` : "");

export function showWorkers(table, legend, runs) {
  const rows = runs.flatMap((run) => [...run.workers.values()].sort((a, b) => a.rank - b.rank).map((w) => ({
    kind: stateNow(run, w) === "LOST" ? "lost" : "",
    cells: [several(runs, run.info.name) + w.rank, badge(stateOf(stateNow(run, w))[1]), w.host, real(w.units_per_second), seconds(w.lag), seconds(w.behind),
      percent(w.busy), w.units, w.step, bytes(w.memory), w.threads || "–", w.columns ? `${w.first_column} + ${w.columns}` : "", w.reason] })));
  fill(table, ["worker", "state", "host", "units/s", "lag", "behind", "busy", "units", "step", "memory", "threads", "columns of A", "reason"],
    rows, [1, 2, 12]);
  legend.replaceChildren(...Object.values(STATES).map(([colour, name]) => {
    const e = element("span"), s = element("i", undefined, "swatch");
    s.style.color = colour;
    e.append(s, ` ${name}`);
    return e;
  }));
}

export function showTaskTable(table, runs) {
  const rows = runs.flatMap((run) => run.taskIds.map((id) => {
    const t = run.tasks.get(id), info = run.first && run.first.tasks.find((x) => x.id === id);
    const last = run.evals.length ? run.evals[run.evals.length - 1].scores.find((s) => s.task === id) : null;
    return { cells: [several(runs, run.info.name) + id, info ? info.kind : "", t ? t.steps : "", t ? real(t.loss) : "",
      last ? percent(last.score) : "", t ? percent(t.best_score) : "", last && last.majority ? percent(last.majority) : "",
      last ? last.metric : ""] };
  }));
  fill(table, ["task", "kind", "steps", "loss", "score", "best", "majority", "metric"], rows, [1, 7]);
}

export function showCheckpoints(table, runs) {
  const best = (run) => Math.max(...[...run.checkpoints.values()].filter((c) => c.best).map((c) => c.step));
  const rows = runs.flatMap((run) => [...run.checkpoints.values()].filter((c) => c.state !== "REMOVED").sort((a, b) => b.step - a.step).map((c) => ({
    cells: [several(runs, run.info.name) + c.step, badge(c.state.toLowerCase()), clock(c.time), bytes(c.bytes), seconds(c.seconds),
      c.step === best(run) ? "best" : "", c.path] })));
  fill(table, ["step", "state", "when", "size", "took", "", "path"], rows, [1, 2, 5, 6]);
}

export function showEvents(list, runs) {
  const all = runs.flatMap((run) => run.events.map((e) => ({ ...e, run: run.info.name }))).sort((a, b) => b.time - a.time);
  list.replaceChildren(...all.slice(0, 200).map((e) => {
    const li = element("li"), time = element("time", clock(e.time));
    li.append(time, " ", badge(e.level.toLowerCase()), ` ${several(runs, e.run)}${e.tag} · step ${e.step} · ${e.text}`);
    return li;
  }));
  if (!all.length) list.replaceChildren(element("li", "none"));
}

export function showConfig(box, run, text) {
  let d = document.getElementById(`config-${run.id}`);
  if (!d) {
    d = element("details");
    d.id = `config-${run.id}`;
    d.append(element("summary", ""), element("pre", ""));
    d.lastChild.tabIndex = 0;
    box.append(d);
  }
  d.hidden = !run.shown;
  d.firstChild.textContent = `${run.info.name}, digest ${run.first ? run.first.config_digest : ""}`;
  d.lastChild.textContent = text || "not sent";
}
