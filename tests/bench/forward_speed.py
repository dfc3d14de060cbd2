"""Rows a second of a frozen encoder's forward pass: `mp2 predict` in every precision, ONNX Runtime, transformers.

    python forward_speed.py MP2 TUNED MODEL ROWS.jsonl [TASK_FIELD [ROUNDS [THREADS]]]

Needs torch, transformers, onnx, onnxruntime. TUNED: a tuned file of a task over MODEL; ROWS: its questions, an object a line;
TASK_FIELD: the field that holds the text (default "text"). The others compute the encoder over the same texts, tokenised before,
as long as mp2's (its prompt of 50 included), in padded batches of 32 sorted by length: their best. mp2 reads, tokenises, answers
and writes; its rate is from the difference of a run over all rows and one over an eighth, so that starting does not count.
ONNX Runtime: f32, and dynamic quantisation to int8 of all its products; transformers: f32 and bf16. All take turns; medians.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402
import torch  # noqa: E402
from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: E402
from transformers import AutoModel, AutoTokenizer  # noqa: E402

PROMPT, BATCH = 50, 32


def mp2_rate(mp2, tuned, model, lines, precision, threads):
    seconds = []
    for n in (len(lines) // 8, len(lines)):
        begun = time.perf_counter()
        out = subprocess.run([mp2, "predict", tuned, "--model", model, "--machine.precision", precision, "--machine.threads", str(threads)],
                             input="".join(lines[:n]), capture_output=True, text=True)
        if out.returncode:
            raise SystemExit(out.stderr)
        seconds.append(time.perf_counter() - begun)
    return (len(lines) - len(lines) // 8) / (seconds[1] - seconds[0])


class Hidden(torch.nn.Module):
    def __init__(self, bert):
        super().__init__()
        self.bert = bert

    def forward(self, input_ids, attention_mask):
        return self.bert(input_ids=input_ids, attention_mask=attention_mask)[0]


def batches(tokenizer, texts, longest):
    ids = sorted(([tokenizer.cls_token_id] + [100] * PROMPT + tokenizer.encode(t, add_special_tokens=False)[:longest - PROMPT - 2] +
                  [tokenizer.sep_token_id] for t in texts), key=len)
    for i in range(0, len(ids), BATCH):
        part = ids[i:i + BATCH]
        width = max(map(len, part))
        yield (np.array([x + [0] * (width - len(x)) for x in part], dtype=np.int64),
               np.array([[1] * len(x) + [0] * (width - len(x)) for x in part], dtype=np.int64))


def rate(function, work, rows):
    begun = time.perf_counter()
    for ids, mask in work:
        function(ids, mask)
    return rows / (time.perf_counter() - begun)


def session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    s = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda ids, mask: s.run(None, {"input_ids": ids, "attention_mask": mask})


def main():
    mp2, tuned, model, rows, *more = sys.argv[1:]
    field, rounds, threads = (more + ["text", "3", "2"][len(more):])[:3]
    rounds, threads = int(rounds), int(threads)
    torch.set_num_threads(threads)
    lines = open(rows, encoding="utf-8").readlines()
    bert = AutoModel.from_pretrained(model, dtype=torch.float32).eval()
    work = list(batches(AutoTokenizer.from_pretrained(model), [json.loads(x)[field] for x in lines], bert.config.max_position_embeddings))
    ways = {}
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        plain, small = folder + "/f32.onnx", folder + "/int8.onnx"
        torch.onnx.export(Hidden(bert), tuple(map(torch.from_numpy, work[0])), plain, input_names=["input_ids", "attention_mask"], output_names=["hidden"],
                          dynamic_axes={"input_ids": {0: "b", 1: "s"}, "attention_mask": {0: "b", 1: "s"}, "hidden": {0: "b", 1: "s"}}, dynamo=False)
        quantize_dynamic(plain, small, weight_type=QuantType.QInt8)
        for name, path in (("ONNX Runtime f32", plain), ("ONNX Runtime int8", small)):
            ways[name] = session(path, threads)
        for name, dtype in (("transformers f32", torch.float32), ("transformers bf16", torch.bfloat16)):
            copy = AutoModel.from_pretrained(model, dtype=dtype).eval()
            ways[name] = lambda ids, mask, m=copy: m(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))
        rates = {}
        for _ in range(rounds):
            for precision in ("f32", "bf16", "int8"):
                rates.setdefault("mp2 " + precision, []).append(mp2_rate(mp2, tuned, model, lines, precision, threads))
            for name, function in ways.items():
                rates.setdefault(name, []).append(rate(function, work, len(lines)))
    median = {name: statistics.median(values) for name, values in rates.items()}
    for name, value in median.items():
        print(f"{name:20}{value:9.1f} rows/s   {' '.join(f'{x:.1f}' for x in rates[name])}")
    for name in ways:
        print(f"mp2 int8 is {median['mp2 int8'] / median[name]:.2f} times as fast as {name}")


main()
