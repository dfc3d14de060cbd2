#!/usr/bin/env python3
"""Writes unicode_classes.c and unicode_decompositions.c: what Hugging Face's `tokenizers` does with every code point,
observed from outside (usage: make_unicode.py coordinator/text; needs the Python package tokenizers).

The library mixes several versions of Unicode (categories are much older than case, decomposition lies between), so that
no Unicode library has these tables; ours hold whatever version is installed."""
import os
import sys
import unicodedata

import tokenizers
from tokenizers import normalizers, pre_tokenizers

POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
FLAGS = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
CLEAN = normalizers.BertNormalizer(**{**FLAGS, "clean_text": True})
CHINESE = normalizers.BertNormalizer(**{**FLAGS, "handle_chinese_chars": True})
STRIP = normalizers.BertNormalizer(**{**FLAGS, "strip_accents": True})
NFD, LOWER, SPLIT = normalizers.NFD(), normalizers.Lowercase(), pre_tokenizers.BertPreTokenizer()


def class_of(c):
    s = chr(c)
    cleaned = CLEAN.normalize_str(s)
    if cleaned == "":
        return "DROP"
    if cleaned == " ":
        return "SPACE"
    assert cleaned == s
    if CHINESE.normalize_str(s) != s:
        return "CHINESE"
    if STRIP.normalize_str(s) == "" and len(NFD.normalize_str(s)) == 1:
        return "MARK"
    if len(SPLIT.pre_tokenize_str("a" + s + "b")) == 3:
        return "PUNCTUATION"
    return None


def combining_classes():
    """The canonical combining class, from the order in which NFD puts c and a mark of known class."""
    first, last = "\u0334", "\u0345"   # classes 1 and 240, the least and the largest
    moves = [c for c in POINTS if NFD.normalize_str(last + chr(c)) == chr(c) + last or
             NFD.normalize_str(chr(c) + first) == first + chr(c)]
    marks = {1: first}
    for c in moves:
        marks.setdefault(unicodedata.combining(chr(c)), chr(c))
    marks.pop(0, None)
    found = {}
    for s in map(chr, moves):
        if NFD.normalize_str(s) == s:
            found[ord(s)] = next(k for k, mark in marks.items() if NFD.normalize_str(s + mark) == s + mark and
                                 NFD.normalize_str(mark + s) == mark + s)
    return found


def ranges(values):
    """{code point: value} as [first, last, value]."""
    out = []
    for c in sorted(values):
        if out and out[-1][2] == values[c] and c == out[-1][1] + 1:
            out[-1][1] = c
        else:
            out.append([c, c, values[c]])
    return out


def lower_ranges():
    """[first, last, step, delta]; runs of every code point and runs of every other one."""
    delta = {}
    for c in POINTS:
        to = LOWER.normalize_str(chr(c))
        if len(to) == 1 and to != chr(c):
            delta[c] = ord(to) - c
    out = []
    for c in sorted(delta):
        if out and out[-1][3] == delta[c]:
            gap = c - out[-1][1]
            if gap == out[-1][2] or (out[-1][0] == out[-1][1] and gap in (1, 2)):
                out[-1][1], out[-1][2] = c, gap
                continue
        out.append([c, c, 1, delta[c]])
    return out


def write(name, tables):
    """One C file of tables (type, name, rows as text)."""
    with open(os.path.join(sys.argv[1], name), "w") as out:
        print(f"/* Made by tests/reference/make_unicode.py from the behaviour of tokenizers {tokenizers.__version__}; not to be "
              "edited. */\n#include \"coordinator/text/unicode.h\"\n\n/* clang-format off */", file=out)
        for kind, table, rows in tables:
            print(f"\nconst struct {kind} {table}[] = {{", file=out)
            line = "   "
            for row in rows:
                if len(line) + len(row) + 2 > 118:
                    print(line, file=out)
                    line = "   "
                line += " " + row + ","
            print(f"{line}\n}};\nconst size_t {table}_count = sizeof {table} / sizeof *{table};", file=out)


classes = ranges({c: k for c in POINTS if (k := class_of(c))})
combining = ranges(combining_classes())
decomposed = {c: NFD.normalize_str(chr(c)) for c in POINTS if not 0xAC00 <= c < 0xD7A4}
decomposed = {c: d for c, d in decomposed.items() if d != chr(c)}
assert max(map(len, decomposed.values())) <= 4
write("unicode_classes.c", [
    ("unicode_class_range", "unicode_classes", [f"{{0x{a:x}, 0x{b:x}, UNICODE_{k}}}" for a, b, k in classes]),
    ("unicode_combining_range", "unicode_combinings", [f"{{0x{a:x}, 0x{b:x}, {k}}}" for a, b, k in combining]),
    ("unicode_lower_range", "unicode_lowers", [f"{{0x{a:x}, 0x{b:x}, {s}, {d}}}" for a, b, s, d in lower_ranges()])])
write("unicode_decompositions.c", [
    ("unicode_decomposition", "unicode_decompositions",
     [f"{{0x{c:x}, {{{', '.join(f'0x{ord(x):x}' for x in d)}}}}}" for c, d in sorted(decomposed.items())])])
