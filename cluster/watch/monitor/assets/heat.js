// The routers' heat map: a table, so that every cell can be read, with colours of the cividis scale (made for colour-blind
// eyes: lightness alone tells the value).

const SCALE = [[0, 32, 77], [49, 68, 107], [102, 105, 112], [149, 143, 120], [203, 186, 105], [255, 234, 70]];

function colour(p) {
  const at = Math.min(Math.max(p, 0), 1) * (SCALE.length - 1), i = Math.min(Math.floor(at), SCALE.length - 2), f = at - i;
  return `rgb(${SCALE[i].map((c, k) => Math.round(c + f * (SCALE[i + 1][k] - c))).join(",")})`;
}

function cell(row, text, header) {
  const element = document.createElement(header ? "th" : "td");
  element.textContent = text;
  row.append(element);
  return element;
}

// Columns: the modules of one layer, or of all layers side by side.
function build(table, router, layer) {
  const dense = layer < 0, layers = dense ? [...Array(router.layers).keys()] : [layer];
  const head = document.createElement("tr"), body = document.createElement("tbody"), top = document.createElement("thead");
  cell(head, dense ? "task \\ layer" : "task \\ module", true);
  for (const l of layers) {
    if (dense) {
      const th = cell(head, String(l), true);
      th.colSpan = router.modules;
    } else {
      for (let k = 0; k < router.modules; k++) cell(head, String(k), true).scope = "col";
    }
  }
  top.append(head);
  router.tasks.forEach((task) => {
    const row = document.createElement("tr"), name = cell(row, task, true);
    name.scope = "row";
    name.title = task;
    for (const l of layers)
      for (let k = 0; k < router.modules; k++) {
        const td = cell(row, "", false);
        td.dataset.layer = l;
        td.dataset.module = k;
        if (dense && k === 0) td.className = "first";
      }
    body.append(row);
  });
  table.replaceChildren(top, body);
  table.classList.toggle("dense", dense);
}

export function drawHeat(table, router, layer) {
  if (!router) {
    table.replaceChildren();
    table.dataset.shape = "";
    return;
  }
  const shape = JSON.stringify([router.layers, router.modules, layer, router.tasks]);
  if (table.dataset.shape !== shape) {
    build(table, router, layer);
    table.dataset.shape = shape;
  }
  router.tasks.forEach((task, t) => {
    for (const td of table.tBodies[0].rows[t].querySelectorAll("td")) {
      const l = Number(td.dataset.layer), k = Number(td.dataset.module);
      const p = router.probability[(t * router.layers + l) * router.modules + k];
      td.style.background = colour(p);
      td.style.color = p > 0.55 ? "#000" : "#fff";
      td.title = `${task}, layer ${l}, module ${k}: ${p.toFixed(3)}`;
      td.textContent = layer < 0 ? "" : p.toFixed(2).replace(/^0/, "");
    }
  });
}
