#!/usr/bin/env python3
"""Reference values for `mp2 probe`, computed in float64 with PyTorch from the method's formulas.

    make_probe.py make FOLDER                    write the small cases that tests/coordinator/command/probe/test_probe.c compares with
    make_probe.py compare MP2 MODEL [options]    draw a random case over a model folder, run MP2 and print the errors

Needs torch, numpy and safetensors; neither the program nor its tests do."""
import argparse, json, math, os, subprocess, sys, tempfile

import numpy as np
import torch
from safetensors.torch import load_file, save_file

torch.set_default_dtype(torch.float64)


# ---- the model, plainly -------------------------------------------------------------------------------------------
class Encoder:
    """BERT, post-LN, no dropout; token type 1 everywhere; weights by their plain BERT names."""

    def __init__(self, config, weights):
        self.c, self.w = config, {k: v.double() for k, v in weights.items()}

    def norm(self, x, name):
        mean = x.mean(-1, keepdim=True)
        var = ((x - mean) ** 2).mean(-1, keepdim=True)
        return (x - mean) / torch.sqrt(var + self.c["layer_norm_eps"]) * self.w[name + ".weight"] + self.w[name + ".bias"]

    def linear(self, x, name):
        return x @ self.w[name + ".weight"].T + self.w[name + ".bias"]

    def attention(self, x, mask, p):
        B, S, H = x.shape
        N = self.c["num_attention_heads"]
        q, k, v = (self.linear(x, f"{p}attention.self.{n}").view(B, S, N, H // N).transpose(1, 2)
                   for n in ("query", "key", "value"))
        scores = q @ k.transpose(-1, -2) / math.sqrt(H // N)
        scores = scores.masked_fill(~mask[:, None, None, :], -math.inf)
        return (scores.softmax(-1) @ v).transpose(1, 2).reshape(B, S, H)

    def __call__(self, ids, mask, prompts):
        """prompts: (layers,P,H); one layer: shallow, unless the encoder has one."""
        S = ids.shape[1]
        e = self.w["embeddings.word_embeddings.weight"][ids] + self.w["embeddings.position_embeddings.weight"][:S] \
            + self.w["embeddings.token_type_embeddings.weight"][1]
        x = self.norm(e, "embeddings.LayerNorm")
        for l in range(self.c["num_hidden_layers"]):
            p = f"encoder.layer.{l}."
            if l < prompts.shape[0]:
                P = prompts.shape[1]
                pad = torch.zeros(S, x.shape[2])
                x = x + torch.cat([pad[:1], prompts[l], pad[1 + P:]])
            x = self.norm(x + self.linear(self.attention(x, mask, p), p + "attention.output.dense"),
                          p + "attention.output.LayerNorm")
            y = self.linear(x, p + "intermediate.dense")
            y = y * 0.5 * (1 + torch.erf(y / math.sqrt(2)))
            x = self.norm(x + self.linear(y, p + "output.dense"), p + "output.LayerNorm")
        return x


def answer_loss(logits, row):
    """Of one example: over its options, or its context and "no answer"; and which tokens are read."""
    start, end = int(row["start_positions"]), int(row["end_positions"])
    read = torch.zeros(len(logits), dtype=torch.bool)
    if "options" in row:
        options = [(int(a), int(b)) for a, b in row["options"] if a >= 0]
        scores = torch.stack([logits[a, 0] + logits[b, 1] for a, b in options])
        read[[i for pair in options for i in pair]] = True
        return torch.logsumexp(scores, 0) - scores[options.index((start, end))], read
    first, last = (int(x) for x in row["context"])
    none = [int(x) for x in row["no_answer"]] if "no_answer" in row else [-1, -1]
    read[first : last + 1] = True
    loss = 0
    for i, target in enumerate((start, end)):
        places = list(range(first, last + 1)) + [none[i]] * (none[i] >= 0)
        read[places] = True
        loss = loss + (torch.logsumexp(logits[places, i], 0) - logits[target, i]) / 2
    return loss, read


def loss_and_logits(encoder, params, case, attend_padding, answers):
    A, z, router, head = (params[n] for n in ("A", "z", "router", "head.weight"))
    layers, d, D = A.shape
    H = head.shape[1]
    theta = router[int(case["task_id"][0])]
    if "router_uniform" in case:
        v = case["router_uniform"].double().clamp(2.0 ** -23, 1 - 2.0 ** -23)
        s = torch.sigmoid(torch.log(v) - torch.log(1 - v) + theta)
    else:
        s = torch.sigmoid(theta)
    r = s / (s.sum(-1, keepdim=True) + 1e-12)
    prompts = torch.einsum("lk,lkd,ldc->lc", r, z, A).view(layers, D // H, H)
    ids, lengths = case["input_ids"], case["lengths"]
    mask = torch.arange(ids.shape[1])[None] < lengths[:, None]
    if attend_padding:
        mask = torch.ones_like(mask)
    logits = encoder(ids, mask, prompts) @ head.T
    if answers:
        by_row = {k: v for k, v in case.items() if k not in ("task_id", "router_uniform")}
        rows = [answer_loss(logits[i], {k: v[i] for k, v in by_row.items()}) for i in range(len(ids))]
        return sum(loss for loss, _ in rows) / len(rows), logits * torch.stack([read for _, read in rows])[..., None]
    total = 0
    for i, name in enumerate(("start_positions", "end_positions")):
        column = logits[..., i].masked_fill(~mask, -math.inf)
        total = total + torch.nn.functional.cross_entropy(column, case[name]) / 2
    return total, logits * mask[..., None]


def reference(encoder, prompts, case, attend_padding, updates, answers=False):
    params = {k: v.double().clone().requires_grad_() for k, v in prompts.items()}
    out = {}
    optimizer = torch.optim.AdamW([{"params": [params["router"]], "lr": 5e-4},
                                   {"params": [params["A"], params["z"], params["head.weight"]], "lr": 1e-4}],
                                  betas=(.9, .999), eps=1e-8, weight_decay=.01)
    for i in range(max(1, updates)):
        optimizer.zero_grad()
        loss, logits = loss_and_logits(encoder, params, case, attend_padding, answers)
        loss.backward()
        if i == 0:
            out["loss"] = loss.detach().view(1)
            out["start_logits"], out["end_logits"] = (logits[..., j].detach() for j in (0, 1))
            out.update({"grad." + k: v.grad.clone() for k, v in params.items()})
        if updates:
            optimizer.step()
    if updates:
        out.update({"updated." + k: v.detach().clone() for k, v in params.items()})
    return out


# ---- random inputs ------------------------------------------------------------------------------------------------
def random_model(config, generator):
    H, F = config["hidden_size"], config["intermediate_size"]
    n = lambda *shape, std=.05: torch.randn(*shape, generator=generator) * std
    w = {"embeddings.word_embeddings.weight": n(config["vocab_size"], H, std=.5),
         "embeddings.position_embeddings.weight": n(config["max_position_embeddings"], H, std=.3),
         "embeddings.token_type_embeddings.weight": n(config["type_vocab_size"], H, std=.3)}
    norms = ["embeddings.LayerNorm"]
    for l in range(config["num_hidden_layers"]):
        p = f"encoder.layer.{l}."
        shapes = {"attention.self.query": (H, H), "attention.self.key": (H, H), "attention.self.value": (H, H),
                  "attention.output.dense": (H, H), "intermediate.dense": (F, H), "output.dense": (H, F)}
        for name, shape in shapes.items():
            w[p + name + ".weight"] = n(*shape, std=1.2 / math.sqrt(shape[1]))
            w[p + name + ".bias"] = n(shape[0])
        norms += [p + "attention.output.LayerNorm", p + "output.LayerNorm"]
    for name in norms:
        w[name + ".weight"], w[name + ".bias"] = 1 + n(H, std=.2), n(H, std=.2)
    return w


def random_prompts(config, layers, tasks, modules, d, P, generator, scale=.5):
    H = config["hidden_size"]
    u = lambda *shape: torch.rand(*shape, generator=generator) * 2 - 1
    return {"A": (u(layers, d, P * H) * scale).float(), "z": (u(layers, modules, d) * scale).float(),
            "router": u(tasks, layers, modules).float(), "head.weight": (u(2, H) * .3).float()}


def random_case(config, prompts, B, S, P, train, generator, shortest=None):
    tasks, layers, modules = prompts["router"].shape
    r = lambda low, high: int(torch.randint(low, high, (1,), generator=generator))
    lengths = [r(shortest or 1 + P, S + 1) for _ in range(B)]
    lengths[B // 2] = S
    ids = torch.zeros(B, S, dtype=torch.int64)
    for i, n in enumerate(lengths):
        ids[i, :n] = torch.randint(1, config["vocab_size"], (n,), generator=generator)
    case = {"input_ids": ids, "lengths": torch.tensor(lengths, dtype=torch.int64),
            "start_positions": torch.tensor([r(0, n) for n in lengths], dtype=torch.int64),
            "end_positions": torch.tensor([r(0, n) for n in lengths], dtype=torch.int64),
            "task_id": torch.tensor([tasks - 1], dtype=torch.int64)}
    if train:
        case["router_uniform"] = torch.rand(layers, modules, generator=generator).float()
    return case


def add_answers(case, kind, P, generator):
    """What answers can be: "options" (1 to 4 of a row's own), "context" ("no answer" in front of it, right in row 0),
    "must" (a context alone)."""
    r = lambda low, high: int(torch.randint(low, high, (1,), generator=generator))
    lengths = case["lengths"].tolist()
    if kind == "options":
        options = torch.full((len(lengths), 4, 2), -1, dtype=torch.int64)
        for i, n in enumerate(lengths):
            at, count = n, min(1 + (i + 2) % 4, (n - 1 - P) // 3)
            for j in reversed(range(count)):
                size = r(1, 3)
                options[i, j] = torch.tensor([at - 1 - size, at - 2])   # a separator behind each
                at -= size + 1
            right = options[i, r(0, count)]
            case["start_positions"][i], case["end_positions"][i] = right
        # Two options of a row that begin with the same token.
        two = next(i for i in range(len(lengths)) if options[i, 1, 0] >= 0)
        case["input_ids"][two, options[two, 1, 0]] = case["input_ids"][two, options[two, 0, 0]]
        return case | {"options": options}
    first = P + (3 if kind == "context" else 1)
    case["context"] = torch.tensor([[first, n - 2] for n in lengths])
    for i, n in enumerate(lengths):
        case["start_positions"][i] = r(first, n - 1)
        case["end_positions"][i] = r(int(case["start_positions"][i]), n - 1)
    if kind == "context":
        case["no_answer"] = torch.tensor([[P + 1, P + 2]] * len(lengths))
        case["start_positions"][0], case["end_positions"][0] = P + 1, P + 2
    return case


# ---- comparing ----------------------------------------------------------------------------------------------------
def cosine(a, b):
    return float((a * b).sum() / (a.norm() * b.norm())) if a.norm() > 0 and b.norm() > 0 else float(a.norm() == b.norm())


def print_errors(expected, found, prompts):
    for name in expected:
        e, f = expected[name].double(), found[name].double()
        if name.startswith("updated."):
            start = prompts[name[8:]].double()
            e, f = e - start, f - start
        print(f"  {name:20} error/largest {float((e - f).abs().max() / e.abs().max()):9.2e}  cosine {cosine(e, f):.7f}")


def compare(a):
    config = json.load(open(os.path.join(a.model, "config.json")))
    weights = load_file(os.path.join(a.model, "model.safetensors"))
    weights = {k.removeprefix("bert."): v for k, v in weights.items()}
    config.setdefault("layer_norm_eps", 1e-12)
    generator = torch.Generator().manual_seed(a.seed)
    layers = 1 if a.shallow else config["num_hidden_layers"]
    prompts = random_prompts(config, layers, 3, 4, a.d, a.tokens, generator, .1)
    shortest = a.tokens + 8 if a.answers else None
    case = random_case(config, prompts, a.batch, a.width, a.tokens, not a.evaluation, generator, shortest)
    if a.answers:
        case = add_answers(case, a.answers, a.tokens, generator)
    with tempfile.TemporaryDirectory() as folder:
        files = {n: os.path.join(folder, n) for n in ("prompts", "case", "out")}
        save_file(prompts, files["prompts"])
        save_file(case, files["case"])
        command = [a.mp2, "probe", "--model", a.model, "--prompts", files["prompts"], "--case", files["case"],
                   "--out", files["out"], "--precision", a.precision, "--updates", str(a.updates)]
        command += ["--loss", "answers" if a.answers else "all", "--engine", a.engine]
        subprocess.run(command + ["--attend-padding"] * a.attend_padding, check=True)
        found = load_file(files["out"])
    expected = reference(Encoder(config, weights), prompts, case, a.attend_padding, a.updates, bool(a.answers))
    print(f"loss {float(expected['loss']):.6f}, found {float(found['loss']):.6f}")
    print_errors(expected, found, prompts)


# ---- the stored cases ---------------------------------------------------------------------------------------------
def make(folder):
    generator = torch.Generator().manual_seed(20240501)
    config = {"model_type": "bert", "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
              "intermediate_size": 48, "vocab_size": 50, "max_position_embeddings": 40, "type_vocab_size": 2,
              "hidden_act": "gelu", "layer_norm_eps": 1e-12, "hidden_dropout_prob": .1,
              "attention_probs_dropout_prob": .1}
    P, tasks, modules, d = 4, 3, 3, 5
    weights = {k: v.bfloat16() for k, v in random_model(config, generator).items()}
    os.makedirs(os.path.join(folder, "model"), exist_ok=True)
    with open(os.path.join(folder, "model", "config.json"), "w") as f:
        json.dump(config, f, indent=1)
    save_file({"bert." + k: v for k, v in weights.items()}, os.path.join(folder, "model", "model.safetensors"))
    encoder = Encoder(config, weights)
    for kind, layers in (("deep", 3), ("shallow", 1)):
        prompts = random_prompts(config, layers, tasks, modules, d, P, generator)
        save_file(prompts, os.path.join(folder, f"{kind}.prompts.safetensors"))
        for mode in ("train", "eval"):
            case = random_case(config, prompts, 5, 27, P, mode == "train", generator, shortest=9)
            save_file(case, os.path.join(folder, f"{kind}_{mode}.case.safetensors"))
            for padding in ("masked", "attended"):
                out = reference(encoder, prompts, case, padding == "attended", 3)
                save_file({k: v.float().contiguous() for k, v in out.items()},
                          os.path.join(folder, f"{kind}_{mode}_{padding}.expected.safetensors"))
    make_answers(folder, config, encoder, P)


def make_answers(folder, config, encoder, P):
    generator = torch.Generator().manual_seed(20240502)
    for kind, what, padding in (("deep", "options", "masked"), ("deep", "context", "masked"),
                                ("deep", "must", "attended"), ("shallow", "options", "attended"),
                                ("shallow", "context", "masked")):
        prompts = load_file(os.path.join(folder, f"{kind}.prompts.safetensors"))
        case = random_case(config, prompts, 5, 27, P, True, generator, shortest=12)
        case = add_answers(case, what, P, generator)
        save_file(case, os.path.join(folder, f"{kind}_{what}.case.safetensors"))
        out = reference(encoder, prompts, case, padding == "attended", 3, answers=True)
        save_file({k: v.float().contiguous() for k, v in out.items()},
                  os.path.join(folder, f"{kind}_{what}_{padding}.expected.safetensors"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("make").add_argument("folder")
    c = commands.add_parser("compare")
    c.add_argument("mp2")
    c.add_argument("model")
    for name, standard in (("seed", 1), ("batch", 4), ("width", 64), ("tokens", 10), ("d", 20), ("updates", 0)):
        c.add_argument("--" + name, type=int, default=standard)
    c.add_argument("--precision", default="f32")
    c.add_argument("--engine", default="onednn")
    c.add_argument("--answers", choices=("options", "context", "must"))
    for name in ("shallow", "evaluation", "attend-padding"):
        c.add_argument("--" + name, action="store_true")
    a = parser.parse_args()
    make(a.folder) if a.command == "make" else compare(a)


if __name__ == "__main__":
    sys.exit(main())
