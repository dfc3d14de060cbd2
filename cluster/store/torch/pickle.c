/* The pickle machine: a stack, marks, a memo. Opcodes are those that protocols 2 to 5 need for plain values; each
 * either pushes, gathers, or stores, nothing is recursive, and every push and item counts against one bound. */
#include "cluster/store/torch/pickle.h"

#include <stdio.h>
#include <string.h>

#include "cluster/base/memory.h"

void pickle_fini(struct pickle *p)
{
    mem_free(p->stack);
    mem_free(p->marks);
    mem_free(p->memo);
    mem_free(p->dicts);
    p->dicts = NULL;
    p->stack = NULL;
    p->marks = NULL;
    p->memo = NULL;
}

/* ---- bytes --------------------------------------------------------------------------------------------------- */

static status read_number(struct pickle *p, int bytes, uint64_t *out)
{
    *out = 0;
    if (p->size - p->at < (size_t)bytes) return pickle_bad(p, "cut short");
    for (int i = bytes - 1; i >= 0; i--) *out = *out << 8 | p->data[p->at + (size_t)i];
    p->at += (size_t)bytes;
    return ST_OK;
}

static status read_bytes(struct pickle *p, uint64_t n, const char **out)
{
    if (n > p->size - p->at) return pickle_bad(p, "cut short");
    *out = (const char *)p->data + p->at;
    p->at += (size_t)n;
    return ST_OK;
}

static status read_line(struct pickle *p, const char **out, size_t *n)
{
    const unsigned char *end = memchr(p->data + p->at, '\n', p->size - p->at);

    if (!end) return pickle_bad(p, "cut short");
    *out = (const char *)p->data + p->at;
    *n = (size_t)(end - p->data) - p->at;
    p->at += *n + 1;
    return ST_OK;
}

/* ---- stack --------------------------------------------------------------------------------------------------- */

static status push(struct pickle *p, struct torch_value *value)
{
    TRY(pickle_count_work(p, 1));
    TRY(mem_grow(&p->stack, &p->stack_room, p->depth + 1, sizeof *p->stack));
    p->stack[p->depth++] = value;
    return ST_OK;
}

/* What may be popped: nothing below the last mark. */
static size_t floor_of(const struct pickle *p)
{
    return p->mark_count ? p->marks[p->mark_count - 1] : 0;
}

static status pop(struct pickle *p, struct torch_value **out)
{
    *out = NULL;
    if (p->depth <= floor_of(p)) return pickle_bad(p, "the stack is empty");
    *out = p->stack[--p->depth];
    return ST_OK;
}

static status pop_mark(struct pickle *p, size_t *at)
{
    *at = 0;
    if (p->mark_count == 0) return pickle_bad(p, "a mark is missing");
    *at = p->marks[--p->mark_count];
    return ST_OK;
}

static status push_mark(struct pickle *p)
{
    TRY(pickle_count_work(p, 1));
    TRY(mem_grow(&p->marks, &p->mark_room, p->mark_count + 1, sizeof *p->marks));
    p->marks[p->mark_count++] = p->depth;
    return ST_OK;
}

static status push_int(struct pickle *p, enum torch_kind kind, int64_t x)
{
    struct torch_value *value;

    TRY(pickle_value(p, kind, &value));
    value->as.integer = x;
    return push(p, value);
}

static status push_real(struct pickle *p)
{
    struct torch_value *value;
    uint64_t bits = 0;

    if (p->size - p->at < 8) return pickle_bad(p, "cut short");
    for (int i = 0; i < 8; i++) bits = bits << 8 | p->data[p->at++]; /* the one big-endian number */
    TRY(pickle_value(p, TORCH_REAL, &value));
    memcpy(&value->as.real, &bits, 8);
    return push(p, value);
}

/* Two's complement of n bytes, at most 8 (a size of 2^63 means nothing here). */
static status push_long(struct pickle *p, uint64_t n)
{
    uint64_t x;

    if (n > 8) return pickle_bad(p, "an integer of more than 64 bits");
    TRY(read_number(p, (int)n, &x));
    if (n > 0 && n < 8 && x >> (8 * n - 1)) x |= UINT64_MAX << (8 * n);
    return push_int(p, TORCH_INT, (int64_t)x);
}

