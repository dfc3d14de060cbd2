// What the server sent, kept per run. Messages are those of proto/progress.proto; nothing is invented here.

export const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8f7f00", "#7a5195"];

const STEPS_MOST = 20000;   // drawn points a run; then every other one goes

const number = (x) => (typeof x === "number" ? x : NaN);   // "NaN" and the infinities are texts

export function newRun(id) {
  return { id, info: null, picture: -1, order: 0, shown: true, ...empty() };
}

function empty() {
  return { steps: [], evals: [], routers: [], changes: [], workers: new Map(), tasks: new Map(), events: [],
    checkpoints: new Map(), run: null, first: null, taskIds: [], version: 0 };
}

// A step as the charts need it.
function point(message) {
  const s = message.step;
  return { step: s.step, elapsed: message.elapsed / 3600, loss: s.skipped ? NaN : number(s.loss), accuracy: number(s.accuracy),
    speed: s.seconds > 0 ? s.tokens / s.seconds : NaN, seconds: number(s.seconds), compute: number(s.compute_seconds),
    reduce: number(s.reduce_seconds), commit: number(s.commit_seconds), lag: s.journal_lag, sent: s.bytes_sent, rate: s.learning_rate,
    routerRate: s.router_rate, groups: s.groups.map((g) => ({ task: g.task, loss: number(g.loss), accuracy: number(g.accuracy) })) };
}

function noteTask(run, id) {
  if (id && !run.taskIds.includes(id)) run.taskIds.push(id);
}

const take = {
  run(run, m) {
    run.run = m.run;
    if (m.run.config || m.run.tasks.length) {
      run.first = m.run;
      const ids = m.run.tasks.map((t) => t.id);   // in router order
      run.taskIds = [...ids, ...run.taskIds.filter((id) => !ids.includes(id))];
    }
  },
  step(run, m) {
    run.steps.push(point(m));
    if (run.steps.length > STEPS_MOST) run.steps = run.steps.filter((_, i) => i % 2 === 0);
    m.step.groups.forEach((g) => noteTask(run, g.task));
  },
  task(run, m) { run.tasks.set(m.task.task, m.task); noteTask(run, m.task.task); },
  router(run, m) { run.routers.push(m.router); },
  worker(run, m) {
    const before = run.workers.get(m.worker.rank);
    if (!before || before.state !== m.worker.state)
      run.changes.push({ time: m.time, rank: m.worker.rank, state: m.worker.state });
    run.workers.set(m.worker.rank, m.worker);
  },
  eval(run, m) {
    run.evals.push({ ...m.eval, elapsed: m.elapsed / 3600 });
    m.eval.scores.forEach((s) => noteTask(run, s.task));
  },
  checkpoint(run, m) { run.checkpoints.set(m.checkpoint.step, { ...m.checkpoint, time: m.time }); },
  event(run, m) { run.events.push({ ...m.event, time: m.time }); if (run.events.length > 300) run.events.shift(); },
};

function receive(run, message) {
  run.version++;
  run.last = message.time;
  for (const topic in take) if (message[topic]) take[topic](run, message);
}

async function getJson(path) {
  const answer = await fetch(path, { cache: "no-store" });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

// Bring a run up to date: everything after the last order, from the start when the server began a new picture.
async function refresh(run) {
  for (let more = true; more;) {
    const got = await getJson(`api/runs/${run.id}/messages?after=${run.order}&picture=${Math.max(run.picture, 0)}`);
    if (got.picture !== run.picture) Object.assign(run, empty(), { picture: got.picture, last: 0 });
    got.messages.forEach((m) => receive(run, m));
    run.order = got.order;
    more = got.more;
  }
}

// All runs that the server has, in its order; `runs` is kept between calls.
export async function refreshAll(runs) {
  const infos = await getJson("api/runs");
  for (const info of infos) {
    if (!runs[info.id]) runs[info.id] = newRun(info.id);
    const run = runs[info.id];
    run.info = info;
    if (info.picture !== run.picture || info.order !== run.order) await refresh(run);
  }
  return runs;
}

// A run that was at work and whose publisher fell silent: its workers are gone with it, until it says otherwise.
export const isCutOff = (run) => run.info.state === "silent" && ["starting", "running", "evaluating"].includes(run.info.run_state);

// When it could still say who was lost first, the others ended for that.
export function stateNow(run, worker) {
  if (!isCutOff(run) || ["LEFT", "LOST"].includes(worker.state)) return worker.state;
  return [...run.workers.values()].some((w) => w.state === "LOST") ? "LEFT" : "LOST";
}

export async function getConfig(run) {
  const answer = await fetch(`api/runs/${run.id}/config`, { cache: "no-store" });
  return answer.ok ? answer.text() : "";
}

// Exponential mean, starting without bias; NaN values are passed over.
export function smoothed(values, weight) {
  let sum = 0, count = 0;
  return values.map((v) => {
    if (Number.isFinite(v)) { sum = weight * sum + (1 - weight) * v; count = weight * count + (1 - weight); }
    return count > 0 ? sum / count : NaN;
  });
}
