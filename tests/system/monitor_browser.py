"""Curves grow, a lost worker turns red and comes back, a reload and a restart of the monitor keep the history, hostile names
stay text, no console error, nothing wider than a phone. usage: monitor_browser.py BUILD FOLDER"""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from webdriver import Browser  # noqa: E402

build, folder = sys.argv[1:3]
started = []


def start(*command):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    started.append(process)
    return process, process.stdout.readline().strip()


def end(process, number=signal.SIGTERM):
    process.send_signal(number)
    process.wait(20)


def serve(listen, *runs):
    return start(f"{build}/mp2-monitor", "serve", "--listen", listen, *runs)


def check(condition, what):
    if not condition:
        raise AssertionError(what)
    print("ok:", what)


def no_error(browser):
    errors = browser.errors()
    check(not errors, f"no console error {errors or ''}")


STEPS = "return Number(document.body.dataset.steps || 0)"
STATE = "return [...document.querySelectorAll('#workers tbody tr')].map(r => r.className + ' ' + r.cells[1].textContent)"


def live(browser):
    run = f"{folder}/live"
    player, _ = start(f"{build}/tests/play", run, "steps=2000", "rate=100", "kill=300", "lost=300", "tasks=12")
    monitor, url = serve("127.0.0.1:0", run)
    port = url.rstrip("/").rsplit(":", 1)[1]
    browser.open(url)
    browser.wait(f"{STEPS} > 20")
    first = browser.run(STEPS)
    browser.wait(f"{STEPS} > {first + 50}")
    check(True, "curves grow")
    browser.wait(f"{STATE}.some(s => s === 'lost lost')")
    colour = browser.run("return getComputedStyle(document.querySelector('#workers tr.lost .state')).color")
    red, green, blue = (int(x) for x in colour.strip("rgb()").split(","))
    check(red > 150 and green < 80 and blue < 80, f"a lost worker is red ({colour})")
    browser.wait("return document.querySelectorAll('#workers tbody tr').length === 3 && !document.querySelector('#workers tr.lost')")
    check(True, "it comes back")
    before = browser.run(STEPS)
    browser.open(url)
    check(browser.wait(STEPS) >= before, "a reload keeps the history")
    end(monitor)
    browser.wait("return document.querySelector('#link').className === 'lost'")
    check(True, "a monitor that is gone is said")
    before = browser.run(STEPS)
    monitor, _ = serve(f"127.0.0.1:{port}", run)
    browser.wait("return document.querySelector('#link').className === ''")
    browser.wait(f"{STEPS} >= {before}")
    check(True, "a restarted monitor has the history")
    browser.errors()   # refused connections while it was gone
    check(browser.run("return document.querySelectorAll('.multiple').length") == 12, "a chart a task")
    check(browser.run("return document.querySelectorAll('#heat td').length") == 12 * 6 * 8, "a cell a task, layer and module")
    end(player, signal.SIGKILL)
    # The coordinator comes back after its last commit, at another port: the page follows by itself.
    player, _ = start(f"{build}/tests/play", run, "steps=3000", "rate=100", "resume=600", "tasks=12")
    browser.wait("return [...document.querySelectorAll('#events li')].some(e => e.textContent.includes('resume'))", 40)
    check(True, "a restarted coordinator is followed")
    for width in (1280, 390):
        browser.size(width, 900)
        time.sleep(1)
        check(browser.run("return document.documentElement.scrollWidth <= innerWidth"), f"nothing is wider than {width}")
        browser.shot(f"{folder}/{width}.png")
    no_error(browser)
    browser.open("about:blank")
    end(player)
    end(monitor)