static status push_text(struct pickle *p, int length_bytes)
{
    struct torch_value *value;
    const char *from = NULL;
    uint64_t n;
    char *text;

    TRY(read_number(p, length_bytes, &n));
    TRY(read_bytes(p, n, &from));
    if (memchr(from, 0, (size_t)n)) return pickle_bad(p, "a NUL byte inside a text");
    TRY(pickle_take(p, (size_t)n + 1, &text));
    memcpy(text, from, (size_t)n);
    TRY(pickle_value(p, TORCH_TEXT, &value));
    value->as.text = text;
    value->count = (size_t)n;
    return push(p, value);
}

/* ---- gathering ------------------------------------------------------------------------------------------------ */

static status append(struct pickle *p, struct torch_value *to, struct torch_value *const *items, size_t n)
{
    TRY(pickle_count_work(p, n));
    if (to->count + n > to->room) {
        size_t room = to->room * 2 > to->count + n ? to->room * 2 : to->count + n;
        struct torch_value **bigger;

        TRY(pickle_take(p, room * sizeof *bigger, &bigger));
        if (to->count) memcpy(bigger, to->as.items, to->count * sizeof *bigger);
        to->as.items = bigger;
        to->room = room;
    }
    if (n) memcpy(to->as.items + to->count, items, n * sizeof *items);
    to->count += n;
    return ST_OK;
}

static status push_tuple(struct pickle *p, size_t n)
{
    struct torch_value *tuple;

    if (p->depth - floor_of(p) < n) return pickle_bad(p, "the stack is empty");
    TRY(pickle_value(p, TORCH_TUPLE, &tuple));
    TRY(append(p, tuple, p->stack + p->depth - n, n));
    p->depth -= n;
    return push(p, tuple);
}

static status push_tuple_from_mark(struct pickle *p)
{
    size_t at;

    TRY(pop_mark(p, &at));
    return push_tuple(p, p->depth - at);
}

/* Move the n topmost values into the list or dict below them. */
static status store(struct pickle *p, enum torch_kind kind, size_t n)
{
    struct torch_value *to;

    if (p->depth - floor_of(p) < n + 1) return pickle_bad(p, "the stack is empty");
    p->depth -= n;
    to = p->stack[p->depth - 1];
    if (to->kind != kind)
        return pickle_bad(p, kind == TORCH_DICT ? "items for what is no dict" : "items for what is no list");
    if (kind == TORCH_DICT && n % 2 != 0) return pickle_bad(p, "a key without a value");
    for (size_t i = 0; kind == TORCH_DICT && i < n; i += 2) {
        enum torch_kind key = p->stack[p->depth + i]->kind;
        if (key != TORCH_TEXT && key != TORCH_INT) return pickle_bad(p, "a key that is neither text nor integer");
    }
    return append(p, to, p->stack + p->depth, n);
}

static status store_from_mark(struct pickle *p, enum torch_kind kind)
{
    size_t at;

    TRY(pop_mark(p, &at));
    return store(p, kind, p->depth - at);
}

/* ---- memo ----------------------------------------------------------------------------------------------------- */

static status memo_put(struct pickle *p, uint64_t i)
{
    if (p->depth <= floor_of(p)) return pickle_bad(p, "the stack is empty");
    if (i >= PICKLE_WORK_MOST) return pickle_bad(p, "a memo number beyond 2^22");
    TRY(mem_grow(&p->memo, &p->memo_room, (size_t)i + 1, sizeof *p->memo));
    if (!p->memo[i]) p->memo_count++;
    p->memo[i] = p->stack[p->depth - 1];
    return ST_OK;
}

static status memo_get(struct pickle *p, uint64_t i)
{
    if (i >= p->memo_room || !p->memo[i]) return pickle_bad(p, "a memo number that was never stored");
    return push(p, p->memo[i]);
}

/* ---- calls ---------------------------------------------------------------------------------------------------- */

static status op_global(struct pickle *p)
{
    const char *module = "", *name = "";
    size_t module_bytes = 0, name_bytes = 0;
    struct torch_value *value;

    TRY(read_line(p, &module, &module_bytes));
    TRY(read_line(p, &name, &name_bytes));
    TRY(pickle_find_global(p, module, module_bytes, name, name_bytes, &value));
    return push(p, value);
}

static status op_stack_global(struct pickle *p)
{
    struct torch_value *module, *name, *value;

    TRY(pop(p, &name));
    TRY(pop(p, &module));
    if (module->kind != TORCH_TEXT || name->kind != TORCH_TEXT) return pickle_bad(p, "a name that is no text");
    TRY(pickle_find_global(p, module->as.text, module->count, name->as.text, name->count, &value));
    return push(p, value);
}

static status op_storage(struct pickle *p)
{
    struct torch_value *id, *storage;

    TRY(pop(p, &id));
    TRY(pickle_find_storage(p, id, &storage));
    return push(p, storage);
}

