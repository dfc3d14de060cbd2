/* Message format, 32-bit numbers: sizes, the blocks of the deal, then the examples. */
#include "worker/train/assignment.h"

#include <string.h>

#include "cluster/base/log.h"
#include "cluster/base/memory.h"

enum { HEAD_WORDS = 4, BLOCK_WORDS = 4, EXAMPLE_WORDS = 6 };

/* ---- the message ---- */

static status put_words(struct assignment_message *m, const int32_t *words, size_t n)
{
    TRY(mem_grow(&m->words, &m->room, m->count + n, sizeof *m->words));
    memcpy(m->words + m->count, words, n * sizeof *words);
    m->count += n;
    return ST_OK;
}

status assignment_message_begin(struct assignment_message *m, const struct deal *deal)
{
    int32_t head[HEAD_WORDS] = {deal->groups, deal->batch, deal->workers, (int32_t)deal->count};

    m->count = 0;
    TRY(put_words(m, head, HEAD_WORDS));
    for (size_t i = 0; i < deal->count; i++) {
        struct deal_block b = deal->blocks[i];

        TRY(put_words(m, (int32_t[BLOCK_WORDS]){b.group, b.worker, b.node.first, b.node.size}, BLOCK_WORDS));
    }
    return ST_OK;
}

status assignment_message_add(struct assignment_message *m, const struct assignment_example *e)
{
    TRY(put_words(m, (int32_t[EXAMPLE_WORDS]){e->group, e->slot, e->length, e->width, e->start, e->end},
                  EXAMPLE_WORDS));
    TRY(mem_grow(&m->words, &m->room, m->count + marks_words(&e->marks), sizeof *m->words));
    marks_put(&e->marks, m->words + m->count);
    m->count += marks_words(&e->marks);
    return put_words(m, e->ids, (size_t)e->length);
}

/* An option takes two words and at least two tokens: one of its own and the separator. */
size_t assignment_example_most(int32_t length)
{
    return EXAMPLE_WORDS + marks_words(&NO_MARKS) + 2 * (size_t)length;
}

size_t assignment_message_most(size_t slots, size_t longest)
{
    return HEAD_WORDS + slots * (BLOCK_WORDS + assignment_example_most((int32_t)longest));
}

void assignment_message_fini(struct assignment_message *m)
{
    mem_free(m->words);
    *m = (struct assignment_message){0};
}

static status malformed(void)
{
    return fault(ST_SYSTEM, "internal error: an assignment that ends early");
}

status assignment_read(struct assignment *s, const int32_t *words, size_t count)
{
    size_t at = HEAD_WORDS;

    if (count < HEAD_WORDS || words[3] < 0 || (count - at) / BLOCK_WORDS < (size_t)words[3]) return malformed();
    deal_clear(&s->deal, words[0], words[1], words[2]);
    for (int32_t i = 0; i < words[3]; i++, at += BLOCK_WORDS)
        TRY(deal_add(&s->deal, words[at], words[at + 1], (struct tree_node){words[at + 2], words[at + 3]}));
    s->count = 0;
    while (at < count) {
        const int32_t *w = words + at;
        struct answer_marks marks;
        size_t used;

        if (count - at < EXAMPLE_WORDS || w[2] < 0) return malformed();
        at += EXAMPLE_WORDS;
        used = marks_take(words + at, count - at, &marks);
        if (used == 0 || count - at - used < (size_t)w[2]) return malformed();
        at += used;
        TRY(mem_grow(&s->examples, &s->room, s->count + 1, sizeof *s->examples));
        s->examples[s->count++] = (struct assignment_example){w[0], w[1], w[2], w[3], w[4], w[5], marks, words + at};
        at += (size_t)w[2];
    }
    return ST_OK;
}

status assignment_reserve(struct assignment *s, size_t examples)
{
    TRY(mem_grow(&s->deal.blocks, &s->deal.room, examples, sizeof *s->deal.blocks));
    return mem_grow(&s->examples, &s->room, examples, sizeof *s->examples);
}

void assignment_fini(struct assignment *s)
{
    deal_fini(&s->deal);
    mem_free(s->examples);
    *s = (struct assignment){0};
}
