#!/usr/bin/env python3
"""mp2 tune beside a plain float64 PyTorch program of the same method, on the same examples from the same checkpoint.

usage: compare_tune.py MP2 FOLDER gradient|full answers|all [warm]     (torch, safetensors; no part of the test suite)

FOLDER holds a small world and a pre-trained run (model/, data/, run/: what tests/system/tune.sh leaves behind). The program
takes a task's router row, the modules z A and the head from the checkpoint, the rows from the cell's examples.json, and goes
through both stages of the schedule (worker/README.md, "Tuning by gradient"), or trains all weights (full). It prints the largest relative
difference of the losses over all steps, and of the gates of the best state: below 1e-6 and 1e-5 in f32.
"""

import json, math, os, shutil, subprocess, sys, torch
from safetensors.torch import load_file

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
mp2, folder, method = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3]
loss_over = sys.argv[4]
warm = len(sys.argv) > 5 and sys.argv[5] == "warm"
os.chdir(folder)
ROUTER, PROMPT, TASK, RATES = 12, 13, "afqmc", (3e-2, 4e-3)
shutil.rmtree("cmp-tune", ignore_errors=True)
options = {
    "run": "cmp-tune", "model": "model", "data": "data", "prompts": "run", "tasks": TASK, "methods": method, "seeds": 8,
    "k": 3, "start": TASK, "dev_every": 1, "router.epochs": ROUTER, "router.rate": RATES[0], "gradient.epochs": PROMPT,
    "gradient.rate": RATES[1], "full.epochs": ROUTER, "full.rate": 1e-3, "reference.moments": str(warm).lower(),
    "train.loss": loss_over, "machine.precision": "f32", "machine.threads": 1, "watch.listen": "",
}
command = [mp2, "tune"] + [x for k, v in options.items() for x in ("--set", f"{k}={v}")]
done = subprocess.run(command, capture_output=True, text=True)
assert done.returncode == 0, done.stderr
cell = f"cmp-tune/cells/{TASK}/{method}/8/"
curve = [json.loads(line) for line in open(cell + "curve.jsonl")]
result = json.load(open(cell + "result.json"))
examples = json.load(open(cell + "examples.json"))
export = subprocess.run([mp2, "data", "export", "small.yaml", "--task", TASK, "--split", examples["split"]],
                        capture_output=True, text=True)
rows = {e["row"]: e for e in map(json.loads, export.stdout.splitlines())}

p = {k: v.double() for k, v in load_file("run/latest/prompts.safetensors").items()}
state = json.load(open("model/config.json"))
L, H, heads = state["num_hidden_layers"], state["hidden_size"], state["num_attention_heads"]
W = {k.replace("bert.", ""): v.double() for k, v in load_file("model/model.safetensors").items()}
P = p["A"].shape[2] // H
tasks = ["afqmc", "ccpm", "cmrc2018"]
theta = p["router"][tasks.index(TASK)].clone().requires_grad_()
modules = torch.einsum("lkd,ldc->lkc", p["z"], p["A"]).requires_grad_()
head = p["head.weight"].clone().requires_grad_()


def ln(x, n):
    return torch.nn.functional.layer_norm(x, (H,), W[n + ".weight"], W[n + ".bias"], 1e-12)


def lin(x, n):
    return x @ W[n + ".weight"].T + W[n + ".bias"]


def encode(ids, prompt):
    n, e = len(ids), "embeddings."
    x = W[e + "word_embeddings.weight"][ids] + W[e + "position_embeddings.weight"][:n] + W[e + "token_type_embeddings.weight"][1]
    x = ln(x, "embeddings.LayerNorm")
    for l in range(L):
        if l < len(prompt):
            x = torch.cat([x[:1], x[1 : 1 + P] + prompt[l].view(P, H), x[1 + P :]])
        a = f"encoder.layer.{l}."
        q, k, v = [lin(x, a + "attention.self." + w).view(n, heads, H // heads).transpose(0, 1) for w in ("query", "key", "value")]
        c = (q @ k.transpose(1, 2) / math.sqrt(H // heads)).softmax(-1) @ v
        x = ln(x + lin(c.transpose(0, 1).reshape(n, H), a + "attention.output.dense"), a + "attention.output.LayerNorm")
        f = lin(torch.nn.functional.gelu(lin(x, a + "intermediate.dense")), a + "output.dense")
        x = ln(x + f, a + "output.LayerNorm")
    return x


def gates():
    s = torch.sigmoid(theta)
    return s / (s.sum(-1, keepdim=True) + 1e-12)


def loss_now():
    prompt = [] if method == "full" else torch.einsum("lk,lkc->lc", gates(), modules)
    total = 0
    for row in examples["train"]:
        e = rows[row]
        logits = encode(torch.tensor(e["ids"]), prompt) @ head.T
        if loss_over == "all":
            total = total - (logits[:, 0].log_softmax(0)[e["start"]] + logits[:, 1].log_softmax(0)[e["end"]]) / 2
        else:
            scores = torch.stack([logits[a, 0] + logits[b, 1] for a, b in e["options"]])
            total = total - scores.log_softmax(0)[e["label"]]
    return total / len(examples["train"])


class AdamW:
    def __init__(self, x):
        self.x, self.m, self.v, self.n = x, torch.zeros_like(x), torch.zeros_like(x), 0

    def step(self, rate, decay=0.01):
        g, self.n = self.x.grad, self.n + 1
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g**2
        with torch.no_grad():
            self.x *= 1 - rate * decay
            self.x -= rate / (1 - 0.9**self.n) * self.m / (self.v.sqrt() / math.sqrt(1 - 0.999**self.n) + 1e-8)


if method == "full":
    plain = lambda k: k.endswith("bias") or "LayerNorm" in k
    names = [k for k in W if k.startswith(("embeddings.", "encoder."))]
    for k in names:
        W[k].requires_grad_()
    moving = [(AdamW(W[k]), 1e-3, 0.0 if plain(k) else 0.01) for k in names] + [(AdamW(head), 1e-3, 0.01)]
    stages = [(ROUTER, moving)]
else:
    def stage(n, router, rest):
        return n, [(AdamW(theta), router, 0.01), (AdamW(modules), rest, 0.01), (AdamW(head), rest, 0.01)]
    stages = [stage(ROUTER, RATES[0], 0), stage(PROMPT, 0, RATES[1])]
    if warm:
        stages[1] = (PROMPT, [(a, r, d) for (a, _, d), (_, r, _) in zip(stages[0][1], stages[1][1])])

losses, at_best, step = [], None, 0
for n, moving in stages:
    for _ in range(n):
        loss = loss_now()
        losses.append(float(loss.detach()))
        if step == result["best_at"]:
            at_best = gates().detach().clone()
        for a, _, _ in moving:
            a.x.grad = None
        loss.backward()
        for a, rate, decay in moving:
            if a.x.grad is not None and (rate > 0 or warm):
                a.step(rate, decay)
        step += 1
losses.append(float(loss_now().detach()))
if at_best is None:
    at_best = gates().detach()
assert len(curve) == len(losses), (len(curve), len(losses))
worst = max(abs(a - b["loss"]) / abs(a) for a, b in zip(losses, curve))
print(f"{len(losses)} losses from {losses[0]:.6f} to {losses[-1]:.6f}, largest relative difference {worst:.2e}")
if method != "full":
    other = torch.tensor(result["router"])
    difference = float((other - at_best).abs().max() / (at_best - 1 / at_best.shape[-1]).abs().max())
    print(f"gates of the best state, at {result['best_at']}: largest difference {difference:.2e} of their spread")
