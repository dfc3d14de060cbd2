#!/usr/bin/env python3
"""A tuned task in Python: `mp2 checkpoint export-adapter` writes the folder, load() puts it on a transformers model in ten lines.

As a check: usage adapter_example.py MODEL ADAPTER QUESTIONS ANSWERS compares the logits with those of
`mp2 predict TUNED QUESTIONS --model MODEL --set machine.precision=f32 > ANSWERS` (QUESTIONS as JSON lines) and fails when
they differ by more than 1e-5 of the largest, or when another span is found. Needs torch, transformers and safetensors; nothing of mp2 does."""
import json
import sys

import torch
from safetensors.torch import load_file
from transformers import BertModel, BertTokenizerFast


def load(model, adapter):
    config = json.load(open(adapter + "/adapter.json"))
    tensors = load_file(adapter + "/adapter.safetensors")
    bert = BertModel.from_pretrained(model, add_pooling_layer=False).float().eval()
    places = slice(1, 1 + config["num_virtual_tokens"])
    for layer, prompt in zip(bert.encoder.layer, tensors["prompt"]):
        def add(module, args, prompt=prompt):
            hidden = args[0].clone()
            hidden[:, places] += prompt
            return (hidden, *args[1:])
        layer.register_forward_pre_hook(add)
    return bert, tensors["head.weight"], config


def logits(bert, head, config, ids):
    """Start and end logit of every token: (length, 2)."""
    ids = torch.tensor([ids])
    with torch.no_grad():
        hidden = bert(ids, token_type_ids=torch.full_like(ids, config["token_type_id"])).last_hidden_state[0]
    return hidden @ head.T


def inputs(tokenizer, config, question):
    """Ids; the first and last token of each option; of a context the first token and each token's characters. Texts that are
    too long are not cut here."""
    def tok(text):
        return tokenizer(text, add_special_tokens=False)["input_ids"]
    ids = [config["cls_id"]] + [config["first_placeholder_id"] + i for i in range(config["num_virtual_tokens"])]
    first, characters = 0, []
    for part in config["template"]:
        if part.get("field") == "context":
            first = len(ids)
            characters = tokenizer(question["context"], add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        ids += part["ids"] if "ids" in part else tok(question[part["field"]])
    if config["kind"] == "extractive":
        return ids + [config["sep_id"]], [], first, characters
    places = []
    for option in [o["ids"] for o in config["options"]] or [tok(o) for o in question["options"]]:
        places.append((len(ids), len(ids) + len(option) - 1))
        ids += option + [config["separator_id"]]
    if config["kind"] == "choices":
        ids[-1] = config["sep_id"]
    return ids, places, first, characters


def span(logits, first, count):
    """The best span of a context: where start and end logit add up to most."""
    end = first + count
    sums = logits[first:end, 0].double()[:, None] + logits[first:end, 1].double()[None, :]
    best = sums.masked_fill(~torch.ones(count, count).triu().bool(), -torch.inf).argmax().item()
    return first + best // count, first + best % count


def compare(config, mine, places, first, characters, answer):
    """Pairs of our logits and mp2's; for a span where they stand, too."""
    if config["kind"] != "extractive":
        return [pair for (a, b), option in zip(places, answer["options"])
                for pair in zip((mine[a, 0].item(), mine[b, 1].item()), option["logits"])]
    if answer["answer"] is None:
        return []
    a, b = span(mine, first, len(characters))
    found = [characters[a - first][0], characters[b - first][1]]
    if found != answer["characters"]:
        raise SystemExit(f"line {answer['line']}: the span {found} here, {answer['characters']} there")
    return list(zip((mine[a, 0].item(), mine[b, 1].item()), answer["logits"]))


def main():
    model, adapter, questions, answers = sys.argv[1:]
    bert, head, config = load(model, adapter)
    tokenizer = BertTokenizerFast.from_pretrained(model)
    largest = scale = 0.0
    count = 0
    for question, answer in zip(map(json.loads, open(questions)), map(json.loads, open(answers))):
        ids, places, first, characters = inputs(tokenizer, config, question)
        if len(ids) > config["max_length"]:
            continue
        for a, b in compare(config, logits(bert, head, config, ids), places, first, characters, answer):
            largest, scale = max(largest, abs(a - b)), max(scale, abs(b))
        count += 1
    print(f"{count} questions: largest difference {largest:.3g}, largest logit {scale:.3g}")
    return 0 if scale > 0 and largest <= 1e-5 * scale else 1


if __name__ == "__main__":
    sys.exit(main())
