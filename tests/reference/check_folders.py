#!/usr/bin/env python3
"""mp2 over encoder folders that the installed transformers writes, against what it computes itself. usage: check_folders.py MP2 FOLDER

A folder each: lower case, cased, other clean-ups, words and special tokens added, f16, in shards, a .bin where the version still
writes one, a decoder of its own. Of each, the ids and byte offsets of 2,000 mixed lines must be equal, the five likeliest words
of masked lines to the printed digits, and the loss over masked sequences to 1e-4. Needs torch and transformers (4.57 and 5.24
were tried); everything is made here, FOLDER is emptied."""
import json
import os
import random
import re
import shutil
import subprocess
import sys
import unicodedata

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
import torch  # noqa: E402
import transformers  # noqa: E402
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM, BertTokenizerFast  # noqa: E402

MP2, BASE = sys.argv[1:]
LINES, GUESSES = 2000, 12
OLD = transformers.__version__.startswith("4.")
random.seed(4)

CHINESE = "春夏秋冬山水风云书笔纸墨江河湖海东西左右长短甲乙丙丁红黄蓝白，。！？、：；“”（）《》"
RARE = "㐀䶵\U00020000豈福㍿々〇"
WORDS = ["River", "river", "iPad", "NATO", "nato", "Crème", "crème", "Über", "Straße", "İzmir", "Ελλάδα", "Москва", "ひらがな", "カナ",
         "한글", "x7", "X7", "deep sea", "Deep  Sea", "2048", "3.5%", "<s1>", "</s1>", "<S2>", "[unused3]", "[MASK]", "[CLS]", "[SEP]",
         "[UNK]", "[PAD]", "[mask]", "<山>", "</山>", "春秋", "##r", "\t", "\u200b", "\u3000", "\u00a0", "o\u0308", "\ufffd", "\x07",
         "y" * 99, "y" * 101, "ﬀ", "Ⅷ", "③", "🌊", "…", "—", "Ｂ", "ä", "Ä", "I\u0307", "ǈ", "ẞ", "\u1112\u1161", "natos", "prenato", "NATÖ"]


def make_line():
    out = ""
    for _ in range(random.randrange(1, 14)):
        kind = random.random()
        if kind < 0.45:
            out += "".join(random.choice(CHINESE) for _ in range(random.randrange(1, 6)))
        else:
            out += random.choice(RARE) if kind < 0.5 else random.choice(WORDS)
        out += " " * (random.random() < 0.3)
    return out


lines = [make_line() for _ in range(LINES)]


def vocabulary(cased):
    """Most characters of the lines, as they are (cased) and in lower case, also within words, and some whole words."""
    own = sorted({c for line in lines for c in line if not c.isspace() and c not in "\ufffd\x07\u200b"})
    small = sorted({x for c in own for x in unicodedata.normalize("NFD", c).lower() + c.lower() if x.strip()})
    pool = list(dict.fromkeys((own if cased else []) + small))
    pieces = ["[PAD]"] + [f"[unused{i}]" for i in range(1, 12)] + ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces += [c for c in pool if random.random() < 0.93]
    pieces += ["##" + c for c in pool if not "\u4e00" <= c <= "\u9fff" and random.random() < 0.9]
    pieces += ["river", "nato", "crème", "creme", "deep", "sea", "##to", "unused"] + (["River", "Crème", "NATO", "Deep", "İ"] if cased else [])
    return list(dict.fromkeys(pieces))


def run(*args, **more):
    return subprocess.run([MP2, *args], capture_output=True, **more)


def check_ids(name, folder, tokenizer):
    wanted = [tokenizer._tokenizer.encode(line, add_special_tokens=False) for line in lines]
    for form in (folder, folder + "/vocab.txt", folder + "/tokenizer.json"):
        if not os.path.exists(form):
            continue
        got = run("tokenize", "--vocab", form, "--offsets", input="".join(line + "\n" for line in lines).encode())
        rows = [json.loads(row) for row in got.stdout.decode().split("\n")[:-1]]
        if len(rows) != LINES:
            raise SystemExit(f"{name}: {len(rows)} lines of {form}: {got.stderr.decode()}")
        for line, want, row in zip(lines, wanted, rows):
            starts = [0]
            for c in line:
                starts.append(starts[-1] + len(c.encode()))
            offsets = [[starts[a], starts[b]] for a, b in want.offsets]
            if row != {"ids": want.ids, "offsets": offsets}:
                raise SystemExit(f"{name}: {line!r}: {row}, expected {want.ids} {offsets}")


