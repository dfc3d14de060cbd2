#!/usr/bin/env python3
"""Masked-language-model training in PyTorch, as fast as it goes on a CPU, on what `mp2 mlm` has tokenised (RUN/train.ids).

BertForMaskedLM's computation written out: fused q, k, v, scaled_dot_product_attention, bf16 autocast, the head at the masked
positions alone, fused AdamW, packed batches made beforehand so that no Python stands in the way. Prints one JSON line with
tokens a second of wall clock and of CPU time.
"""
import argparse
import json
import time

import numpy as np
import torch
import torch.nn.functional as F

p = argparse.ArgumentParser()
p.add_argument("ids")
p.add_argument("--vocabulary", type=int, default=21128)
p.add_argument("--layers", type=int, default=4)
p.add_argument("--hidden", type=int, default=256)
p.add_argument("--heads", type=int, default=4)
p.add_argument("--feed-forward", type=int, default=1024)
p.add_argument("--sequences", type=int, default=16)
p.add_argument("--length", type=int, default=128)
p.add_argument("--steps", type=int, default=20)
p.add_argument("--threads", type=int, default=2)
p.add_argument("--dropout", type=float, default=0.1)
p.add_argument("--compile", action="store_true")
p.add_argument("--cls", type=int, default=101)
p.add_argument("--sep", type=int, default=102)
p.add_argument("--mask", type=int, default=103)
a = p.parse_args()

torch.manual_seed(1)
torch.set_num_threads(a.threads)
wanted = int(0.15 * (a.length - 2) + 0.5)


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        h = a.hidden
        self.qkv = torch.nn.Linear(h, 3 * h)
        self.out = torch.nn.Linear(h, h)
        self.up = torch.nn.Linear(h, a.feed_forward)
        self.down = torch.nn.Linear(a.feed_forward, h)
        self.norm1 = torch.nn.LayerNorm(h, eps=1e-12)
        self.norm2 = torch.nn.LayerNorm(h, eps=1e-12)

    def forward(self, x):
        b, s, h = x.shape
        q, k, v = self.qkv(x).view(b, s, 3, a.heads, h // a.heads).permute(2, 0, 3, 1, 4)
        c = F.scaled_dot_product_attention(q, k, v, dropout_p=a.dropout if self.training else 0.0)
        c = self.out(c.transpose(1, 2).reshape(b, s, h))
        x = self.norm1(x + F.dropout(c, a.dropout, self.training))
        c = self.down(F.gelu(self.up(x)))
        return self.norm2(x + F.dropout(c, a.dropout, self.training))


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        h = a.hidden
        self.word = torch.nn.Embedding(a.vocabulary, h)
        self.position = torch.nn.Embedding(512, h)
        self.token_type = torch.nn.Embedding(2, h)
        self.norm = torch.nn.LayerNorm(h, eps=1e-12)
        self.layers = torch.nn.ModuleList(Layer() for _ in range(a.layers))
        self.dense = torch.nn.Linear(h, h)
        self.head_norm = torch.nn.LayerNorm(h, eps=1e-12)
        self.bias = torch.nn.Parameter(torch.zeros(a.vocabulary))
        for parameter in self.parameters():
            if parameter.dim() == 2:
                torch.nn.init.normal_(parameter, std=0.02)

    def forward(self, ids, rows, targets):
        x = self.word(ids) + self.position.weight[: ids.shape[1]] + self.token_type.weight[0]
        x = F.dropout(self.norm(x), a.dropout, self.training)
        for layer in self.layers:
            x = layer(x)
        t = self.head_norm(F.gelu(self.dense(x.reshape(-1, a.hidden)[rows])))
        return F.cross_entropy(F.linear(t, self.word.weight, self.bias).float(), targets)


def batches():
    """All steps' inputs, masked beforehand."""
    ids = np.fromfile(a.ids, dtype=np.int32, offset=64) & ((1 << 30) - 1)   # the bit above marks pieces of a word
    random = np.random.default_rng(1)
    out = []
    for step in range(a.steps + 3):
        x = np.empty((a.sequences, a.length), dtype=np.int64)
        rows = []
        for i in range(a.sequences):
            at = random.integers(0, len(ids) // (a.length - 2)) * (a.length - 2)
            x[i, 0], x[i, -1] = a.cls, a.sep
            x[i, 1:-1] = ids[at : at + a.length - 2]
            rows.append(i * a.length + 1 + np.sort(random.permutation(a.length - 2)[:wanted]))
        rows = np.concatenate(rows)
        targets = x.reshape(-1)[rows].copy()
        draw = random.random(len(rows))
        x.reshape(-1)[rows[draw < 0.8]] = a.mask
        other = rows[draw >= 0.9]
        x.reshape(-1)[other] = random.integers(0, a.vocabulary, len(other))
        out.append(tuple(torch.from_numpy(v) for v in (x, rows, targets)))
    return out


model = Model()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), eps=1e-6, fused=True)
step_of = torch.compile(model) if a.compile else model
data = batches()
times = []
for ids, rows, targets in data:
    t, cpu = time.perf_counter(), time.process_time()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = step_of(ids, rows, targets)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
    optimizer.step()
    times.append((time.perf_counter() - t, time.process_time() - cpu, loss.item()))
wall, cpu = (sorted(t[i] for t in times[3:])[len(times[3:]) // 2] for i in (0, 1))
tokens = a.sequences * a.length
print(json.dumps({"program": "pytorch " + torch.__version__, "tokens": tokens, "seconds": round(wall, 4), "cpu_seconds": round(cpu, 4),
                  "tokens_per_second": round(tokens / wall, 1), "tokens_per_cpu_second": round(tokens / cpu, 1),
                  "loss": round(times[-1][2], 3)}))
