#!/usr/bin/env python3
"""Writes tests/reference/tokenize.txt: what Hugging Face's BertTokenizerFast makes of sets of lines, as checksums.

usage: make_tokenize.py VOCAB CORPUS > tests/reference/tokenize.txt     (needs transformers; minutes)

A row is: set, lines, tokens, CRC-32 of the ids, CRC-32 of the byte offsets. The ids of a line are hashed as its count and
its ids, the offsets as start and end a token, all as 32-bit little endian. The sets:
  points  every code point, alone and in two contexts, with the vocabulary of vocabulary_lines()
  mixed   lines put together by a fixed generator, invalid UTF-8 included, with the same vocabulary
  points-FORM, mixed-FORM  the same with another clean-up (FORMS), and with added tokens (ADDED)
  real    the first 1,900 lines of each CORPUS/*.txt.xz (in name order) with VOCAB
tests/coordinator/text/test_wordpiece_reference.c makes the same lines and compares."""
import codecs
import glob
import lzma
import os
import struct
import sys
import tempfile
import zlib

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from transformers import AddedToken, BertTokenizerFast  # noqa: E402

SPACES = {0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
FORMS = {"cased": dict(do_lower_case=False), "accents": dict(strip_accents=False),
         "cased-strip": dict(do_lower_case=False, strip_accents=True), "joined": dict(tokenize_chinese_chars=False)}
# As they are written, and after clean-up.
RAW = ["K", "[MASK]x", "\u4e07", "xxxxxxxx"]
CLEANED = ["ab", "Q", "\u4e01", "\u4e02\u4e03", "z\u4e0f", "\u00c0c", "w v"]
REAL_LINES = 1900
MIXED_LINES = 100000


def vocabulary_lines():
    """Every character that may stand alone in a line, and the first ones as continuations."""
    chars = [c for c in range(0x21, 0x30000) if not 0xD800 <= c < 0xE000 and c not in SPACES]
    return SPECIALS + [chr(c) for c in chars] + ["##" + chr(c) for c in chars if c < 0x2000]


def tokenizer(lines, added=False, **settings):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "vocab.txt"), "w", encoding="utf-8", newline="\n") as out:
            out.writelines(line + "\n" for line in lines)
        t = BertTokenizerFast.from_pretrained(folder, **settings)
        if added:
            t.add_tokens([AddedToken(x, normalized=False) for x in RAW] + [AddedToken(x, normalized=True) for x in CLEANED])
        return t._tokenizer


def point_lines():
    for pattern in ("{}", "a{}b", "\u00c9{}\u0316\U0001d165{}x"):
        for c in range(0x110000):
            if not 0xD800 <= c < 0xE000 and c != 10:
                yield pattern.replace("{}", chr(c)).encode()


def mixed_lines():
    """A 64-bit linear congruential generator picks; its upper 32 bits are used."""
    ranges = [(0x300, 0x70), (0x1D157, 0x1C), (0x1100, 0x100), (0xAC00, 11172), (0x61, 26), (0x41, 26), (0x4E00, 0x100),
              (0xC0, 0x180), (0x302A, 6), (0x3099, 2), (0x1DC0, 0x40), (0x20, 16), (0x1, 0x20), (0x2000, 0x70), (0xFB1D, 0x33),
              (0x10000, 0x20000)]
    state = 1

    def pick(n):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 32) % n

    for _ in range(MIXED_LINES):
        line = b""
        for _ in range(1 + pick(12)):
            kind = pick(len(ranges) + 3)
            if kind < len(ranges):
                line += chr(ranges[kind][0] + pick(ranges[kind][1])).encode()
            elif kind == len(ranges):
                line += SPECIALS[pick(5)].encode()
            elif kind == len(ranges) + 1:
                line += bytes([128 + pick(128)])
            else:
                line += b"x" * (95 + pick(10))
        yield line.replace(b"\n", b"")


def real_lines(folder):
    for path in sorted(glob.glob(os.path.join(folder, "*.txt.xz"))):
        with lzma.open(path) as lines:
            for _, line in zip(range(REAL_LINES), lines):
                yield line[:-1]


def decode(line):
    """The text as the contract wants it, and the byte at which each of its characters begins (and the end)."""
    bad = {}

    def note(error):
        bad[error.start] = error.end
        return "\ufffd", error.end

    codecs.register_error("note", note)
    text, at, starts = line.decode("utf-8", "note"), 0, [0]
    for c in text:
        at = bad[at] if at in bad else at + len(c.encode())
        starts.append(at)
    return text, starts


def row(name, encoder, lines):
    count = tokens = ids_crc = offsets_crc = 0
    batch = []

    def flush():
        nonlocal count, tokens, ids_crc, offsets_crc
        for (_, starts), e in zip(batch, encoder.encode_batch([text for text, _ in batch], add_special_tokens=False)):
            flat = [starts[x] for pair in e.offsets for x in pair]
            ids_crc = zlib.crc32(struct.pack(f"<{len(e.ids) + 1}I", len(e.ids), *e.ids), ids_crc)
            offsets_crc = zlib.crc32(struct.pack(f"<{len(flat)}I", *flat), offsets_crc)
            count, tokens = count + 1, tokens + len(e.ids)
        batch.clear()

    for line in lines:
        batch.append(decode(line))
        if len(batch) == 10000:
            flush()
    flush()
    print(name, count, tokens, f"{ids_crc:08x}", f"{offsets_crc:08x}", flush=True)


made = tokenizer(vocabulary_lines())
row("points", made, point_lines())
row("mixed", made, mixed_lines())
for form, settings in FORMS.items():
    made = tokenizer(vocabulary_lines(), **settings)
    row("points-" + form, made, point_lines())
    row("mixed-" + form, made, mixed_lines())
row("mixed-added", tokenizer(vocabulary_lines(), added=True), mixed_lines())
row("mixed-added-cased", tokenizer(vocabulary_lines(), added=True, do_lower_case=False), mixed_lines())
with open(sys.argv[1], encoding="utf-8") as vocab:
    row("real", tokenizer(vocab.read().split("\n")[:-1]), real_lines(sys.argv[2]))