def check_guesses(name, folder, tokenizer, model):
    for line in [x for x in lines if 3 < len(x) < 60][:GUESSES]:
        text = line + "[MASK]。"
        inputs = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            shares = model(**inputs).logits[0].softmax(-1)
        wanted = shares[inputs["input_ids"][0] == tokenizer.mask_token_id].topk(5)[0].tolist()
        got = run("fill-mask", folder, text).stdout.decode().rstrip("\n").split("\n")[-len(wanted):]
        for row, want in zip(got, wanted):
            found = [float(x) for x in re.findall(r" (\d\.\d{3})(?=  |$)", row)]
            if len(found) != 5 or max(abs(a - b) for a, b in zip(found, want)) > 0.0006:
                raise SystemExit(f"{name}: {text!r}: {row!r}, expected {want}")


def check_loss(name, folder, model):
    masked = f"{BASE}/{name}.masked"
    out = run("mlm", "--evaluate", "--run", f"{BASE}/{name}.run", "--model", folder, "--vocab", folder, "--texts", f"[{BASE}/lines.txt]",
              "--heldout", "1", "--train.length", "64", "--machine.precision", "f32", "--machine.threads", "1", "--batches", masked)
    found = re.search(r"loss ([\d.]+)", out.stdout.decode())
    total = count = 0
    for row in map(json.loads, open(masked)) if found else ():
        with torch.no_grad():
            logits = model(torch.tensor([row["ids"]])).logits[0][row["positions"]]
        total += torch.nn.functional.cross_entropy(logits.double(), torch.tensor(row["targets"]), reduction="sum").item()
        count += len(row["targets"])
    if not found or abs(float(found[1]) - total / count) > 1e-4:
        raise SystemExit(f"{name}: loss {found and found[1]}, expected {total / max(count, 1)}: {out.stderr.decode()}")
    return total / count


def check(name, cased=False, words=(), special=(), rows=0, half=False, untied=False, drop=(), save={}, **settings):
    folder = f"{BASE}/{name}"
    with open(BASE + "/pieces.txt", "w", encoding="utf-8") as out:
        out.writelines(piece + "\n" for piece in vocabulary(cased))
    tokenizer = BertTokenizerFast(BASE + "/pieces.txt", **settings)
    tokenizer.add_tokens(list(words))
    if special:
        tokenizer.add_special_tokens({"additional_special_tokens": list(special)})
    torch.manual_seed(1)
    config = BertConfig(vocab_size=len(tokenizer) + rows, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128,
                        max_position_embeddings=256, initializer_range=0.25, tie_word_embeddings=not untied)
    model = BertForMaskedLM(config)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.05)
    (model.half() if half else model).save_pretrained(folder, **save)
    tokenizer.save_pretrained(folder)
    for file in drop:
        os.remove(f"{folder}/{file}")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), BertForMaskedLM.from_pretrained(folder, torch_dtype=torch.float32).eval()
    check_ids(name, folder, tokenizer)
    check_guesses(name, folder, tokenizer, model)
    print(f"ok {name}: {LINES} lines, loss {check_loss(name, folder, model):.4f}, {' '.join(sorted(os.listdir(folder)))}", flush=True)


shutil.rmtree(BASE, ignore_errors=True)
os.makedirs(BASE)
with open(BASE + "/lines.txt", "w", encoding="utf-8", newline="") as out:
    out.writelines(line + "\n" for line in lines)
print("transformers", transformers.__version__)
check("lower")
check("cased", cased=True, do_lower_case=False)
check("half", half=True)
check("shards", save=dict(max_shard_size="60KB"))
check("accents", cased=True, strip_accents=False)
check("cased-strip", cased=True, do_lower_case=False, strip_accents=True)
check("joined", tokenize_chinese_chars=False)
check("words", words=["<山>", "</山>", "<S2>", "春", "春秋", "nato", "deep sea", "İzmir"])
check("words-cased", cased=True, do_lower_case=False, words=["<山>", "</山>", "<S2>", "<s1>", "春秋", "nato", "deep sea", "İzmir"])
check("special", special=["[unused3]", "<s1>", "</s1>", "<山>", "春秋"], rows=5)
check("both", special=["[unused3]", "<s1>"], words=["<S2>", "nato", "春秋"], rows=3)
check("words-joined", words=["春秋", "<S2>"], tokenize_chinese_chars=False)
check("untied", untied=True)
if OLD:
    check("bin", save=dict(safe_serialization=False))
    check("old-files", special=["[unused3]", "<s1>"], words=["<S2>", "nato"], drop=["tokenizer.json"])
    check("plain", drop=["tokenizer.json", "special_tokens_map.json", "tokenizer_config.json"])
