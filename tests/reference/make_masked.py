#!/usr/bin/env python3
"""Masked-language-model loss and the gradient of every parameter, by transformers' own BertForMaskedLM in float64.

    make_masked.py make FOLDER           the small case that tests/worker/train/test_mlm_reference.c compares with
    make_masked.py score MODEL BATCHES   loss and accuracy of a folder on what `mp2 mlm --evaluate --batches FILE` has written;
                                         prints one JSON line

Needs torch, transformers and safetensors; neither the program nor its tests do."""
import json
import os
import sys

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForMaskedLM


def make(folder):
    torch.manual_seed(20)
    config = BertConfig(vocab_size=97, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
                        max_position_embeddings=40, type_vocab_size=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
                        layer_norm_eps=1e-12)
    model = BertForMaskedLM(config)
    with torch.no_grad():   # nothing symmetric, nothing zero; values that f32 holds
        for name, parameter in model.named_parameters():
            one = 1.0 if name.endswith("LayerNorm.weight") else 0.0
            parameter.copy_((one + 0.2 * torch.randn_like(parameter)).float())
    model.double()
    batch, length, targets = 3, 32, 14
    tensors = {}
    for kind in (0, 1):
        ids = torch.randint(5, 97, (batch, length))
        rows = torch.sort(torch.randperm(batch * length)[:targets]).values
        labels = torch.randint(0, 97, (targets,))
        wanted = torch.full((batch * length,), -100)
        wanted[rows] = labels
        model.zero_grad()
        loss = model(input_ids=ids, token_type_ids=torch.full_like(ids, kind), labels=wanted.view(batch, length)).loss
        loss.backward()
        tensors |= {f"{kind}.input_ids": ids, f"{kind}.rows": rows, f"{kind}.targets": labels,
                    f"{kind}.loss": loss.detach().reshape(1)}
        for name, parameter in model.named_parameters():
            tensors[f"{kind}.grad.{name.removeprefix('bert.')}"] = parameter.grad.float()
    os.makedirs(folder, exist_ok=True)
    weights = {name: parameter.detach().float().contiguous() for name, parameter in model.named_parameters()}
    save_file(weights, os.path.join(folder, "model.safetensors"))
    keys = ("vocab_size hidden_size num_hidden_layers num_attention_heads intermediate_size max_position_embeddings "
            "type_vocab_size hidden_dropout_prob attention_probs_dropout_prob layer_norm_eps hidden_act model_type").split()
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump({k: getattr(config, k) for k in keys}, f, indent=1)
        f.write("\n")
    save_file(tensors, os.path.join(folder, "expected.safetensors"))
    for name in ("model", "expected"):
        os.chmod(os.path.join(folder, name + ".safetensors"), 0o644)


def score(model, batches):
    model = BertForMaskedLM.from_pretrained(model).float().eval()
    loss, correct, count, pending = 0.0, 0, 0, []

    def flush():
        nonlocal loss, correct, count
        if not pending:
            return
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([p["ids"] for p in pending])).logits
        for i, p in enumerate(pending):
            rows, targets = logits[i, p["positions"]].double(), torch.tensor(p["targets"])
            loss += torch.nn.functional.cross_entropy(rows, targets, reduction="sum").item()
            correct += (rows.argmax(-1) == targets).sum().item()
            count += len(targets)
        pending.clear()

    for line in open(batches):
        pending.append(json.loads(line))
        if len(pending) == 32:
            flush()
    flush()
    print(json.dumps({"loss": loss / count, "accuracy": correct / count, "targets": count}))


if len(sys.argv) == 3 and sys.argv[1] == "make":
    make(sys.argv[2])
elif len(sys.argv) == 4 and sys.argv[1] == "score":
    score(sys.argv[2], sys.argv[3])
else:
    sys.exit(__doc__)
