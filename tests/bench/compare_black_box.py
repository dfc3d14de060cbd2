"""What a candidate of the black box costs: mp2 over a whole round of stage two, PyTorch over the padded batch from the ids.

    python compare_black_box.py BUILD/tests/black_box_bench [LAYERS [THREADS [REPEATS [whole|pair]]]]

Needs torch. Both have CPT-large's sizes, random weights in bf16, prompts before every layer, the head and the loss of every
example, and neither attends padding; PyTorch runs in inference mode with scaled_dot_product_attention. The runs alternate; the least of each is compared.
"""
import json
import math
import subprocess
import sys
import time

import torch
import torch.nn.functional as F

HIDDEN, HEADS, FFN, TOKENS, VOCABULARY = 1024, 16, 4096, 50, 21128
LENGTHS = {
    "short": [125, 121, 119, 117, 117, 114, 111, 108, 108, 106, 106, 104, 103, 102, 102, 101,
              99, 99, 99, 98, 96, 96, 96, 95, 95, 95, 95, 95, 94, 93, 92, 88],
    "middle": [407, 334, 273, 261, 259, 255, 255, 250, 249, 247, 238, 229, 209, 209, 201, 161,
               144, 136, 129, 129, 128, 126, 125, 119, 116, 116, 115, 113, 110, 99, 95, 92],
    "long": [512] * 14 + [474, 457, 447, 437, 435, 413, 412, 408, 405, 405, 400, 391, 373, 364, 346, 339, 318, 512],
}


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = torch.nn.Linear(HIDDEN, 3 * HIDDEN)
        self.out = torch.nn.Linear(HIDDEN, HIDDEN)
        self.up = torch.nn.Linear(HIDDEN, FFN)
        self.down = torch.nn.Linear(FFN, HIDDEN)
        self.norm1 = torch.nn.LayerNorm(HIDDEN, eps=1e-12)
        self.norm2 = torch.nn.LayerNorm(HIDDEN, eps=1e-12)

    def forward(self, x, mask):
        b, s, _ = x.shape
        q, k, v = self.qkv(x).view(b, s, 3, HEADS, HIDDEN // HEADS).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).reshape(b, s, HIDDEN)
        x = self.norm1(x + self.out(a))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class Encoder(torch.nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.word = torch.nn.Embedding(VOCABULARY, HIDDEN)
        self.position = torch.nn.Embedding(512, HIDDEN)
        self.norm = torch.nn.LayerNorm(HIDDEN, eps=1e-12)
        self.layers = torch.nn.ModuleList(Layer() for _ in range(layers))
        self.head = torch.nn.Linear(HIDDEN, 2)

    def forward(self, ids, prompts, mask, start, end):
        x = self.norm(self.word(ids) + self.position(torch.arange(ids.shape[1])))
        for layer, prompt in zip(self.layers, prompts):
            x[:, 1:1 + TOKENS] += prompt
            x = layer(x, mask[:, None, None, :])
        logits = self.head(x).float().masked_fill(~mask[..., None], -torch.inf)
        return (F.cross_entropy(logits[..., 0], start) + F.cross_entropy(logits[..., 1], end)) / 2


def torch_seconds(model, prompts, lengths):
    ids = torch.randint(1000, 20000, (len(lengths), max(lengths)))
    for row, n in enumerate(lengths):
        ids[row, n:] = 0
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    start = torch.tensor(lengths) - 3
    clock, cpu = time.perf_counter(), time.process_time()
    model(ids, prompts, mask, start, start + 1)
    return time.perf_counter() - clock, time.process_time() - cpu


def run(program, case, what, layers, threads):
    how = sys.argv[5] if len(sys.argv) > 5 else "whole"
    out = subprocess.run([program, case, what, how, "--layers", str(layers), "--threads", str(threads)], check=True,
                         capture_output=True, text=True).stdout
    return json.loads(out)


def main():
    program = sys.argv[1]
    given = list(map(int, sys.argv[2:5]))
    layers, threads, repeats = given + [24, 2, 2][len(given):]
    torch.set_num_threads(threads)
    kinds = ["all", "answers", "all-int8", "answers-int8"]
    ratios = {(kind, unit): [] for kind in kinds for unit in ("seconds", "cpu")}
    with torch.inference_mode():
        model = Encoder(layers).bfloat16().eval()
        prompts = torch.randn(layers, TOKENS, HIDDEN).mul(.01).bfloat16()
        print(f"{'case':8}{'loss over':>14}{'mp2 s':>9}{'torch s':>9}{'ratio':>7}{'mp2 cpu':>10}{'torch cpu':>10}{'ratio':>7}")
        for case, lengths in LENGTHS.items():
            ours, theirs = {kind: [] for kind in kinds}, []
            torch_seconds(model, prompts, lengths[:4])
            for _ in range(repeats):
                for what in ours:
                    ours[what].append(run(program, case, what, layers, threads))
                theirs.append(torch_seconds(model, prompts, lengths))
            for what, runs in ours.items():
                row = []
                for i, unit in enumerate(("seconds", "cpu")):
                    a, b = min(r[unit] for r in runs), min(t[i] for t in theirs)
                    ratios[what, unit].append(b / a)
                    row += [a, b, b / a]
                print(f"{case:8}{what:>14}{row[0]:9.3f}{row[1]:9.3f}{row[2]:7.2f}{row[3]:10.3f}{row[4]:10.3f}{row[5]:7.2f}",
                      flush=True)
    for (what, unit), values in ratios.items():
        print(f"geometric mean, loss over {what}, {unit}: {math.exp(sum(map(math.log, values)) / len(values)):.2f}")


main()