static status op_reduce(struct pickle *p)
{
    struct torch_value *arguments, *global, *value;

    TRY(pop(p, &arguments));
    TRY(pop(p, &global));
    TRY(pickle_call(p, global, arguments, &value));
    return push(p, value);
}

/* State set on a state dict is its _metadata; nothing else may have state. */
static status op_build(struct pickle *p)
{
    struct torch_value *state;

    TRY(pop(p, &state));
    if (p->depth <= floor_of(p)) return pickle_bad(p, "the stack is empty");
    if (p->stack[p->depth - 1]->kind != TORCH_DICT || state->kind != TORCH_DICT)
        return pickle_bad(p, "sets the state of what is no state dict");
    return ST_OK;
}

static status refuse_opcode(struct pickle *p, unsigned char op)
{
    char what[80];

    p->at--;
    snprintf(what, sizeof what, "opcode 0x%02x, expected those of tensors and plain values", op);
    return pickle_bad(p, what);
}

static status run_gather(struct pickle *p, unsigned char op)
{
    switch (op) {
    case '(': return push_mark(p);
    case ')': return push_tuple(p, 0);
    case 0x85: return push_tuple(p, 1);
    case 0x86: return push_tuple(p, 2);
    case 0x87: return push_tuple(p, 3);
    case 't': return push_tuple_from_mark(p);
    case 'a': return store(p, TORCH_LIST, 1);
    case 'e': return store_from_mark(p, TORCH_LIST);
    case 's': return store(p, TORCH_DICT, 2);
    case 'u': return store_from_mark(p, TORCH_DICT);
    case 'c': return op_global(p);
    case 'i': /* INST names a class too; torch's files never use it */ TRY(op_global(p)); return refuse_opcode(p, op);
    case 0x93: return op_stack_global(p);
    case 'Q': return op_storage(p);
    case 'R': return op_reduce(p);
    case 'b': return op_build(p);
    default: return refuse_opcode(p, op);
    }
}

static status run_memo(struct pickle *p, unsigned char op)
{
    uint64_t n;

    TRY(read_number(p, op == 'q' || op == 'h' ? 1 : 4, &n));
    return op == 'q' || op == 'r' ? memo_put(p, n) : memo_get(p, n);
}

static status push_empty(struct pickle *p, enum torch_kind kind)
{
    struct torch_value *value;

    TRY(pickle_value(p, kind, &value));
    return push(p, value);
}

static status run_one(struct pickle *p, unsigned char op)
{
    uint64_t n;

    switch (op) {
    case 0x80:
        TRY(read_number(p, 1, &n));
        return n >= 2 && n <= 5 ? ST_OK : pickle_bad(p, "a pickle protocol other than 2 to 5");
    case 0x95: return read_number(p, 8, &n); /* FRAME: a hint for buffering */
    case 'N': return push_empty(p, TORCH_NONE);
    case '}': return push_empty(p, TORCH_DICT);
    case ']': return push_empty(p, TORCH_LIST);
    case 0x88: return push_int(p, TORCH_BOOL, 1);
    case 0x89: return push_int(p, TORCH_BOOL, 0);
    case 'K': TRY(read_number(p, 1, &n)); return push_int(p, TORCH_INT, (int64_t)n);
    case 'M': TRY(read_number(p, 2, &n)); return push_int(p, TORCH_INT, (int64_t)n);
    case 'J': return push_long(p, 4);
    case 0x8a: TRY(read_number(p, 1, &n)); return push_long(p, n);
    case 'G': return push_real(p);
    case 'X':
    case 'T': return push_text(p, 4);
    case 0x8c:
    case 'U': return push_text(p, 1);
    case 0x8d: return push_text(p, 8);
    case 'q':
    case 'r':
    case 'h':
    case 'j': return run_memo(p, op);
    case 0x94: return memo_put(p, p->memo_count);
    default: return run_gather(p, op);
    }
}

status pickle_run(struct pickle *p, struct torch_value **root)
{
    if (p->size < 2 || p->data[0] != 0x80) return pickle_bad(p, "no pickle of protocol 2 or later");
    while (p->at < p->size) {
        unsigned char op = p->data[p->at++];

        if (op == '.') {
            if (p->depth != 1 || p->mark_count != 0) return pickle_bad(p, "values left over at the end");
            *root = p->stack[0];
            return ST_OK;
        }
        TRY(run_one(p, op));
    }
    return pickle_bad(p, "cut short");
}
