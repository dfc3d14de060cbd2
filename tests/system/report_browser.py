"""A made-up grid of cells as a page: usage report_browser.py MP2 FOLDER."""
import json
import math
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from webdriver import Browser  # noqa: E402

mp2, folder = sys.argv[1:3]
TASKS = ["ocnli", "chnsenticorp", "tnews", "c3", "drcd", "a-task-with-a-name-that-is-long"]
METHODS = ["gradient", "black-box", "router", "prompt", "deep-prompt", "single", "full", "zero-shot"]
SEEDS = [8, 13, 21]
RUN = folder + "/<img src=x onerror=document.title='hacked'>"
LAYERS, MODULES = 4, 8


def gates(task):
    rows = [[math.exp(math.sin(3 * task + 5 * layer + 7 * k)) for k in range(MODULES)] for layer in range(LAYERS)]
    return [[g / sum(row) for g in row] for row in rows]


def write_cell(t, m, seed):
    task, method, has_router = TASKS[t], METHODS[m], METHODS[m] in ("gradient", "black-box", "router", "zero-shot")
    place = f"{RUN}/cells/{task}/{method}/{seed}"
    os.makedirs(place)
    test = 0.5 + 0.06 * math.sin(t + 2 * m) + 0.01 * math.cos(seed)
    result = {"version": 1, "task": task, "method": method, "seed": seed, "k": 16, "metric": "f1" if task == "drcd" else "accuracy",
              "dev": test, "dev_loss": 1.0, "test": test, "test_loss": 1.0, "test_split": "test", "test_rows": 1000,
              "majority": 0 if task == "drcd" else 0.35, "untuned_dev": 0.3, "train_loss": 0.5, "steps": 1000, "evaluations": 0,
              "parameters": 10 ** (m + 1), "best_stage": "prompt", "best_at": 500, "seconds": 12.5 * (m + 1), "ranks": 2,
              "config_digest": "0" * 32, "layers": LAYERS if has_router else 0, "modules": MODULES if has_router else 0,
              "router": gates(t) if has_router else []}
    json.dump(result, open(place + "/result.json", "w"))
    with open(place + "/curve.jsonl", "w") as f:
        for i in range(1 if method == "zero-shot" else 21):
            dev = test - 0.2 * math.exp(-i / (3 + m))
            f.write(json.dumps({"stage": "prompt", "step": 50 * i, "evaluations": 0, "loss": 2 * math.exp(-i / 8), "dev": dev,
                                "dev_loss": 1.0, "best": False}) + "\n")


def check(condition, what):
    if not condition:
        raise AssertionError(what)
    print("ok:", what)


def write_report():
    for t in range(len(TASKS)):
        for m in range(len(METHODS)):
            for seed in SEEDS[:2 if t == 3 else 3]:
                write_cell(t, m, seed)
    config = {"run": RUN, "model": "none", "data": "none", "prompts": "none", "single": {"prompts": "none"}, "tasks": TASKS,
              "methods": METHODS, "seeds": SEEDS, "report": {"run_missing": False, "out": folder}}
    with open(folder + "/report.yaml", "w") as f:
        f.write("\n".join(f"{key}: {json.dumps(value)}" for key, value in config.items() if not isinstance(value, dict)))
        for key in ("single", "report"):
            f.write(f"\n{key}:\n" + "\n".join(f"  {k}: {json.dumps(v)}" for k, v in config[key].items()))
    subprocess.run([mp2, "report", folder + "/report.yaml"], check=True, stdout=subprocess.DEVNULL)


def look(browser, width, scheme):
    browser.size(width, 900)
    browser.on("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia",
               "params": {"features": [{"name": "prefers-color-scheme", "value": scheme}]}})
    browser.open(f"file://{folder}/report.html")
    browser.wait("return document.querySelectorAll('#chart canvas').length > 0")
    check(browser.run("return document.documentElement.scrollWidth <= innerWidth"), f"nothing wider than {width} ({scheme})")
    check(browser.run("return document.title") == "mp2 report", "a hostile name stays text")
    back = browser.run("return getComputedStyle(document.body).backgroundColor")
    check((sum(map(int, back[4:-1].split(","))) < 200) == (scheme == "dark"), f"{scheme}: {back}")
    browser.shot(f"{folder}/{width}-{scheme}.png")
    check(not browser.errors(), "nothing on the console")


def use(browser):
    check(browser.run("return document.querySelectorAll('table.bars').length") == len(TASKS), "bars for every task")
    before = browser.run("return document.getElementById('chart').getAttribute('aria-label')")
    change = "const e = document.getElementById('%s'); e.value = '%s'; e.dispatchEvent(new Event('change')); return e.value"
    browser.run(change % ("curve-task", "2"))
    check(browser.run("return document.getElementById('chart').getAttribute('aria-label')") != before, "curves of another task")
    check(browser.run("return document.querySelectorAll('#legend span').length") == len(METHODS) - 1, "a name for every curve")
    cells = "return [...document.querySelectorAll('#heat tbody tr:first-child td')].map(c => Number(c.textContent))"
    mean = browser.run(cells)
    check(len(mean) == MODULES and abs(sum(mean) - 1) < 0.05, "gates of a task add up to one")
    browser.run(change % ("heat-layer", "2"))
    check(browser.run(cells) != mean, "gates of one layer")
    reached = browser.run("""return [...document.querySelectorAll('select, summary, .scroll, .skip')].every(e => { e.focus();
        return document.activeElement === e || e.closest('details:not([open])'); })""")
    check(reached, "every control and table is reached by the keyboard")
    check(not browser.errors(), "nothing on the console")


write_report()
page = Browser()
try:
    for w in (1280, 390):
        for s in ("light", "dark"):
            look(page, w, s)
    use(page)
finally:
    page.close()
