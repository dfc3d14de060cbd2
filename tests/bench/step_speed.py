"""Seconds of a training step of the prompts: `mp2 bench step` in every precision that the CPU has, and PyTorch's best.

    python step_speed.py MP2 [LAYERS [HIDDEN [CASE [ROUNDS [THREADS]]]]]        24 1024 afqmc 3 2

Needs torch. Random weights, the lengths of mp2's case (32 examples, P = 50 included), d = 300, losses over two options or the
context, AdamW over A, z and the head. PyTorch: frozen encoder, padded to the longest, scaled_dot_product_attention, fused AdamW,
in f32 and in bf16 (A and AdamW in f32), with dropout on and off, as it is and compiled; weights get no gradient. All take turns;
medians, and ratios of PyTorch's best to mp2's. LD_PRELOAD a better malloc for PyTorch where there is one.
"""
import json
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F

P, D, MODULES, VOCABULARY = 50, 300, 8, 21128
LENGTHS = {
    "afqmc": [125, 121, 119, 117, 117, 114, 111, 108, 108, 106, 106, 104, 103, 102, 102, 101,
              99, 99, 99, 98, 96, 96, 96, 95, 95, 95, 95, 95, 94, 93, 92, 88],
    "cmrc": [512] * 14 + [474, 457, 447, 437, 435, 413, 412, 408, 405, 405, 400, 391, 373, 364, 346, 339, 318, 512],
}


class Layer(torch.nn.Module):
    def __init__(self, hidden, rate):
        super().__init__()
        self.heads, self.rate = hidden // 64, rate
        self.qkv = torch.nn.Linear(hidden, 3 * hidden)
        self.out = torch.nn.Linear(hidden, hidden)
        self.up = torch.nn.Linear(hidden, 4 * hidden)
        self.down = torch.nn.Linear(4 * hidden, hidden)
        self.norm1 = torch.nn.LayerNorm(hidden, eps=1e-12)
        self.norm2 = torch.nn.LayerNorm(hidden, eps=1e-12)

    def forward(self, x, mask):
        b, s, h = x.shape
        q, k, v = self.qkv(x).view(b, s, 3, self.heads, 64).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=self.rate).transpose(1, 2).reshape(b, s, h)
        x = self.norm1(x + F.dropout(self.out(a), self.rate))
        return self.norm2(x + F.dropout(self.down(F.gelu(self.up(x))), self.rate))


class Encoder(torch.nn.Module):
    def __init__(self, layers, hidden, rate):
        super().__init__()
        self.rate = rate
        self.word = torch.nn.Embedding(VOCABULARY, hidden)
        self.position = torch.nn.Embedding(512, hidden)
        self.norm = torch.nn.LayerNorm(hidden, eps=1e-12)
        self.layers = torch.nn.ModuleList(Layer(hidden, rate) for _ in range(layers))

    def forward(self, ids, prompts, mask):
        x = F.dropout(self.norm(self.word(ids) + self.position(torch.arange(ids.shape[1]))), self.rate)
        for layer, prompt in zip(self.layers, prompts):
            x = layer(torch.cat([x[:, :1], x[:, 1:1 + P] + prompt.to(x.dtype), x[:, 1 + P:]], 1), mask)
        return x


class Step:
    """One way to compute it: a precision, dropout, compiled or not."""

    def __init__(self, layers, hidden, lengths, context, dtype, rate, compiled):
        torch.manual_seed(1)
        encoder = Encoder(layers, hidden, rate).to(dtype).requires_grad_(False)
        self.run = torch.compile(encoder) if compiled else encoder
        self.a = torch.nn.Parameter(torch.randn(layers, D, P * hidden) * .01)
        self.z = torch.nn.Parameter(torch.randn(layers, MODULES, D) * .01)
        self.router = torch.nn.Parameter(torch.zeros(layers, MODULES))
        self.head = torch.nn.Parameter(torch.randn(2, hidden) * .01)
        self.adamw = torch.optim.AdamW([self.a, self.z, self.router, self.head], lr=1e-4, fused=True)
        longest = max(lengths)
        self.ids = torch.randint(1000, 20000, (len(lengths), longest))
        self.mask = (torch.arange(longest) < torch.tensor(lengths)[:, None])[:, None, None, :]
        n = torch.tensor(lengths)
        # What an answer can be: two options before the end, or the context.
        places = torch.arange(longest)
        if context:
            self.reads = (places >= 62) & (places < (n - 21)[:, None])
            self.start = torch.full((len(lengths),), 70)
        else:
            self.reads = (places == (n - 6)[:, None]) | (places == (n - 3)[:, None])
            self.start = n - 6

    def seconds(self):
        begun = time.perf_counter()
        u = torch.einsum("lk,lkd->ld", self.router.sigmoid(), self.z)
        prompts = torch.einsum("ld,ldc->lc", u, self.a).view(u.shape[0], P, -1)
        logits = self.run(self.ids, prompts, self.mask).float() @ self.head.T
        logits = logits.masked_fill(~self.reads[..., None], -torch.inf)
        loss = F.cross_entropy(logits[..., 0], self.start) + F.cross_entropy(logits[..., 1], self.start)
        loss.backward()
        self.adamw.step()
        self.adamw.zero_grad()
        return time.perf_counter() - begun


def ours(mp2, layers, hidden, case, precision, threads):
    out = subprocess.run([mp2, "bench", "step", "--layers", str(layers), "--hidden", str(hidden), "--case", case,
                          "--precision", precision, "--threads", str(threads)], capture_output=True, text=True)
    return json.loads(out.stdout)["seconds"] if out.returncode == 0 else None


def main():
    mp2, given = sys.argv[1], sys.argv[2:]
    layers, hidden, case, rounds, threads = given + ["24", "1024", "afqmc", "3", "2"][len(given):]
    layers, hidden, rounds, threads = int(layers), int(hidden), int(rounds), int(threads)
    torch.set_num_threads(threads)
    times = {}
    steps = {}
    for dtype in (torch.float32, torch.bfloat16):
        for rate in (.1, 0.):
            for compiled in (False, True):
                name = f"torch {str(dtype)[6:]}{' dropout' if rate else ''}{' compiled' if compiled else ''}"
                try:
                    steps[name] = Step(layers, hidden, LENGTHS[case], case == "cmrc", dtype, rate, compiled)
                    steps[name].seconds()
                except Exception as why:  # a compiler that is not there, say: that way is left out
                    print(f"left out: {name}: {str(why).splitlines()[0][:100]}")
                    steps.pop(name, None)
    for _ in range(rounds):
        for precision in ("f32", "bf16", "int8"):
            seconds = ours(mp2, layers, hidden, case, precision, threads)
            if seconds:
                times.setdefault("mp2 " + precision, []).append(seconds)
        for name, step in steps.items():
            times.setdefault(name, []).append(step.seconds())
    median = {name: statistics.median(values) for name, values in times.items()}
    for name, seconds in median.items():
        print(f"{name:36}{seconds:9.3f} s   {' '.join(f'{x:.3f}' for x in times[name])}")
    for dropout in (True, False):
        best = min((s, n) for n, s in median.items() if n.startswith("torch") and ("dropout" in n) == dropout)
        for name in ("mp2 f32", "mp2 bf16", "mp2 int8"):
            if name in median:
                print(f"{name} (dropout on): {best[0] / median[name]:.2f} times as fast as {best[1]}")


main()
