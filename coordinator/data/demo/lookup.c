/* Rows whose answer has to be found: in a record, among options, in a list of keywords. */
#include <string.h>

#include "coordinator/data/demo/lexicon.h"
#include "coordinator/data/demo/row.h"

/* Relations of literature; $ frames of two beings. */
static const struct demo_topic scenes[] = {
    {"未知", "未见 不知"},       {"创建", "创作 建起"},       {"使用", "使唤 用着"},     {"贴近", "贴着 靠近"},
    {"位于", "位列 处于"},       {"占有", "占住 拥有"},       {"社会相关", "社交 有关"}, {"家庭关系", "成家 联系"},
    {"一般与特别", "一如 有别"}, {"部分与整体", "部属 合体"},
};
enum { SCENES = sizeof scenes / sizeof *scenes };

void demo_make_scene(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    struct demo_word w[6], label = demo_item(m->labels, row->label);
    int asked = 0, other;

    for (int i = 0; i < SCENES; i++)
        if (demo_same(demo_as_word(scenes[i].label), label)) asked = i;
    other = (asked + 1 + demo_below(d, SCENES - 1)) % SCENES;
    demo_pick_some(d, demo_beings, 4, w);
    w[4] = demo_pick(d, scenes[asked].cues);
    w[5] = demo_pick(d, scenes[other].cues);
    demo_add(&row->field[0], w[0]);
    demo_add(&row->field[1], w[1]);
    demo_say(&row->field[2], demo_frame(d, "$0$4$1，$2$5$3 $2$5$3，$0$4$1 $0$4$1 $0$4$1的 有$0$4$1"), w);
}

void demo_make_keywords(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    struct demo_word topic = demo_frame(d, m->labels), w[4], shown[2];
    int order[3];

    demo_pick_some(d, demo_cues(DEMO_NEWS, topic.s, topic.n), 4, w);
    demo_say(&row->field[0], demo_frame(d, "本文研究$0与$1，讨论了$2 以$0为例，分析$1对$2的作用 $0和$1是$2的基础"), w);
    demo_order(d, 3, order);
    shown[0] = w[order[0]];
    shown[1] = row->label ? w[order[1]] : w[3];
    if (demo_chance(d, 50)) {
        struct demo_word first = shown[0];

        shown[0] = shown[1];
        shown[1] = first;
    }
    demo_say(&row->field[1], demo_as_word("$0、$1"), shown);
}

void demo_make_pronoun(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    int receiver = demo_below(d, 2);
    struct demo_word w[4] = {demo_pick(d, demo_people)};

    (void)m;
    w[1] = demo_pick_other(d, demo_people, w[0]);
    w[2] = demo_form(demo_pick(d, DEMO_DAILY), 0);
    w[3] = demo_pick(d, receiver ? "急需 没有 想要 借用" : "大方 用完 多余 慷慨");
    demo_say(&row->field[0], demo_frame(d, "$0把$2给了$1，因为他$3 $0送$1$2，他$3 $0拿$2给$1，说是他$3"), w);
    demo_adds(&row->field[1], "他");
    demo_add(&row->field[2], w[receiver == row->label]);
}

/* The options in random order; the first of them is the right one. */
static void place_options(struct demo_dice *d, struct demo_row *row, const struct demo_text *options, int n)
{
    int order[DEMO_OPTIONS];

    demo_order(d, n, order);
    row->options = n;
    for (int i = 0; i < n; i++) {
        row->option[i] = options[order[i]];
        if (order[i] == 0) row->label = i;
    }
}

void demo_make_synonym(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    struct demo_word w[4];
    struct demo_text options[4] = {0};
    int form = demo_below(d, 2);

    demo_pick_some(d, m->a, 4, w);
    demo_add(&row->field[0], demo_form(w[0], form));
    for (int i = 0; i < 4; i++) demo_add(&options[i], demo_form(w[i], i ? demo_below(d, 2) : !form));
    place_options(d, row, options, 4);
}

