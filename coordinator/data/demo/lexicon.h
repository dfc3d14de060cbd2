/* The demo grammar's lexicon: our own tables, plain lists (demo_word.h). Topics have cue words; a cue belongs to one
 * topic of its table. Pairs "a/b" mean the same. */
#ifndef MP2_COORDINATOR_DATA_DEMO_LEXICON_H
#define MP2_COORDINATOR_DATA_DEMO_LEXICON_H

struct demo_topic {
    const char *label, *cues;
};

/* Tables of topics, by subject. */
enum demo_subject { DEMO_NEWS, DEMO_TRIAL, DEMO_SUBJECTS };
/* Local. The cues of a label in a table; NULL when it has none. */
const char *demo_cues(enum demo_subject subject, const char *label, int bytes);
/* Local. The table itself; *count rows. */
const struct demo_topic *demo_topics(enum demo_subject subject, int *count);

/* Lists that the table of tasks names. */
/* clang-format off */
#define DEMO_MONEY \
    "额度/限额 账单/账目 利息/息费 密码/密钥 借条/借据 红包/红利 头像/画像 号码/号段"
#define DEMO_BANK \
    "网银/网点 卡片/银卡 汇款/汇兑 积分/分数 保单/保险 证书/证件 余额/余数 短信/短讯"
#define DEMO_DAILY \
    "行李/行囊 地图/图纸 书籍/图书 单车/车子 衣服/衣物 菜谱/食谱 房屋/房子 课表/课程"
#define DEMO_ACTS \
    "提高/提升 取消/撤消 查询/查看 修改/更改 申请/申办 关闭/关停 归还/偿还 开通/开启"
#define DEMO_CARE \
    "治疗/治愈 预防/防止 检查/检测 缓解/减缓 控制/抑制 诱发/引发 确认/确定 避免/避开"
#define DEMO_ILL \
    "感冒 胃炎 湿疹 肺炎 贫血 鼻炎 痛风 脚气 中风 近视 便秘 腹泻 扁桃 颈椎 " \
    "骨折 耳鸣"
#define DEMO_SAME DEMO_ACTS " " DEMO_CARE " " DEMO_MONEY " " DEMO_BANK " " DEMO_DAILY
#define DEMO_OLD \
    "月亮/明月 太阳/斜阳 江水/江流 山峰/青山 花朵/落花 渔船/孤船 朋友/故友 家乡/故乡 柳树/垂柳 大雁/归雁 小雨/细雨 春风/东风 夜晚/长夜 酒杯/金杯 马匹/骏马 城楼/高楼"
/* clang-format on */

/* Other lists. */
extern const char *const demo_openings; /* how a sentence may begin */
extern const char *const demo_people;
extern const char *const demo_cities;
extern const char *const demo_jobs;
extern const char *const demo_hobbies;
extern const char *const demo_foods;
extern const char *const demo_places;
extern const char *const demo_doings;
extern const char *const demo_deeds; /* what one person does to another */
extern const char *const demo_good;
extern const char *const demo_bad;
extern const char *const demo_praise; /* a review's last word */
extern const char *const demo_blame;
extern const char *const demo_fine; /* what stars are given for */
extern const char *const demo_poor;
extern const char *const demo_plain;
extern const char *const demo_companies;
extern const char *const demo_beings; /* what stands in relations of literature */

/* Aspects that reviews of a trade speak of. */
enum demo_trade {
    DEMO_GOODS,
    DEMO_MEALS,
    DEMO_DIARY,
    DEMO_HOTELS,
    DEMO_FILMS,
    DEMO_BOOKS,
    DEMO_DEVICES,
    DEMO_DINERS,
    DEMO_TRADES
};
extern const char *const demo_aspects[DEMO_TRADES];

/* What a person's record says: a frame for the record ($0 the value), the values, and the question's end. */
struct demo_attribute {
    const char *record, *values, *question;
};
enum { DEMO_ATTRIBUTES = 4 };
extern const struct demo_attribute demo_attributes[DEMO_ATTRIBUTES];

#endif
