#!/usr/bin/env python3
"""mp2 pretrain beside a plain float64 PyTorch program of the same method, on the same rows with the same router noise.

usage: compare_pretrain.py MP2 FOLDER GROUPS deep|shallow answers|all   (torch, safetensors; no part of the test suite)

FOLDER holds a small world (model/, data/, small.yaml: what tests/system/exact.sh leaves behind). The program takes the
checkpoint after step 1, trains three steps on what `mp2 data batches` and `mp2 data export` say, and prints the
cosine and the largest error of each tensor's change: about 1 - 1e-12 and 4e-6 in f32.
"""

import json, subprocess, sys, torch, math, os
from safetensors.torch import load_file

torch.set_default_dtype(torch.float64)
M = os.path.abspath(sys.argv[1])
os.chdir(sys.argv[2])
sys.argv = sys.argv[2:]
S = [
    "--set",
    "train.dropout=false",
    "--set",
    "machine.precision=f32",
    "--set",
    "train.batch=6",
    "--set",
    "train.groups=%s" % sys.argv[1],
    "--set",
    "prompt.depth=%s" % sys.argv[2],
    "--set",
    "train.loss=%s" % sys.argv[3],
]
N = 4
env = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
import shutil

shutil.rmtree("cmp", ignore_errors=True)


def run(steps):
    r = subprocess.run(
        [
            "mpirun",
            "--oversubscribe",
            "-n",
            "3",
            M,
            "pretrain",
            "small.yaml",
            "--set",
            "run=cmp",
            "--set",
            "train.steps=%d" % steps,
            "--set",
            "checkpoint.keep=10",
        ]
        + S,
        env=env,
        capture_output=True,
        text=True,
    )
    assert r.returncode == 0, r.stderr


run(1)
# initial state = after step 1; then 3 more steps in torch
p = load_file("cmp/step-1/prompts.safetensors")
o = load_file("cmp/step-1/optimizer.safetensors")
run(N)
q = load_file(f"cmp/step-{N}/prompts.safetensors")
W = load_file("model/model.safetensors")
W = {k.replace("bert.", ""): v.double() for k, v in W.items()}
cfg = json.load(open("model/config.json"))
L, H, nh = cfg["num_hidden_layers"], cfg["hidden_size"], cfg["num_attention_heads"]
par = {k: v.double().clone().requires_grad_() for k, v in p.items()}
LA = par["A"].shape[0]
K = par["z"].shape[1]
P = par["A"].shape[2] // H


def ln(x, n):
    return torch.nn.functional.layer_norm(x, (H,), W[n + ".weight"], W[n + ".bias"], 1e-12)


def lin(x, n):
    return x @ W[n + ".weight"].T + W[n + ".bias"]


def enc(ids, prompt):
    S = len(ids)
    x = (
        W["embeddings.word_embeddings.weight"][ids]
        + W["embeddings.position_embeddings.weight"][:S]
        + W["embeddings.token_type_embeddings.weight"][1]
    )
    x = ln(x, "embeddings.LayerNorm")
    for l in range(L):
        if l < len(prompt):
            x = torch.cat([x[:1], x[1 : 1 + P] + prompt[l].view(P, H), x[1 + P :]])
        n = f"encoder.layer.{l}."
        qkv = [
            lin(x, n + "attention.self." + w).view(S, nh, H // nh).transpose(0, 1)
            for w in ("query", "key", "value")
        ]
        a = (qkv[0] @ qkv[1].transpose(1, 2) / math.sqrt(H // nh)).softmax(-1) @ qkv[2]
        x = ln(
            x + lin(a.transpose(0, 1).reshape(S, H), n + "attention.output.dense"),
            n + "attention.output.LayerNorm",
        )
        f = lin(torch.nn.functional.gelu(lin(x, n + "intermediate.dense")), n + "output.dense")
        x = ln(x + f, n + "output.LayerNorm")
    return x


def span_loss(lg, e):
    return -(lg[:, 0].log_softmax(0)[e["start"]] + lg[:, 1].log_softmax(0)[e["end"]]) / 2


def answer_loss(lg, e):
    if "options" in e:
        return -torch.stack([lg[a, 0] + lg[b, 1] for a, b in e["options"]]).log_softmax(0)[e["label"]]
    loss = 0
    for end, target in enumerate((e["start"], e["end"])):
        places = list(range(e["context"][0], e["context"][1] + 1)) + ([e["no_answer"][end]] if "no_answer" in e else [])
        loss = loss - lg[places, end].log_softmax(0)[places.index(target)] / 2
    return loss


out = subprocess.run(
    [M, "data", "batches", "small.yaml", "--steps", str(N)] + S, capture_output=True, text=True
).stdout
B = [json.loads(l) for l in out.splitlines()]
tasks = ["afqmc", "ccpm", "cmrc2018"]
data = {
    t: [
        json.loads(l)
        for l in subprocess.run(
            [M, "data", "export", "small.yaml", "--task", t, "--split", "train"] + S,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
    ]
    for t in tasks
}
m = {k: o[k + ".m"].double() for k in p}
v = {k: o[k + ".v"].double() for k in p}
rc = o["router.count"]
cnt = 1
G = int(sys.argv[1])
for step in range(2, N + 1):
    for t in par.values():
        t.grad = None
    drawn = set()
    tot = 0
    for b in [b for b in B if b["step"] == step]:
        ti = tasks.index(b["task"])
        drawn.add(ti)
        U = torch.tensor(b["router_uniform"])
        s = torch.sigmoid(torch.log(U) - torch.log(1 - U) + par["router"][ti])
        r = s / (s.sum(-1, keepdim=True) + 1e-12)
        prompt = [(r[l] @ par["z"][l]) @ par["A"][l] for l in range(LA)]
        loss = 0
        for row in b["rows"]:
            e = data[b["task"]][row]
            lg = enc(torch.tensor(e["ids"]), prompt) @ par["head.weight"].T
            loss = loss + (answer_loss if sys.argv[3] == "answers" else span_loss)(lg, e)
        tot = tot + loss / len(b["rows"]) / G
    tot.backward()
    print(step, float(tot.detach()))
    cnt += 1
    with torch.no_grad():
        for k in par:
            lr = 5e-3 if k == "router" else 1e-3
            g = par[k].grad
            if k == "router":
                for t in drawn:
                    rc[t] += 1
                    c = int(rc[t])
                    par[k][t] *= 1 - lr * 0.01
                    m[k][t] = 0.9 * m[k][t] + 0.1 * g[t]
                    v[k][t] = 0.999 * v[k][t] + 0.001 * g[t] ** 2
                    par[k][t] -= (
                        lr / (1 - 0.9**c) * m[k][t] / (v[k][t].sqrt() / math.sqrt(1 - 0.999**c) + 1e-8)
                    )
            else:
                par[k] *= 1 - lr * 0.01
                m[k] = 0.9 * m[k] + 0.1 * g
                v[k] = 0.999 * v[k] + 0.001 * g**2
                par[k] -= lr / (1 - 0.9**cnt) * m[k] / (v[k].sqrt() / math.sqrt(1 - 0.999**cnt) + 1e-8)
for k in par:
    d0 = par[k].detach() - p[k].double()
    d1 = q[k].double() - p[k].double()
    print(
        k,
        "cos",
        float((d0 * d1).sum() / (d0.norm() * d1.norm())),
        "maxerr/maxchange",
        float((d0 - d1).abs().max() / d0.abs().max()),
    )
print([json.loads(l)["step"]["loss"] for l in open("cmp/metrics.jsonl") if '"step":{"step"' in l])