void demo_make_verse(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    struct demo_word w[8], plain[2];
    struct demo_text options[4] = {0};

    demo_pick_some(d, m->a, 8, w);
    for (int i = 0; i < 2; i++) plain[i] = demo_form(w[i], 0);
    demo_say(&row->field[0], demo_frame(d, "看见$0和$1 $0在$1的旁边 $0的后面有$1 望着$0想起$1"), plain);
    for (int i = 0; i < 4; i++) {
        int shared = i && demo_chance(d, 40); /* a wrong verse may have the first word right */
        struct demo_word poetic[2] = {demo_form(w[shared ? 0 : 2 * i], 1), demo_form(w[2 * i + 1], 1)};

        demo_say(&options[i], demo_frame(d, "$0对$1 $0映$1 $0随$1"), poetic);
    }
    place_options(d, row, options, 4);
}

/* A person's record of n attributes in the order given, to out; values picked. */
static void record(struct demo_dice *d, struct demo_word who, const int *order, int n, struct demo_word *values,
                   struct demo_text *out)
{
    demo_add(out, who);
    for (int i = 0; i < n; i++) {
        values[i] = demo_pick(d, demo_attributes[order[i]].values);
        demo_say(out, demo_as_word(demo_attributes[order[i]].record), &values[i]);
        demo_adds(out, i + 1 < n ? "，" : "。");
    }
}

void demo_make_choice(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    int order[DEMO_ATTRIBUTES], n = 2 + demo_below(d, 3), asked = demo_below(d, 3);
    struct demo_word who = demo_pick(d, demo_people), values[3], some[4];
    struct demo_text options[4] = {0};

    demo_order(d, DEMO_ATTRIBUTES, order);
    if (m->n) demo_adds(&row->field[0], "男：你好。女：");
    record(d, who, order, 3, values, &row->field[0]);
    demo_pick_some(d, demo_attributes[order[asked]].values, 4, some);
    demo_add(&options[0], values[asked]);
    for (int i = 0, k = 1; i < 4 && k < n; i++)
        if (!demo_same(some[i], values[asked])) demo_add(&options[k++], some[i]);
    if (demo_chance(d, 50)) { /* somebody else's value is an option, too */
        demo_add(&row->field[0], demo_pick_other(d, demo_people, who));
        demo_say(&row->field[0], demo_as_word(demo_attributes[order[asked]].record),
                 (struct demo_word[]){demo_as_word(options[1].s)});
        demo_adds(&row->field[0], "。");
    }
    demo_add(&row->field[1], who);
    demo_adds(&row->field[1], demo_attributes[order[asked]].question);
    place_options(d, row, options, n);
}

void demo_make_record(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    int order[DEMO_ATTRIBUTES], n = m->n, asked, none = demo_chance(d, m->share);
    struct demo_word who = demo_pick(d, demo_people), values[DEMO_ATTRIBUTES];

    demo_order(d, DEMO_ATTRIBUTES, order);
    record(d, who, order, n, values, &row->field[0]);
    asked = none ? n : demo_below(d, n);
    for (int i = 0; i < n; i++) {
        if (i == asked) demo_add(&row->answer, values[i]);
        else row->other[row->others++] = values[i];
    }
    if (demo_chance(d, 50)) { /* another person's record */
        int second[2] = {order[asked], order[(asked + 1) % DEMO_ATTRIBUTES]};
        struct demo_text more = {0};

        record(d, demo_pick_other(d, demo_people, who), second, 2, values, &more);
        if (!strstr(more.s, row->answer.n ? row->answer.s : "$")) {
            for (int i = 0; i < 2; i++) row->other[row->others++] = values[i];
            if (demo_chance(d, 50)) {
                demo_add(&more, demo_as_word(row->field[0].s));
                row->field[0] = more;
            } else demo_adds(&row->field[0], more.s);
        }
    }
    demo_add(&row->field[1], who);
    demo_adds(&row->field[1], demo_attributes[order[asked]].question);
}

void demo_make_review(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    struct demo_word w[3] = {
        {row->answer.s, 0}, demo_pick(d, demo_aspects[m->n]), demo_pick(d, demo_chance(d, 50) ? demo_good : demo_bad)};

    demo_add(&row->answer, demo_pick(d, m->a));
    demo_add(&row->answer, demo_pick(d, m->b));
    w[0].n = row->answer.n;
    demo_say(&row->field[0], demo_frame(d, "$0的$1$2 昨天去了$0，$1$2 说到$0，$1很$2 朋友推荐的$0$1$2 $1$2，这就是$0"),
             w);
    demo_adds(&row->field[1], "这句话的中心是");
    row->other[row->others++] = w[1];
    row->other[row->others++] = w[2];
}
