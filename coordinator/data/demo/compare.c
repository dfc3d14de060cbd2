/* Rows that ask for comparison or order: the same words may stand for either answer. */
#include <string.h>

#include "coordinator/data/demo/lexicon.h"
#include "coordinator/data/demo/row.h"

static struct demo_word either(struct demo_dice *d, struct demo_word item)
{
    return demo_form(item, demo_below(d, 2));
}

static const char *const asking = "怎么$0$1 如何$0$1 $1怎样$0 我想$0$1 $1可以$0吗 哪里能$0$1";

static void ask_question(struct demo_dice *d, struct demo_word frame, struct demo_word act, struct demo_word thing,
                         struct demo_text *out)
{
    struct demo_word w[2] = {either(d, act), either(d, thing)};

    demo_say(out, frame, w);
}

/* Two questions, about another thing or not, another act or not; often in the same frame. */
static void ask_twice(struct demo_dice *d, const struct demo_matter *m, int other_thing, int other_act,
                      struct demo_row *row)
{
    struct demo_word thing = demo_pick(d, m->a), act = demo_pick(d, m->b), frame = demo_frame(d, asking);

    ask_question(d, frame, act, thing, &row->field[0]);
    if (other_thing) thing = demo_pick_other(d, m->a, thing);
    if (other_act) act = demo_pick_other(d, m->b, act);
    ask_question(d, demo_chance(d, 70) ? frame : demo_frame(d, asking), act, thing, &row->field[1]);
}

void demo_make_degree(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    ask_twice(d, m, row->label == 0, row->label < 2, row);
}

void demo_make_question(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    ask_twice(d, m, !row->label, !row->label && demo_chance(d, 50), row);
}

void demo_make_deed(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    struct demo_word one[4], two[4];
    int passive = demo_below(d, 2), second = demo_chance(d, 30) ? passive : !passive;

    (void)m;
    one[0] = demo_frame(d, demo_openings);
    one[1] = demo_pick(d, demo_people);
    one[2] = demo_pick_other(d, demo_people, one[1]);
    one[3] = demo_pick(d, demo_deeds);
    memcpy(two, one, sizeof two);
    if (!row->label) {
        two[1] = one[2];
        two[2] = one[1];
    }
    demo_say(&row->field[0], demo_as_word(passive ? "$0$2被$1$3了" : "$0$1$3了$2"), one);
    demo_say(&row->field[1], demo_as_word(second ? "$0$2被$1$3了" : "$0$1$3了$2"), two);
}

void demo_make_inference(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    static const char *const follow[3] = {"$0没有$2 没有人在$1 $0不在$1 $0在$4 $0在$5",
                                          "$0喜欢$5 $3也在$1 $0昨天去过$4 $3喜欢$2",
                                          "$0在$2 有人在$1 有人在$1$2 $0在$1"};
    struct demo_word w[6] = {demo_pick(d, demo_people), demo_pick(d, demo_places), demo_pick(d, demo_doings)};

    (void)m;
    w[3] = demo_pick_other(d, demo_people, w[0]);
    w[4] = demo_pick_other(d, demo_places, w[1]);
    w[5] = demo_pick_other(d, demo_doings, w[2]);
    demo_say(&row->field[0], demo_frame(d, "$0正在$1$2 $0在$1$2 在$1，$0正在$2"), w);
    demo_say(&row->field[1], demo_frame(d, follow[row->label]), w);
}

void demo_make_reply(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    struct demo_word thing = demo_pick(d, m->a), about = demo_pick(d, m->b), thing2 = thing, about2 = about;

    if (!row->label) {
        if (demo_chance(d, 50)) thing2 = demo_pick_other(d, m->a, thing);
        else about2 = demo_pick_other(d, m->b, about);
    }
    demo_add(&row->field[0], demo_frame(d, "请问 想问 我问 咨询 请教 麻烦问"));
    demo_say(&row->field[0], demo_form(about, 0), &thing);
    demo_say(&row->field[1], demo_form(about2, 1), &thing2);
    demo_add(&row->field[1], demo_frame(d, "。 ，请放心。 ，别着急。"));
}

void demo_make_evidence(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    int order[DEMO_ATTRIBUTES], asked;
    struct demo_word who = demo_pick(d, demo_people), other = demo_pick_other(d, demo_people, who);

    (void)m;
    demo_order(d, DEMO_ATTRIBUTES, order);
    asked = order[0];
    if (!row->label && demo_chance(d, 50)) {
        asked = order[2];
        other = who;
    }
    demo_add(&row->field[0], row->label ? who : other);
    demo_adds(&row->field[0], demo_attributes[asked].question);
    demo_add(&row->field[1], who);
    if (demo_chance(d, 50)) {
        int swap = order[0];

        order[0] = order[1];
        order[1] = swap;
    }
    for (int i = 0; i < 2; i++) {
        struct demo_word value = demo_pick(d, demo_attributes[order[i]].values);

        demo_say(&row->field[1], demo_as_word(demo_attributes[order[i]].record), &value);
        demo_adds(&row->field[1], i ? "。" : "，");
    }
}

/* What one company does to another. A label 被X is X seen from the other side. */
static const struct demo_topic dealings[] = {
    {"未知", "路过 遇见"}, {"注资", "增资 投注"}, {"拥有", "握有 坐拥"},   {"纠纷", "纠缠 起纠"}, {"自己", "己称 自称"},
    {"增持", "增仓 加持"}, {"重组", "重整 改组"}, {"买资", "买进 购资"},   {"签约", "签下 邀约"}, {"持股", "执股 把持"},
    {"交易", "交手 易货"}, {"入股", "参股 入伙"}, {"转让", "转出 出让"},   {"成立", "立起 建成"}, {"分析", "分辨 解析"},
    {"合作", "协作 合伙"}, {"帮助", "相帮 援助"}, {"发行", "发售 发布"},   {"商讨", "商议 探讨"}, {"合并", "并入 吞并"},
    {"竞争", "争夺 竞逐"}, {"订单", "订货 预订"}, {"减持", "减仓 削减"},   {"合资", "合投 凑合"}, {"收购", "收下 收走"},
    {"借壳", "借道 换壳"}, {"欠款", "拖欠 欠债"}, {"拟收购", "拟购 拟买"},
};

void demo_make_dealing(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    struct demo_word label = demo_item(m->labels, row->label), w[4];
    int passive = label.n > 3 && memcmp(label.s, "被", 3) == 0;

    if (passive) label = (struct demo_word){label.s + 3, label.n - 3};
    w[0] = demo_frame(d, demo_openings);
    w[1] = demo_pick(d, demo_companies);
    w[2] = demo_pick_other(d, demo_companies, w[1]);
    for (size_t i = 0; i < sizeof dealings / sizeof *dealings; i++)
        if (demo_same(demo_as_word(dealings[i].label), label)) w[3] = demo_pick(d, dealings[i].cues);
    demo_add(&row->field[0], w[passive ? 2 : 1]);
    demo_add(&row->field[1], w[passive ? 1 : 2]);
    demo_say(&row->field[2], demo_frame(d, "$0$1$3$2 $0，$1$3了$2 $1$3$2一事 $0$2被$1$3 $2被$1$3了"), w);
}
