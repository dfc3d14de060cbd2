/* Topical rows: what a text is about or how it feels, told by its words. Not all are trivial: a topic's text may
 * mention another topic's word, and a negation turns an opinion round. */
#include <string.h>

#include "coordinator/data/demo/lexicon.h"
#include "coordinator/data/demo/row.h"

static const struct demo_topic intents[] = {
    {"治疗方案", "怎么治疗 如何治疗 治疗哪样好 怎样根治"},
    {"疾病表述", "是什么疾病 算哪种疾病 疾病叫什么 属何疾病"},
    {"指标解读", "指标偏高 指标异常 怎么解读 指数偏低"},
    {"病情诊断", "怎么诊断 如何诊断 怎样断定 能断定吗"},
    {"就医建议", "去哪就诊 就诊挂什么科 有什么建议 听听建议"},
    {"注意事项", "要注意什么 该注意啥 注意哪些 有何事项"},
    {"后果表述", "有什么后果 后果严重吗 后续如何 以后怎样"},
    {"病因分析", "请分析一下 分析下原因 帮我分析 想要分析"},
    {"功效作用", "有何功效 功效如何 功效怎样 功能如何"},
    {"医疗费用", "医药费多少 医疗费高吗 医院收费贵吗 医保给多少"},
    {"其他", "还有其他事 问其他的 其他不说了 聊聊其他"},
};

const char *demo_intent_cues(struct demo_word label)
{
    for (size_t i = 0; i < sizeof intents / sizeof *intents; i++)
        if (demo_same(demo_as_word(intents[i].label), label)) return intents[i].cues;
    return "";
}

void demo_make_topic(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    struct demo_word label = demo_item(m->labels, row->label), w[5];
    const char *cues = demo_cues((enum demo_subject)m->n, label.s, label.n);

    demo_pick_some(d, cues, 3, w + 1);
    w[0] = demo_frame(d, demo_openings);
    demo_say(&row->field[0],
             demo_frame(
                 d, "$0$1和$2很受关注 $0有人谈到$1，还有$2 $1与$2的消息 $0我看到$1又看到$2 关于$1的$2 $2和$1怎么样了"),
             w);
    if (demo_chance(d, 30)) {
        struct demo_word other = demo_pick_other(d, m->labels, label);

        w[4] = demo_pick(d, demo_cues((enum demo_subject)m->n, other.s, other.n));
        demo_say(&row->field[0], demo_frame(d, "，还提到$4和$3 ，也说了$3和$4"), w);
    }
}

void demo_make_intent(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    struct demo_word w[3] = {demo_frame(d, demo_openings), demo_pick(d, DEMO_ILL),
                             demo_pick(d, demo_intent_cues(demo_item(m->labels, row->label)))};

    demo_say(&row->field[0], demo_frame(d, "$1$2 $0$1$2 请问$1$2 家人$1，$2 $2，我$1了 $0得了$1，$2"), w);
}

static void opinion(struct demo_dice *d, const char *aspects, int good, struct demo_text *out)
{
    int negated = demo_chance(d, 40);
    struct demo_word w[2] = {demo_pick(d, aspects), demo_pick(d, good != negated ? demo_good : demo_bad)};

    demo_say(out, demo_frame(d, negated ? "$0不$1 $0并不$1 $0一点也不$1" : "$0$1 $0真$1 $0很是$1"), w);
}

/* Some leave it at their opinion, most close with praise or blame; some deny the opposite. */
void demo_make_opinion(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    int close = demo_below(d, 20), good = close == 1 ? !row->label : row->label;

    demo_add(&row->field[0], demo_frame(d, m->a));
    opinion(d, demo_aspects[m->n], row->label, &row->field[0]);
    if (close == 0) return;
    demo_adds(&row->field[0], close == 1 ? "，不" : "，");
    demo_add(&row->field[0], demo_pick(d, good ? demo_praise : demo_blame));
}

void demo_make_stars(struct demo_dice *d, const struct demo_matter *m, struct demo_row *row)
{
    static const char *const degrees[5] = {"非常 非常 非常 极其", "较 比较 较为 有些", "也就 还是 只是",
                                           "较 比较 较为 有些", "非常 非常 非常 极其"};
    struct demo_word w[2] = {demo_pick(d, demo_aspects[m->n]), demo_frame(d, degrees[row->label])};

    demo_add(&row->field[0], demo_frame(d, m->a));
    demo_say(&row->field[0], demo_as_word("$0$1"), w);
    demo_add(&row->field[0], demo_pick(d, row->label == 2 ? demo_plain : row->label > 2 ? demo_fine : demo_poor));
}
