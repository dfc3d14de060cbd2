/* The unlabelled text of the demo: passages from which masked prediction learns what the tasks will ask. Most are exercises: a
 * question in a task's words, then some options, each with a tick or a cross in the place of one of its characters, before or
 * behind it. A masked verdict can be guessed only by comparing this option with the text; and since verdicts stand where the
 * characters of options stand, the encoder learns to compare there. Verdicts outnumber all else that is hard to guess, which is why
 * minutes of training are enough. The rest: words and their topics, equivalents, records with a question and its answer. */
#include <string.h>

#include "coordinator/data/demo.h"
#include "coordinator/data/demo_lexicon.h"

/* Where an option's verdict stands. */
enum place { IN_FIRST, IN_LAST, BEFORE, BEHIND, INSIDE, PLACES };

static const char *verdict(int right)
{
    return right ? "√" : "×";
}

/* Bytes of the first and of the last character. */
static int first_bytes(struct demo_word w)
{
    int n = 1;

    while (n < w.n && ((unsigned char)w.s[n] & 0xc0) == 0x80) n++;
    return n;
}

static int last_bytes(struct demo_word w)
{
    int n = 1;

    while (n < w.n && ((unsigned char)w.s[w.n - n] & 0xc0) == 0x80) n++;
    return n;
}

static void judge(struct demo_text *out, struct demo_word w, int right, enum place place)
{
    int first = first_bytes(w), last = last_bytes(w);

    if (first == w.n) place = BEHIND;
    if (place == BEFORE || place == IN_FIRST) demo_adds(out, verdict(right));
    if (place != IN_FIRST) demo_add(out, (struct demo_word){w.s, place == IN_LAST ? w.n - last : first});
    if (place == INSIDE) demo_adds(out, verdict(right));
    if (place != IN_LAST) demo_add(out, (struct demo_word){w.s + first, w.n - first});
    if (place == IN_LAST || place == BEHIND) demo_adds(out, verdict(right));
}

/* Some options of a list, the right one among them, in the list's order. */
static void judge_options(struct demo_dice *d, const struct demo_task *task, const struct demo_row *row, struct demo_text *out)
{
    enum place place = (enum place)demo_below(d, PLACES);
    int n = task->words ? demo_count(task->words) : row->options, keep = n > 5 ? 2 + demo_below(d, 3) : n;
    unsigned char kept[64] = {0};

    kept[row->label] = 1;
    for (int k = 1; k < keep;) {
        int at = demo_below(d, n);

        k += !kept[at];
        kept[at] = 1;
    }
    for (int i = 0; i < n; i++) {
        if (!kept[i]) continue;
        judge(out, task->words ? demo_item(task->words, i) : demo_as_word(row->option[i].s), i == row->label, place);
        demo_adds(out, "，");
    }
}

/* The text of an extraction with verdicts on its answer and on all that might have been one. */
static void judge_text(struct demo_dice *d, const struct demo_row *row, struct demo_text *out)
{
    enum place place = (enum place)demo_below(d, 2);
    const char *s = row->field[0].s;

    while (*s) {
        struct demo_word found = {s, 0};
        int right = row->answer.n && strncmp(s, row->answer.s, (size_t)row->answer.n) == 0;

        if (right) found.n = row->answer.n;
        for (int i = 0; i < row->others && !right; i++)
            if (row->other[i].n && strncmp(s, row->other[i].s, (size_t)row->other[i].n) == 0) found.n = row->other[i].n;
        if (found.n) {
            judge(out, found, right, place);
        } else {
            found.n = first_bytes((struct demo_word){s, (int)strlen(s)});
            demo_add(out, found);
        }
        s += found.n;
    }
}

static void exercise(struct random_key key, struct demo_dice *d, uint32_t at, struct demo_text *out)
{
    int count;
    const struct demo_task *tasks = demo_tasks(&count), *task = &tasks[demo_below(d, count)];
    struct demo_word w[DEMO_FIELDS];
    struct demo_text judged = {0};
    struct demo_row row;

    demo_row_at(key, task, 1, at, 0, -1, &row);
    for (int i = 0; i < DEMO_FIELDS; i++) w[i] = demo_as_word(row.field[i].s);
    if (!task->words && !row.options) {
        judge_text(d, &row, &judged);
        w[0] = demo_as_word(judged.s);
    }
    demo_say(out, demo_as_word(task->question), w);
    if (task->words || row.options) judge_options(d, task, &row, out);
}

/* "体育：球队√，贷款×，前锋√，矿井×，" or "球队，前锋，射门，体育。" */
static void words_of_topic(struct demo_dice *d, struct demo_text *out)
{
    int count, judged = demo_chance(d, 60);
    const struct demo_topic *topics = demo_topics(demo_chance(d, 33) ? DEMO_TRIAL : DEMO_NEWS, &count), *t = &topics[demo_below(d, count)];
    enum place place = (enum place[]){IN_FIRST, IN_LAST, BEHIND}[demo_below(d, 3)];
    struct demo_word own[3];

    demo_pick_some(d, t->cues, 3, own);
    if (judged) {
        demo_adds(out, t->label);
        demo_adds(out, "：");
    }
    for (int i = 0, k = 0; i < 4 - !judged; i++) {
        int right = !judged || (demo_chance(d, 50) && k < 3);

        if (!judged) demo_add(out, own[i]);
        else judge(out, right ? own[k] : demo_frame(d, topics[(t - topics + 1 + demo_below(d, count - 1)) % count].cues), right, place);
        k += right;
        demo_adds(out, "，");
    }
    if (judged) return;
    demo_adds(out, t->label);
    demo_adds(out, "。");
}

/* "提高就是提升。" */
static void equivalents(struct demo_dice *d, struct demo_text *out)
{
    struct demo_word pair = demo_frame(d, demo_chance(d, 75) ? DEMO_SAME : DEMO_OLD), w[2];
    int turned = demo_below(d, 2);

    w[0] = demo_form(pair, turned);
    w[1] = demo_form(pair, !turned);
    demo_say(out, demo_as_word("$0就是$1。"), w);
}

/* "满意：负面×，正面√，" */
static void feeling(struct demo_dice *d, struct demo_text *out)
{
    int good = demo_below(d, 2);

    demo_add(out, demo_frame(d, good ? demo_good : demo_bad));
    demo_adds(out, "：");
    for (int i = 0; i < 2; i++) {
        judge(out, demo_as_word(i ? "正面" : "负面"), i == good, BEHIND);
        demo_adds(out, "，");
    }
}

void demo_passage(struct random_key key, uint32_t at, struct demo_text *out)
{
    struct demo_dice d = demo_dice_at(key, 0, at, 0);
    int kind = demo_below(&d, 100);

    memset(out, 0, sizeof *out);
    if (kind < 60) exercise(key, &d, at, out);
    else if (kind < 86) words_of_topic(&d, out);
    else if (kind < 94) equivalents(&d, out);
    else feeling(&d, out);
}
