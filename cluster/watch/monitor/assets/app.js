// Asks once a second, draws what changed. State lives in the server and in the controls; a reload loses nothing.
import { getConfig, isCutOff, refreshAll } from "./model.js";
import { colourOf, drawRates, drawScores, drawSteps, drawTasks, drawTime, drawTimeline, percent, resizeAll } from "./charts.js";
import { drawHeat } from "./heat.js";
import { showCheckpoints, showConfig, showEvents, showOverview, showTaskTable, showWorkers } from "./tables.js";

const $ = (id) => document.getElementById(id);
const runs = [];
const configs = new Map();   // "run picture" -> text
let drawn = "", follow = true, playing = 0;

// ---- controls, remembered by the browser ----

const KEPT = ["axis", "smooth", "theme", "taskcurve", "taskorder"];

function applyTheme() {
  const dark = $("theme").value === "dark" || ($("theme").value === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

function setUpControls() {
  for (const id of KEPT) {
    const kept = localStorage.getItem(`mp2-${id}`);
    if (kept !== null) $(id).value = kept;
    $(id).addEventListener("input", () => { localStorage.setItem(`mp2-${id}`, $(id).value); applyTheme(); show(true); });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { applyTheme(); show(true); });
  for (const id of ["heatrun", "heatlayer"]) $(id).addEventListener("input", () => showHeat());
  $("heattime").addEventListener("input", () => { follow = $("heattime").value === $("heattime").max; showHeat(); });
  $("heatplay").addEventListener("click", play);
  addEventListener("resize", resizeAll);
  applyTheme();
}

function showRunChoice() {
  const box = $("runs");
  for (const run of runs) {
    if ($(`run-${run.id}`)) { $(`run-${run.id}-name`).textContent = run.info.name; continue; }
    const label = document.createElement("label"), check = document.createElement("input"), swatch = document.createElement("i"),
      name = document.createElement("span");
    check.type = "checkbox";
    check.checked = true;
    check.id = `run-${run.id}`;
    name.id = `run-${run.id}-name`;
    name.textContent = run.info.name;
    swatch.className = "swatch";
    swatch.style.color = colourOf(run);
    check.addEventListener("change", () => { run.shown = check.checked; show(true); });
    label.append(check, swatch, name);
    box.append(label);
  }
}

// ---- the routers ----

function options(select, list) {
  if (select.dataset.list === JSON.stringify(list)) return;
  const before = select.value;
  select.replaceChildren(...list.map(([value, text]) => new Option(text, value)));
  if (list.some(([value]) => value === before)) select.value = before;
  select.dataset.list = JSON.stringify(list);
}

function showHeat() {
  options($("heatrun"), runs.filter((r) => r.shown).map((r) => [String(r.id), r.info.name]));
  const run = runs[Number($("heatrun").value)], routers = run ? run.routers : [];
  const time = $("heattime");
  time.max = Math.max(routers.length - 1, 0);
  if (follow) time.value = time.max;
  const router = routers[Number(time.value)];
  $("heatstep").textContent = router ? `step ${router.step}` : "no evaluation yet";
  if (router)
    options($("heatlayer"), [["-1", "all"], ...[...Array(router.layers).keys()].map((l) => [String(l), String(l)])]);
  drawHeat($("heat"), router, Number($("heatlayer").value || -1));
}

function play() {
  const time = $("heattime");
  if (playing) {
    clearInterval(playing);
    playing = 0;
  } else {
    if (time.value === time.max) time.value = 0;
    follow = false;
    playing = setInterval(() => {
      time.value = Number(time.value) + 1;
      showHeat();
      if (time.value === time.max) { follow = true; play(); }
    }, 400);
  }
  $("heatplay").textContent = playing ? "Stop" : "Play";
}

// ---- everything ----

async function showConfigs() {
  for (const run of runs) {
    const key = `${run.id} ${run.picture} ${run.first ? run.first.config_digest : ""}`;
    if (!configs.has(key)) configs.set(key, await getConfig(run));
    showConfig($("configs"), run, configs.get(key));
  }
}

function show(force) {
  const state = runs.map((r) => `${r.picture}:${r.version}:${r.info.name}:${r.info.state}:${isCutOff(r) ? Date.now() : ""}`).join(" ");
  const shown = runs.filter((r) => r.shown);
  const view = { axis: $("axis").value, smooth: Number($("smooth").value) / 100 };
  showRunChoice();
  showOverview($("overview"), shown);
  if (state === drawn && !force) return;
  drawn = state;
  drawSteps("loss", "Loss", shown, "loss", view);
  drawScores("score", "Mean score", shown, view);
  drawSteps("accuracy", "Training accuracy", shown, "accuracy", view, false, { includeZero: true }, percent);
  drawSteps("speed", "Tokens per second", shown, "speed", view, false, { includeZero: true });
  drawTime("time", "Time of a step in seconds", shown, view);
  drawSteps("lag", "Journal lag in steps", shown, "lag", { ...view, smooth: 0 }, false, { includeZero: true, stepPlot: true });
  drawSteps("sent", "Bytes sent in a step", shown, "sent", view, false, { includeZero: true });
  drawRates("rate", "Learning rates", shown, view);
  drawTasks($("tasks"), shown, $("taskcurve").value, $("taskorder").value, view);
  showTaskTable($("tasktable"), shown);
  showHeat();
  drawTimeline($("timeline"), shown);
  showWorkers($("workers"), $("statelegend"), shown);
  showEvents($("events"), shown);
  showCheckpoints($("checkpoints"), shown);
  document.body.dataset.steps = String(shown.reduce((n, r) => n + r.steps.length, 0));
}

function showLink(text, lost) {
  $("link").textContent = text;
  $("link").className = lost ? "lost" : "";
}

async function loop() {
  try {
    await refreshAll(runs);
    show(false);
    await showConfigs();
    showLink(`${runs.length} ${runs.length === 1 ? "run" : "runs"}, up to date`, false);
  } catch (problem) {
    if (!(problem instanceof TypeError && /fetch/i.test(problem.message)) && !/: \d+$/.test(problem.message)) console.error(problem);
    showLink("the monitor does not answer; trying again", true);
  }
  setTimeout(loop, 1000);
}

setUpControls();
loop();