def several_and_hostile(browser):
    evil = f"{folder}/evil"
    subprocess.run([f"{build}/tests/play", evil, "steps=60", "rate=0", "eval=20", "evil=1", "listen="], check=True,
                   stdout=subprocess.DEVNULL)
    monitor, url = serve("127.0.0.1:0", evil, f"{folder}/live")
    browser.size(1280, 900)
    browser.open(url)
    browser.wait(f"{STEPS} > 100")
    check(browser.run("return document.querySelectorAll('.run').length") == 2, "two runs side by side")
    check(not browser.run("return document.querySelectorAll('img, script:not([src])').length"), "names do not become markup")
    check(browser.run("return document.body.textContent.includes('<img src=x')"), "they are shown as they are")
    foreign = browser.run("return performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith(location.origin))")
    check(not [n for n in foreign if not n.startswith("data:")], "nothing is asked from outside")
    for theme in ("dark", "light"):
        browser.run("const t = document.getElementById('theme'); t.value = arguments[0]; t.dispatchEvent(new Event('input'))", theme)
        back = browser.run("return getComputedStyle(document.body).backgroundColor")
        check((int(back.strip("rgb()").split(",")[0]) < 60) == (theme == "dark"), f"{theme} colours")
    # By keyboard alone: every control is reached by Tab.
    controls = browser.run("return [...document.querySelectorAll('select, input, button, summary, a')]"
                           ".filter(e => e.tabIndex < 0 && e.offsetParent).length")
    check(controls == 0, "every control can be reached by keyboard")
    no_error(browser)
    browser.open("about:blank")
    end(monitor)


def pretrain(ranks, *more):
    command = ["mpirun", "--oversubscribe", "--bind-to", "none", "--mca", "btl_vader_single_copy_mechanism", "none", "-n", str(ranks),
               f"{build}/mp2", "pretrain", "small.yaml", "--set", "run=real", "--set", "train.steps=1000000", "--set", "eval.every=20",
               "--set", "eval.rows=12", "--set", "checkpoint.every=40", "--set", "watch.listen=127.0.0.1:0", *more]
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", PMIX_MCA_gds="hash",
                       HWLOC_COMPONENTS="-gl")
    started.append(subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    return started[-1]


def real(browser):
    """mp2 pretrain itself: curves grow, a killed worker turns red, and comes back when the run is resumed."""
    run = f"{folder}/real"
    training = pretrain(3)
    while not os.path.exists(f"{run}/metrics.jsonl"):
        time.sleep(0.1)
    monitor, url = serve("127.0.0.1:0", run)
    browser.size(1280, 900)
    browser.open(url)
    browser.wait(f"{STEPS} > 20", 60)
    first = browser.run(STEPS)
    browser.wait(f"{STEPS} > {first + 20}")
    browser.wait("return document.querySelectorAll('#heat td').length === 3 * 2 * 4")
    check(True, "curves and routers of a real run")
    with open(f"{run}/metrics.jsonl", encoding="utf-8") as lines:
        pid = next(m["worker"]["pid"] for m in map(json.loads, lines) if m.get("worker", {}).get("rank") == 2)
    os.kill(pid, signal.SIGKILL)
    training.wait(60)
    browser.wait(f"{STATE}.includes('lost lost')")
    check(browser.run(f"{STATE}.filter(s => s === 'lost lost').length") == 1, "the killed worker alone is red")
    training = pretrain(3, "--resume")
    browser.wait("return document.querySelectorAll('#workers tbody tr').length === 2 && !document.querySelector('#workers tr.lost')", 60)
    browser.wait("return [...document.querySelectorAll('#events li')].some(e => e.textContent.includes('resume'))")
    check(True, "it comes back with the resumed run")
    browser.wait(f"{STEPS} > {first + 40}")
    no_error(browser)
    subprocess.run([f"{build}/mp2", "stop", run], check=True, stdout=subprocess.DEVNULL)
    training.wait(60)
    browser.wait("return document.querySelector('.run h3').textContent.includes('stopped')")
    check(True, "an orderly stop is said")
    browser.open("about:blank")
    end(monitor)


browser = Browser()
try:
    real(browser)
    live(browser)
    several_and_hostile(browser)
finally:
    browser.close()
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()
