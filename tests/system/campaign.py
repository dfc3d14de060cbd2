#!/usr/bin/env python3
"""Random faults against a run that `mp2 launch` keeps going, drawn from a seed. At the end the checkpoint must be that of an
undisturbed run, no committed step may have been lost, and nothing may have hung. Prints a table of recovery times: from the
fault to the first step of the next epoch.

  usage: campaign.py MP2 FOLDER --seed N --faults N [--hosts N] [--only NAME,NAME] [--patience SECONDS]

FOLDER holds small.yaml and what it names (common.sh, small_world). --hosts: network namespaces in place of this machine's own
processes (root). Needs fail_sync.so beside the tests for failing disks, and a tmpfs for full ones; without them those faults are
left out, which is said.
"""
import argparse
import glob
import hashlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time

# Names and addresses of this process's own: others may run beside it.
NETWORK = f"10.{128 + os.getpid() % 64}.{os.getpid() // 64 % 256}"
NAME = f"mp2c{os.getpid()}"


def link_of(name):
    return name.replace("mp2c", "mp2v")


def run(*words):
    return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def read(path, otherwise=""):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except OSError:
        return otherwise


class Broken(Exception):
    pass


class Campaign:
    def __init__(self, o):
        self.o = o
        self.random = random.Random(o.seed)
        self.top = os.path.abspath(o.folder)
        self.disk = os.path.join(self.top, "disk")
        self.run = os.path.join(self.disk, "run")
        self.switch = os.path.join(self.top, "fail-sync")
        self.library = os.path.join(os.path.dirname(os.path.abspath(o.mp2)), "tests", "fail_sync.so")
        self.times = {}
        self.left_out = []
        self.supervisor = None
        self.failed = False
        self.slots = o.workers
        os.makedirs(self.disk, exist_ok=True)
        self.mounted = run("mount", "-t", "tmpfs", "-o", "size=256m", "none", self.disk)
        if o.hosts:
            self.hosts_up()
        self.write_hosts()

    # ---- hosts ----

    def names(self):
        return [f"{NAME}-{i}" for i in range(1, self.o.hosts + 1)] if self.o.hosts else ["localhost"]

    def hosts_up(self):
        self.hosts_down()
        for words in (f"link add {NAME}b type bridge", f"addr add {NETWORK}.254/24 dev {NAME}b", f"link set {NAME}b up"):
            if not run("ip", *words.split()):
                raise SystemExit("skipped: no network namespaces here")
        for i, name in enumerate(self.names(), 1):
            for words in (f"netns add {name}", f"link add {link_of(name)} type veth peer name eth0 netns {name}",
                          f"link set {link_of(name)} master {NAME}b up", f"-n {name} addr add {NETWORK}.{i}/24 dev eth0",
                          f"-n {name} link set eth0 up", f"-n {name} link set lo up"):
                if not run("ip", *words.split()):
                    raise SystemExit(f"skipped: ip {words}")
        shell = os.path.join(self.top, "into")
        with open(shell, "w") as f:
            f.write('#!/bin/bash\nhost=${1##*@}\nshift\nip link show "${host/mp2c/mp2v}" up | grep -q . || exit 255\n'
                    'exec nsenter --net="/var/run/netns/$host" unshare --uts bash -c "hostname $host; $*"\n')
        os.chmod(shell, 0o755)

    def hosts_down(self):
        for name in self.names():
            for pid in self.pids_of(name):
                self.kill(pid)
            run("ip", "netns", "del", name)
            run("ip", "link", "del", link_of(name))
        run("ip", "link", "del", f"{NAME}b")

    def pids_of(self, name):
        p = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
        return [int(x) for x in p.stdout.split()]

    def write_hosts(self, without=None):
        path = os.path.join(self.top, "hosts")
        with open(path + ".new", "w") as f:
            for name in self.names():
                if name != without:
                    f.write(f"{name} slots={1 if self.o.hosts else self.slots}\n")
        os.rename(path + ".new", path)

    # ---- the run ----

    def launch(self):
        env = dict(os.environ, OMPI_MCA_btl_vader_single_copy_mechanism="none", HWLOC_COMPONENTS="-gl")
        words = [self.o.mp2, "launch", "--hosts", "hosts", "--hang", str(self.o.hang), "--settle", "0.2", "--poll", "0.1",
                 "--retries", "0", "--strikes", "0", "--first", "60"]
        if self.o.hosts:
            words += ["--rsh", os.path.join(self.top, "into")]
            env["OMPI_MCA_btl_tcp_if_include"] = env["OMPI_MCA_oob_tcp_if_include"] = NETWORK + ".0/24"
        if os.path.exists(self.library):
            words += ["--mpi", f"-x LD_PRELOAD={self.library} -x FAIL_SYNC={self.switch}"]
        words += ["--", "pretrain", "small.yaml", "--set", f"run={self.run}", "--set", "train.steps=1000000000",
                  "--set", "checkpoint.every=50", "--set", "eval.every=70", "--set", "eval.rows=12"]
        log = open(os.path.join(self.top, "launch.txt"), "ab")
        self.supervisor = subprocess.Popen(words, cwd=self.top, env=env, stdout=log, stderr=log)

    def heartbeat(self):
        try:
            return json.loads(read(os.path.join(self.run, "launch", "heartbeat"), "{}"))
        except ValueError:
            return {}

    def ranks(self):
        """rank -> pid of the newest epoch's processes."""
        found = {}
        for path in glob.glob("/proc/[0-9]*/environ"):
            env = read(path)
            if f"MP2_LAUNCH_RUN={self.run}\0" not in env or read(path[:-7] + "comm") != "mp2\n":
                continue
            env = dict(x.split("=", 1) for x in env.split("\0") if "=" in x)
            if "OMPI_COMM_WORLD_RANK" in env:
                key = int(env["OMPI_COMM_WORLD_RANK"])
                found.setdefault(int(env["MP2_LAUNCH_EPOCH"]), {})[key] = int(path.split("/")[2])
        return found[max(found)] if found else {}

    def child(self, name):
        p = subprocess.run(["pgrep", "-P", str(self.supervisor.pid), "-x", name], capture_output=True, text=True)
        pids = [int(x) for x in p.stdout.split()]
        return pids[0] if pids else None

    def kill(self, pid, number=signal.SIGKILL):
        try:
            if pid:
                os.kill(pid, number)
        except ProcessLookupError:
            pass

    def wait(self, what, seconds, condition):
        until = time.time() + seconds
        while time.time() < until:
            if condition():
                return
            if self.supervisor.poll() is not None:
                raise Broken(f"the supervisor has ended with {self.supervisor.returncode}")
            time.sleep(0.01)
        raise Broken(f"{what}: nothing for {seconds} s")

    def healthy(self):
        h = self.heartbeat()
        return h.get("first_step", 0) > 0 and h.get("phase") in ("steps", "evaluation", "checkpoint")

    # ---- faults: each returns when it was done, Unix time ----

    def kill_rank(self):
        ranks = {r: p for r, p in self.ranks().items() if r > 0}
        if ranks:
            self.kill(self.random.choice(sorted(ranks.items()))[1])
        return time.time()

    def kill_coordinator(self):
        self.kill(self.ranks().get(0))
        return time.time()

    def kill_mpirun(self):
        self.kill(self.child("mpirun"))
        return time.time()

    def term_mpirun(self):
        self.kill(self.child("mpirun"), signal.SIGTERM)
        return time.time()

    def kill_daemon(self):
        name = self.random.choice(self.names())
        for pid in self.pids_of(name):
            if read(f"/proc/{pid}/comm") == "orted\n":
                self.kill(pid)
        return time.time()

    def kill_host(self):
        for pid in self.pids_of(self.random.choice(self.names())):
            self.kill(pid)
        return time.time()

    def kill_supervisor(self):
        self.supervisor.kill()
        t = time.time()
        self.supervisor.wait()
        self.launch()
        return t

    def stop_rank(self):
        ranks = {r: p for r, p in self.ranks().items() if r > 0}
        if ranks:
            self.kill(self.random.choice(sorted(ranks.items()))[1], signal.SIGSTOP)
        return time.time()

    def stop_coordinator(self):
        self.kill(self.ranks().get(0), signal.SIGSTOP)
        return time.time()

    def two_faults(self):
        kinds = [self.kill_rank, self.kill_coordinator, self.kill_mpirun, self.kill_supervisor]
        t = self.random.choice(kinds)()
        time.sleep(0.02)
        self.random.choice(kinds)()
        return t

    def during_recovery(self):
        t = self.kill_rank()
        time.sleep(self.random.uniform(0, 0.8))
        self.random.choice([self.kill_rank, self.kill_coordinator, self.kill_mpirun])()
        return t

    def during_checkpoint(self):
        until = time.time() + 5
        while time.time() < until and not glob.glob(os.path.join(self.run, "step-*.part")):
            time.sleep(0.0005)
        return self.random.choice([self.kill_rank, self.kill_coordinator, self.kill_mpirun])()

    def membership(self):
        """A host joins or leaves; on one machine its room changes."""
        if self.o.hosts:
            away = self.random.choice(self.names())
            self.write_hosts(away)
            t = time.time()
            self.after_next.append(self.write_hosts)
            return t
        self.slots = self.random.choice([n for n in range(1, self.o.workers + 2) if n != self.slots])
        self.write_hosts()
        return time.time()

    def drain(self):
        name = self.random.choice(self.names())
        run(self.o.mp2, "launch", "--drain", name, self.run)
        self.after_next.append(lambda: run(self.o.mp2, "launch", "--undrain", name, self.run))
        return time.time()

    def cut_off(self):
        name = self.random.choice(self.names())
        run("ip", "link", "set", link_of(name), "down")
        t = time.time()
        self.after_next.append(lambda: run("ip", "link", "set", link_of(name), "up"))
        return t

    def link_flaps(self):
        name = self.random.choice(self.names())
        run("ip", "link", "set", link_of(name), "down")
        t = time.time()
        time.sleep(self.random.uniform(0.2, 4))
        run("ip", "link", "set", link_of(name), "up")
        self.may_pass = True
        return t

    def disk_full(self):
        t = time.time()
        with open(os.path.join(self.disk, "ballast"), "wb", buffering=0) as f:
            try:
                while f.write(bytes(1 << 12)):
                    pass
            except OSError:
                pass
        time.sleep(self.random.uniform(0.3, 2))
        os.unlink(os.path.join(self.disk, "ballast"))
        self.may_pass = True
        return t

    def sync_fails(self):
        open(self.switch, "w").close()
        t = time.time()
        time.sleep(self.random.uniform(0.1, 0.6))
        os.unlink(self.switch)
        self.may_pass = True
        return t

    def faults(self):
        names = ["kill_rank", "kill_coordinator", "kill_mpirun", "term_mpirun", "kill_supervisor", "stop_rank",
                 "stop_coordinator", "two_faults", "during_recovery", "during_checkpoint", "membership"]
        if self.o.hosts:
            names += ["kill_daemon", "kill_host", "cut_off", "link_flaps", "drain"]
        if self.mounted:
            names.append("disk_full")
        else:
            self.left_out.append("disk_full (no tmpfs)")
        if os.path.exists(self.library):
            names.append("sync_fails")
        else:
            self.left_out.append("sync_fails (no fail_sync.so)")
        return [n for n in names if not self.o.only or n in self.o.only.split(",")]

    # ---- the campaign ----

    def told_and_resumed(self, before):
        """No committed step is lost: what the next epoch resumed from is not older than what had been told."""
        size = os.path.getsize(os.path.join(self.run, "metrics.jsonl"))
        with open(os.path.join(self.run, "metrics.jsonl"), "rb") as f:
            start = max(0, size - 200000)
            f.seek(start)
            lines = f.read().decode(errors="replace").split("\n")
        resumed = None
        for line in lines[1 if start else 0:]:
            if '"run":{' in line and line.endswith("}"):
                resumed = int(json.loads(line)["run"].get("resumed_from", 0))
        if resumed is not None and resumed < before:
            raise Broken(f"step {before} had been told, the run resumed from step {resumed}")

    def one(self, name):
        self.after_next = []
        self.may_pass = False
        self.wait("a first step", self.o.patience, self.healthy)
        time.sleep(self.random.uniform(0, self.o.pause))
        before = self.heartbeat()
        t = getattr(self, name)()
        epoch = before.get("epoch", 0)

        def recovered():
            h = self.heartbeat()
            if self.may_pass and time.time() - t > 6 and h.get("epoch") == epoch and h.get("step", 0) > before["step"]:
                return h["time"] > t + 5
            return h.get("epoch", 0) > epoch and h.get("first_step", 0) > t

        self.wait(name, self.o.patience, recovered)
        h = self.heartbeat()
        passed = h["epoch"] == epoch
        took = 0 if passed else h["first_step"] - t
        self.times.setdefault(name + " (passed)" if passed else name, []).append(took)
        if not passed:
            self.told_and_resumed(before.get("step", 0))
        for undo in self.after_next:
            undo()
        return took

    def checkpoint(self, folder):
        digest = hashlib.sha256()
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "rb") as f:
                digest.update(f.read())
        return digest.hexdigest()

    def finish(self):
        self.wait("a first step", self.o.patience, self.healthy)
        subprocess.run([self.o.mp2, "stop", self.run, "--wait", "120"], stdout=subprocess.DEVNULL, check=True)
        if self.supervisor.wait(60) != 0:
            raise Broken(f"the supervisor ended with {self.supervisor.returncode}")
        latest = os.path.realpath(os.path.join(self.run, "latest"))
        step = int(latest.rsplit("-", 1)[1])
        if subprocess.run([self.o.mp2, "checkpoint", "verify", self.run], stdout=subprocess.DEVNULL).returncode != 0:
            raise Broken("mp2 checkpoint verify")
        print(f"{step} steps; the same undisturbed …", flush=True)
        whole = os.path.join(self.top, "whole")
        subprocess.run(["mpirun", "--oversubscribe", "--bind-to", "none", "--mca", "pml", "ob1", "--mca", "btl", "vader,self",
                        "--mca", "btl_vader_single_copy_mechanism", "none", "-n", "3", self.o.mp2, "pretrain", "small.yaml",
                        "--set", f"run={whole}", "--set", f"train.steps={step}", "--set", "checkpoint.every=100000",
                        "--set", "eval.every=70", "--set", "eval.rows=12"], cwd=self.top, check=True,
                       stdout=subprocess.DEVNULL, stderr=open(os.path.join(self.top, "whole.txt"), "wb"))
        got, want = self.checkpoint(latest), self.checkpoint(os.path.join(whole, f"step-{step}"))
        if got != want:
            raise Broken(f"the checkpoint is another: {got}, expected {want}")
        self.check_metrics(step)

    def check_metrics(self, step):
        """What a plot reads: every step once."""
        told = {}
        for line in read(os.path.join(self.run, "metrics.jsonl")).split("\n"):
            if '"step":{"step":' in line:
                n = json.loads(line)["step"]["step"]
                told[n] = told.get(n, 0) + 1
        wrong = [n for n in range(1, step + 1) if told.get(n) != 1]
        if wrong:
            raise Broken(f"metrics.jsonl: steps that are not there once: {wrong[:20]}")

    def table(self):
        print(f"{'fault':28} {'count':>5} {'median s':>9} {'worst s':>8}")
        total = 0
        for name, times in sorted(self.times.items()):
            total += len(times)
            print(f"{name.replace('_', ' '):28} {len(times):5} {statistics.median(times):9.2f} {max(times):8.2f}")
        print(f"{'all':28} {total:5}")
        for text in self.left_out:
            print(f"skipped: {text}")

    def close(self):
        if self.supervisor and self.supervisor.poll() is None:
            self.supervisor.kill()
            self.supervisor.wait()
        time.sleep(0.3)
        for pid in self.ranks().values():
            self.kill(pid)
        if self.o.hosts:
            self.hosts_down()
        if self.mounted and not self.failed:
            run("umount", "-l", self.disk)

    def go(self):
        self.launch()
        names = self.faults()
        # Every kind once, in random order, then at random.
        order = self.random.sample(names, len(names)) + [self.random.choice(names) for _ in range(self.o.faults)]
        started = time.time()
        done = 0
        for name in order[:self.o.faults]:
            if self.o.seconds and time.time() - started > self.o.seconds:
                break
            took = self.one(name)
            done += 1
            if self.o.verbose:
                print(f"{done:5} {name:20} {took:.2f}", flush=True)
        print(f"seed {self.o.seed}: {done} faults in {time.time() - started:.0f} s", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("mp2")
    p.add_argument("folder")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--faults", type=int, default=20)
    p.add_argument("--seconds", type=float, default=0, help="no further fault after so long")
    p.add_argument("--hosts", type=int, default=0)
    p.add_argument("--workers", type=int, default=2)
    p.add_argument("--hang", type=float, default=2)
    p.add_argument("--pause", type=float, default=0.3, help="at most so long from a first step to the next fault")
    p.add_argument("--patience", type=float, default=90)
    p.add_argument("--only", default="")
    p.add_argument("--verbose", action="store_true")
    o = p.parse_args()
    o.mp2 = os.path.abspath(o.mp2)
    campaign = Campaign(o)
    try:
        campaign.go()
        campaign.finish()
        print("steps committed and lost: 0; hangs: 0; the checkpoint is that of an undisturbed run")
        return 0
    except (Broken, subprocess.SubprocessError) as e:
        campaign.failed = True
        print(f"FAILED: seed {o.seed}: {e}; see {campaign.top}/launch.txt", file=sys.stderr)
        return 1
    finally:
        campaign.table()
        campaign.close()


if __name__ == "__main__":
    sys.exit(main())
