/* The unlabelled text of the demo: passages from which masked prediction learns what the tasks will ask. Most are
 * exercises: a question in a task's words, then some options, each with a tick or a cross in the place of its first or
 * last character. A masked verdict can be guessed only by comparing its option with the text; and since verdicts stand
 * where the characters of options stand, the encoder learns to compare there. The rest: words and their topics,
 * equivalents. */
#include <string.h>

#include "coordinator/data/demo/demo.h"
#include "coordinator/data/demo/lexicon.h"

/* Where an option's verdict stands. */
enum place { IN_FIRST, IN_LAST, BEHIND };

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

static void judge(struct demo_dice *d, struct demo_text *out, struct demo_word w, int right)
{
    int first = first_bytes(w), last = last_bytes(w);
    enum place place = first == w.n ? BEHIND : (enum place)demo_below(d, BEHIND);

    if (place == IN_FIRST) demo_adds(out, verdict(right));
    demo_add(out, (struct demo_word){w.s + (place == IN_FIRST ? first : 0), w.n - (place == IN_FIRST  ? first
                                                                                   : place == IN_LAST ? last
                                                                                                      : 0)});
    if (place != IN_FIRST) demo_adds(out, verdict(right));
}

/* Some options of a list, the right one among them, in the list's order. */
static void judge_options(struct demo_dice *d, const struct demo_task *task, const struct demo_row *row,
                          struct demo_text *out)
{
    int n = task->words ? demo_count(task->words) : row->options, keep = n > 5 ? 3 + demo_below(d, 3) : n;
    unsigned char kept[64] = {0};

    kept[row->label] = 1;
    for (int k = 1; k < keep;) {
        int at = demo_below(d, n);

        k += !kept[at];
        kept[at] = 1;
    }
    for (int i = 0; i < n; i++) {
        if (!kept[i]) continue;
        judge(d, out, task->words ? demo_item(task->words, i) : demo_as_word(row->option[i].s), i == row->label);
        demo_adds(out, "，");
    }
}

/* The text of an extraction with verdicts on its answer and on all that might have been one. */
static void judge_text(struct demo_dice *d, const struct demo_row *row, struct demo_text *out)
{
    const char *s = row->field[0].s;

    while (*s) {
        struct demo_word found = {s, 0};
        int right = row->answer.n && strncmp(s, row->answer.s, (size_t)row->answer.n) == 0;

        if (right) found.n = row->answer.n;
        for (int i = 0; i < row->others && !right; i++)
            if (row->other[i].n && strncmp(s, row->other[i].s, (size_t)row->other[i].n) == 0) found.n = row->other[i].n;
        if (found.n) {
            judge(d, out, found, right);
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

/* "体操体能：体√，娱×，" */
static void words_of_topic(struct demo_dice *d, struct demo_text *out)
{
    int count;
    const struct demo_topic *topics = demo_topics(demo_chance(d, 50) ? DEMO_TRIAL : DEMO_NEWS, &count);
    int at = demo_below(d, count), options = 2 + demo_below(d, 3), right = demo_below(d, options);
    struct demo_word own[2];

    demo_pick_some(d, topics[at].cues, 2, own);
    demo_say(out, demo_as_word(demo_chance(d, 50) ? "$0，$1：" : "$0："), own);
    for (int i = 0; i < options; i++) {
        judge(d, out, demo_as_word(topics[i == right ? at : (at + 1 + demo_below(d, count - 1)) % count].label),
              i == right);
        demo_adds(out, "，");
    }
}

/* "提高：√升，×消，" */
static void equivalents(struct demo_dice *d, struct demo_text *out)
{
    const char *list = demo_chance(d, 75) ? DEMO_SAME : DEMO_OLD;
    int turned = demo_below(d, 2), options = 2 + demo_below(d, 2), right = demo_below(d, options);
    struct demo_word pair = demo_frame(d, list);

    demo_add(out, demo_form(pair, turned));
    demo_adds(out, "：");
    for (int i = 0; i < options; i++) {
        int n = demo_count(list), other = (demo_index(list, pair) + 1 + demo_below(d, n - 1)) % n;

        judge(d, out, demo_form(i == right ? pair : demo_item(list, other), i == right ? !turned : demo_below(d, 2)),
              i == right);
        demo_adds(out, "，");
    }
}

void demo_passage(struct random_key key, uint32_t at, struct demo_text *out)
{
    struct demo_dice d = demo_dice_at(key, 0, at, 0);
    int kind = demo_below(&d, 100);

    memset(out, 0, sizeof *out);
    if (kind < 70) exercise(key, &d, at, out);
    else if (kind < 92) words_of_topic(&d, out);
    else equivalents(&d, out);
}
