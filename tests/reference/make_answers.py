"""answers.jsonl: pairs of answers and their F1 as transformers' copy of the SQuAD metric has it (compute_f1), over the texts with
their words apart, as a decoded Chinese text has them (BasicTokenizer, lower case). Where one side is left with nothing the first
version of the metric says 0, and so does this file. Symbols stand apart: beside one the metric takes an "a" that begins a word for
the article. Usage: python make_answers.py (transformers 4.57.1)."""
import json
import random
from pathlib import Path

from transformers.data.metrics.squad_metrics import compute_f1, get_tokens
from transformers.models.bert.tokenization_bert import BasicTokenizer

PARTS = ["北", "京", "上", "海", "的", "年", "㐂", "𠮷", "𨭎", "龘", "臺", "，", "。", "“", "”", "《", "》", "·", "、", ",", ".", "-", "%", "(", ")",
         " ", " ", "　", "\t", "a", "an", "the", "The", "A", "theory", "play", "playing", "Café", "cafe", "ＡＢＣ", "abc", "U.S.A.", "3.5", "35", "2018",
         "ß", "İ", "Ångström", "한국", "日本語", "é", "naïve", " ☃ ", " 😀 ", "½", "\u200b", "O'Neill", "co-op", "$5", "^", "`"]


def main():
    rng = random.Random(20180)
    basic = BasicTokenizer(do_lower_case=True)
    rows = []
    while len(rows) < 600:
        gold = [rng.choice(PARTS) for _ in range(rng.randrange(1, 9))]
        predicted = [p for p in gold if rng.random() < 0.8]
        for _ in range(rng.randrange(3)):
            predicted.insert(rng.randrange(len(predicted) + 1), rng.choice(PARTS))
        texts = "".join(predicted), "".join(gold)
        apart = [" ".join(basic.tokenize(t)) for t in texts]
        f1 = float(compute_f1(apart[1], apart[0])) if all(get_tokens(t) for t in apart) else 0.0
        rows.append([texts[0], texts[1], f1])
    lines = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
    Path(__file__).with_name("answers.jsonl").write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main()
