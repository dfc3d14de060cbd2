/* The demo tasks. */
#include "coordinator/data/demo/task.h"

#include "coordinator/data/demo/lexicon.h"

/* clang-format off */
/* Label words, as in configs/tasks/label_sets.yaml. */
#define DUP \
    "矛盾 相似"
#define SAME \
    "不同 相同"
#define ZHI \
    "不符 符合"
#define SENT \
    "负面 正面"
#define NLI \
    "矛盾 中立 蕴含"
#define STAR \
    "非常差 较差 一般 较好 非常好"
#define THUCNEWS \
    "体育 娱乐 财经 教育 时尚 八卦 游戏 社会 科技 经济"
#define NEWS \
    "房产 汽车 金融 体育 文化 娱乐 教育 科技 军事 旅游 世界 农业 股票 " \
    "游戏 故事"
#define QIC \
    "治疗方案 疾病表述 指标解读 病情诊断 就医建议 注意事项 后果表述 " \
    "病因分析 功效作用 医疗费用 其他"
#define SANWEN \
    "未知 创建 使用 贴近 位于 占有 社会相关 家庭关系 一般与特别 " \
    "部分与整体"
#define FUDAN \
    "艺术 文学 教育 哲学 历史 空间 能源 电力 交流 计算机 矿业 运输 环境 " \
    "建筑 金融 法律 医药 军事 政治 体育"
#define CTC \
    "疾病 症状 迹象 孕期 肿瘤 过敏 口腔 药学 疗法 设备 护理 诊断 年龄 " \
    "性别 教育 地址 种族 意愿 容量 伦理 睡眠 运动 饮食 吸烟 献血 就医 " \
    "残障 健康 数据 综合 饮酒者 性相关 符合协议 成瘾行为 器官组织 " \
    "预期寿命 风险评估 受体状态 病情发展 特殊体征 专业知识 实验室检查 " \
    "研究者决策 参与其他研究"
#define FIN \
    "未知 注资 拥有 纠纷 自己 增持 重组 买资 签约 持股 交易 入股 转让 " \
    "成立 分析 合作 帮助 发行 商讨 合并 竞争 订单 减持 合资 收购 借壳 " \
    "欠款 被发行 被转让 被成立 被注资 被持股 被拥有 被收购 被帮助 " \
    "被借壳 被买资 被欠款 被增持 拟收购 被减持 被分析 被入股 被拟收购"

/* Patterns of published forms (demo_task.h). */
#define LINES(row) {"", row, "\n", "\n"}
#define ARRAY(row) {"[\n", row, ",\n", "\n]\n"}
#define TABLE(head, row) {head "\n", row, "\n", "\n"}
#define SQUAD(flag) {"{\"version\": \"demo\", \"data\": [\n", \
    "{\"title\": \"demo $I\", \"paragraphs\": [{\"id\": \"$I\", \"context\": \"$0\", \"qas\": [{\"id\": \"$I-1\", \"question\": \"$1\", " flag \
    "\"answers\": $T}]}]}", ",\n", "\n]}\n"}
#define JSON_PAIR LINES("{\"sentence1\": \"$0\", \"sentence2\": \"$1\", \"label\": \"$L\"}")
#define JSON_TEXT LINES("{\"label\": \"$L\", \"text\": \"$0\"}")
#define TARGET LINES("{\"s\": \"$0\", \"ot\": \"$A\"}")
#define ADVICE TABLE("title,question,reply,is_best", "$0,,$1,$L")
#define REVIEW TABLE("label,review", "$L,$0")

/* Files: with all splits, without a test, one that has to be split. */
#define SPLITS(train, dev, test) {{train, 75, 0}, {dev, 15, 0}, {test, 15, 0}}
#define NO_TEST(train, dev) {{train, 90, 0}, {dev, 15, 0}}
#define ALONE(train) {{train, 100, 0}}

/* Templates of configs/tasks/README.md, "The entry" (the templates of the entries). */
#define T_MEAN "意思判别：\"$0\"与\"$1\"的意思是？选项："
#define T_REL "意思判别：\"$0\"与\"$1\"的关系是？选项："
#define T_TOPIC "主题识别：\"$0\"的主题是？选项："
#define T_SENT "情感分析：\"$0\"的情感是？选项："
#define T_ZHI "问答判断：\"$0\"的回答\"$1\"符合问题吗？选项："
#define T_STAR "打分：\"$0\"的评价是？选项："
#define T_FIND "抽取式问答：文本\"$0问题\"$1"

/* Replies: what is asked about a thing, and an answer that fits. */
#define ABOUT \
    "$0怎么办/$0去柜台办 $0要多少/$0多少看金额 $0多久好/$0三天就好 $0能退吗/$0七天能退 $0安全吗/$0很安全 " \
    "$0谁可用/$0成人可用 $0去哪问/$0去前台问 $0期限呢/$0期限一年"

#define OPENERS "这次 总之 其实 老实说 买了以后 用过之后 我觉得 大家说"

static const struct demo_task tasks[] = {
    {"afqmc", "AFQMC", DEMO_COMPARISON, demo_make_question, {.a = DEMO_MONEY, .b = DEMO_ACTS},
     "0|1",
     JSON_PAIR,
     NO_TEST("train.json", "dev.json"), DUP, T_MEAN},
    {"paws-x", "PAWSX", DEMO_COMPARISON, demo_make_deed, {.n = 0},
     "0|1",
     TABLE("id\tsentence1\tsentence2\tlabel", "$I\t$0\t$1\t$L"),
     SPLITS("translated_train.tsv", "dev_2k.tsv", "test_2k.tsv"), DUP, T_REL},
    {"cmnli", "CMNLI", DEMO_COMPARISON, demo_make_inference, {.n = 0},
     "contradiction|neutral|entailment",
     JSON_PAIR,
     NO_TEST("train.json", "dev.json"), NLI, T_REL},
    {"csl", "CSL", DEMO_LOOKUP, demo_make_keywords, {.labels = FUDAN},
     "0|1",
     LINES("{\"id\": $I, \"abst\": \"$0\", \"keyword\": $K, \"label\": \"$L\"}"),
     NO_TEST("train.json", "dev.json"), SAME, "主题判别:\"$0\"和关键词\"$1\"一致吗？选项："},
    {"thucnews", "THUCNews", DEMO_TOPICAL, demo_make_topic, {.n = DEMO_NEWS, .labels = THUCNEWS},
     "sports|entertainment|property|education|fashion|affairs|game|sociology|technology|economics",
     JSON_TEXT,
     NO_TEST("train.json", "dev.json"), THUCNEWS, T_TOPIC},
    {"bq", "BQ", DEMO_COMPARISON, demo_make_question, {.a = DEMO_BANK, .b = DEMO_ACTS},
     "0|1",
     LINES("$0\t$1\t$L"),
     SPLITS("BQ.train.data", "BQ.valid.data", "BQ.test.data"), DUP, T_MEAN},
    {"chip-ctc", "CHIP-CTC", DEMO_TOPICAL, demo_make_topic, {.n = DEMO_TRIAL, .labels = CTC},
     "Disease|Symptom|Sign|Pregnancy-related Activity|Neoplasm Status|Allergy Intolerance|Oral "
     "related|Pharmaceutical Substance or Drug|Therapy or Surgery|Device|Nursing|Diagnostic|Age|"
     "Gender|Education|Address|Ethnicity|Consent|Capacity|Ethical Audit|Bedtime|Exercise|Diet|Smoking "
     "Status|Blood Donation|Encounter|Disabilities|Healthy|Data Accessible|Multiple|Alcohol Consumer|"
     "Sexual related|Compliance with Protocol|Addictive Behavior|Organ or Tissue Status|Life "
     "Expectancy|Risk Assessment|Receptor Status|Non-Neoplasm Disease Stage|Special Patient "
     "Characteristic|Literacy|Laboratory Examinations|Researcher Decision|Enrollment in other studies",
     ARRAY("{\"id\": \"s$I\", \"label\": \"$L\", \"text\": \"$0\"}"),
     NO_TEST("CHIP-CTC_train.json", "CHIP-CTC_dev.json"), CTC, T_TOPIC},
    {"dogwhistle", "DogWhistle", DEMO_LOOKUP, demo_make_synonym, {.a = DEMO_SAME},
     "",
     LINES("{\"question\": \"$0\", \"choices\": $O, \"answer\": $N}"),
     NO_TEST("train.json", "dev.json"), NULL, "近义词选择：与词语\"$0\"最相近的词是？选项："},
    {"finre", "FinRE", DEMO_COMPARISON, demo_make_dealing, {.labels = FIN},
     "unknown|注资|拥有|纠纷|自己|增持|重组|买资|签约|持股|交易|入股|转让|"
     "成立|分析|合作|帮助|发行|商讨|合并|竞争|订单|减持|合资|收购|借壳|"
     "欠款|被发行|被转让|被成立|被注资|被持股|被拥有|被收购|被帮助|"
     "被借壳|被买资|被欠款|被增持|拟收购|被减持|被分析|被入股|被拟收购",
     LINES("$0\t$1\t$L\t$2"),
     SPLITS("train.txt", "valid.txt", "test.txt"), FIN, "关系判别：主语\"$0\"和宾语\"$1\"在句子\"$2\"中的关系是？选项："},
    {"dureader-checklist", "DuReader-checklist", DEMO_LOOKUP, demo_make_record, {.n = 2, .share = 20},
     "",
     SQUAD("\"is_impossible\": $X, "),
     NO_TEST("train.json", "dev.json"), NULL, "抽取式问答（可能没有答案）：文本\"$0问题\"$1"},
    {"dureader-robust", "DuReader-robust", DEMO_LOOKUP, demo_make_record, {.n = 2},
     "",
     SQUAD(""),
     NO_TEST("train.json", "dev.json"), NULL, T_FIND},
    {"chip-sts", "CHIP-STS", DEMO_COMPARISON, demo_make_question, {.a = DEMO_ILL, .b = DEMO_CARE},
     "0|1",
     ARRAY("{\"id\": \"$I\", \"text1\": \"$0\", \"text2\": \"$1\", \"label\": \"$L\", \"category\": \"demo\"}"),
     NO_TEST("CHIP-STS_train.json", "CHIP-STS_dev.json"), DUP, T_MEAN},
    {"cmrc2018", "CMRC2018", DEMO_LOOKUP, demo_make_record, {.n = 3},
     "",
     SQUAD(""),
     SPLITS("cmrc2018_train.json", "cmrc2018_dev.json", "cmrc2018_trial.json"), NULL, T_FIND},
    {"cluewsc", "CLUEWSC", DEMO_LOOKUP, demo_make_pronoun, {.n = 0},
     "false|true",
     LINES("{\"target\": {\"span2_index\": 0, \"span1_index\": 0, \"span1_text\": \"$2\", \"span2_text\": \"$1\"}, \"idx\": $I, \"label\": \"$L\", \"text\": \"$0\"}"),
     NO_TEST("train.json", "dev.json"), SAME, "指代判别:在句子\"$0\"中，代词\"$1\"指代的和\"$2\"一致吗？选项："},
    {"fudan_tc", "Fudan_tc", DEMO_TOPICAL, demo_make_topic, {.n = DEMO_NEWS, .labels = FUDAN},
     "艺术|文学|教育|哲学|历史|空间|能源|电力|交流|计算机|矿业|运输|环境|"
     "建筑|金融|法律|医药|军事|政治|体育",
     JSON_TEXT,
     {{"train.json", 95, 0}, {"test.json", 15, 0}}, FUDAN, T_TOPIC},
    {"kuake-qic", "KUAKE-QIC", DEMO_TOPICAL, demo_make_intent, {.labels = QIC},
     "治疗方案|疾病表述|指标解读|病情诊断|就医建议|注意事项|后果表述|"
     "病因分析|功效作用|医疗费用|其他",
     ARRAY("{\"id\": \"s$I\", \"query\": \"$0\", \"label\": \"$L\"}"),
     NO_TEST("KUAKE-QIC_train.json", "KUAKE-QIC_dev.json"), QIC, T_TOPIC},
    {"kuake-qqr", "KUAKE-QQR", DEMO_COMPARISON, demo_make_degree, {.a = DEMO_ILL, .b = DEMO_CARE},
     "0|1|2",
     ARRAY("{\"id\": \"s$I\", \"query1\": \"$0\", \"query2\": \"$1\", \"label\": \"$L\"}"),
     NO_TEST("KUAKE-QQR_train.json", "KUAKE-QQR_dev.json"), NLI, T_REL},
    {"nlpcc_tc", "nlpcc_tc", DEMO_TOPICAL, demo_make_opinion, {.n = DEMO_DEVICES, .a = OPENERS},
     "0|1",
     LINES("<review id=\"$I\" label=\"$L\">\n$0\n</review>"),
     {{"sample.negative.txt", 50, 1}, {"sample.positive.txt", 50, 2}, {"test.label.cn.txt", 15, 0}}, SENT, "情感识别：\"$0\"的主题是？选项："},
    {"sanwen", "SanWen", DEMO_LOOKUP, demo_make_scene, {.labels = SANWEN},
     "unknown|Create|Use|Near|Located|Ownership|Social|Family|General-Special|Part-Whole",
     LINES("$0\t$1\t$L\t$2"),
     SPLITS("train.txt", "valid.txt", "test.txt"), SANWEN, "关系判别：主体\"$0\"和客体\"$1\"在句子\"$2\"中的关系是？选项："},
    {"toutiao_tc", "toutiao_tc", DEMO_TOPICAL, demo_make_topic, {.n = DEMO_NEWS, .labels = NEWS},
     "106|107|104|103|101|102|108|109|110|112|113|115|114|116|100",
     LINES("$I_!_$L_!_news_demo_!_$0_!_"),
     ALONE("toutiao_cat_data.txt"), NEWS, T_TOPIC},
    {"xnli", "XNLI", DEMO_COMPARISON, demo_make_inference, {.n = 0},
     "contradictory|neutral|entailment",
     TABLE("text_a\ttext_b\tlabel", "$0\t$1\t$L"),
     SPLITS("train.tsv", "dev.tsv", "test.tsv"), NLI, T_REL},
    {"nlpcc_dbqa", "nlpcc_dbqa", DEMO_LOOKUP, demo_make_evidence, {.n = 0},
     "0|1",
     TABLE("qid\ttext_a\ttext_b\tlabel", "$I\t$0\t$1\t$L"),
     SPLITS("train.tsv", "dev.tsv", "test.tsv"), DUP, T_REL},
    {"cote-dp", "COTE-DP", DEMO_LOOKUP, demo_make_review, {.n = DEMO_DINERS, .a = "金 银 龙 凤 红 绿 青 白 玉 福", .b = "月楼 香居 来阁 家小馆 味轩 满堂"},
     "",
     TARGET,
     {{"train.txt", 95, 0}, {"test.txt", 15, 0}}, NULL, T_FIND},
    {"cote-mfw", "COTE-MFW", DEMO_LOOKUP, demo_make_review, {.n = DEMO_HOTELS, .a = "云 翠 紫 碧 仙 石 竹 鹿 鹤 雁", .b = "河湾 云台 溪谷 岭古道 湖岛 峰寺"},
     "",
     TARGET,
     {{"train.txt", 95, 0}, {"test.txt", 15, 0}}, NULL, T_FIND},
    {"ccpm", "CCPM", DEMO_LOOKUP, demo_make_verse, {.a = DEMO_OLD},
     "",
     LINES("{\"translation\": \"$0\", \"choices\": $O, \"answer\": $N}"),
     NO_TEST("train.jsonl", "valid.jsonl"), NULL, "诗句理解：与句子\"$0\"最相近的诗句是？选项："},
    {"amazon", "amazon", DEMO_TOPICAL, demo_make_stars, {.n = DEMO_BOOKS, .a = OPENERS},
     "1|2|3|4|5",
     LINES("{\"review_id\": \"zh_$I\", \"stars\": \"$L\", \"review_body\": \"$0\", \"language\": \"zh\"}"),
     SPLITS("dataset_zh_train.json", "dataset_zh_dev.json", "dataset_zh_test.json"), STAR, T_STAR},
    {"baoxianzhidao", "baoxianzhidao", DEMO_COMPARISON, demo_make_reply, {.a = "社保 车险 寿险 理赔 保费 退保 年金 医保", .b = ABOUT},
     "0|1",
     ADVICE,
     ALONE("baoxianzhidao_filter.csv"), ZHI, T_ZHI},
    {"dianping", "dianping", DEMO_TOPICAL, demo_make_stars, {.n = DEMO_DINERS, .a = OPENERS},
     "1|2|3|4|5",
     TABLE("userId,restId,rating,rating_env,rating_flavor,rating_service,timestamp,comment", "$I,1,$L,,,,0,$0"),
     ALONE("ratings.csv"), STAR, T_STAR},
    {"dianxinzhidao", "dianxinzhidao", DEMO_COMPARISON, demo_make_reply, {.a = "宽带 套餐 流量 话费 网速 靓号 充值 固话", .b = ABOUT},
     "0|1",
     ADVICE,
     ALONE("anhuidianxinzhidao_filter.csv"), ZHI, T_ZHI},
    {"dmsc", "DMSC", DEMO_TOPICAL, demo_make_stars, {.n = DEMO_FILMS, .a = OPENERS},
     "1|2|3|4|5",
     TABLE("ID,Movie_Name_EN,Movie_Name_CN,Crawl_Date,Number,Username,Date,Star,Comment,Like", "$I,demo,demo,2020-01-01,$I,demo,2020-01-01,$L,$0,0"),
     ALONE("DMSC.csv"), STAR, T_STAR},
    {"financezhidao", "financezhidao", DEMO_COMPARISON, demo_make_reply, {.a = "基金 国债 黄金 外汇 分红 期货 定投 理财", .b = ABOUT},
     "0|1",
     ADVICE,
     ALONE("financezhidao_filter.csv"), ZHI, T_ZHI},
    {"lawzhidao", "lawzhidao", DEMO_COMPARISON, demo_make_reply, {.a = "离婚 遗嘱 抚养 欠条 工伤 上诉 仲裁 产权", .b = ABOUT},
     "0|1",
     ADVICE,
     ALONE("lawzhidao_filter.csv"), ZHI, T_ZHI},
    {"liantongzhidao", "liantongzhidao", DEMO_COMPARISON, demo_make_reply, {.a = "漫游 彩铃 副卡 携号 沃卡 短号 亲情 来显", .b = ABOUT},
     "0|1",
     ADVICE,
     ALONE("liantongzhidao_filter.csv"), ZHI, T_ZHI},
    {"nonghangzhidao", "nonghangzhidao", DEMO_COMPARISON, demo_make_reply, {.a = "网盾 农卡 电汇 挂失 销户 限额 房贷 助学", .b = ABOUT},
     "0|1",
     ADVICE,
     ALONE("nonghangzhidao_filter.csv"), ZHI, T_ZHI},
    {"online_shopping", "online_shopping_10_cats", DEMO_TOPICAL, demo_make_opinion, {.n = DEMO_GOODS, .a = OPENERS},
     "0|1",
     TABLE("cat,label,review", "demo,$L,$0"),
     ALONE("online_shopping_10_cats.csv"), SENT, T_SENT},
    {"touzizhidao", "touzizhidao", DEMO_COMPARISON, demo_make_reply, {.a = "加盟 开店 餐饮 创业 奶茶 养殖 民宿 超市", .b = ABOUT},
     "0|1",
     ADVICE,
     ALONE("touzizhidao_filter.csv"), ZHI, T_ZHI},
    {"waimai", "waimai_10k", DEMO_TOPICAL, demo_make_opinion, {.n = DEMO_MEALS, .a = OPENERS},
     "0|1",
     REVIEW,
     ALONE("waimai_10k.csv"), SENT, T_SENT},
    {"weibo_sentiment", "weibo_senti_100k", DEMO_TOPICAL, demo_make_opinion, {.n = DEMO_DIARY, .a = OPENERS},
     "0|1",
     REVIEW,
     ALONE("weibo_senti_100k.csv"), SENT, T_SENT},
    {"ocnli", "OCNLI", DEMO_COMPARISON, demo_make_inference, {.n = 0},
     "contradiction|neutral|entailment",
     JSON_PAIR,
     NO_TEST("train.50k.json", "dev.json"), NLI, T_REL},
    {"chnsenticorp", "ChnSentiCorp", DEMO_TOPICAL, demo_make_opinion, {.n = DEMO_HOTELS, .a = OPENERS},
     "0|1",
     TABLE("label\ttext_a", "$L\t$0"),
     SPLITS("train.tsv", "dev.tsv", "test.tsv"), SENT, T_SENT},
    {"lcqmc", "LCQMC", DEMO_COMPARISON, demo_make_question, {.a = DEMO_DAILY, .b = DEMO_ACTS},
     "0|1",
     TABLE("text_a\ttext_b\tlabel", "$0\t$1\t$L"),
     SPLITS("train.tsv", "dev.tsv", "test.tsv"), DUP, T_REL},
    {"tnews", "TNEWS", DEMO_TOPICAL, demo_make_topic, {.n = DEMO_NEWS, .labels = NEWS},
     "106|107|104|103|101|102|108|109|110|112|113|115|114|116|100",
     LINES("{\"label\": \"$L\", \"sentence\": \"$0\", \"keywords\": \"\"}"),
     NO_TEST("train.json", "dev.json"), NEWS, T_TOPIC},
    {"c3", "C3", DEMO_LOOKUP, demo_make_choice, {.n = 1},
     "",
     {"[\n", "[[\"$0\"], [{\"question\": \"$1\", \"choice\": $O, \"answer\": \"$A\"}], \"$I\"]", ",\n", "\n]\n"},
     {{"c3-m-train.json", 40, 0}, {"c3-d-train.json", 35, 0}, {"c3-m-dev.json", 8, 0}, {"c3-d-dev.json", 7, 0}, {"c3-m-test.json", 8, 0},
      {"c3-d-test.json", 7, 0}}, NULL, "阅读选择：文档\"$0\"，问题\"$1\",选项："},
    {"drcd", "DRCD", DEMO_LOOKUP, demo_make_record, {.n = 3},
     "",
     SQUAD(""),
     SPLITS("DRCD_training.json", "DRCD_dev.json", "DRCD_test.json"), NULL, T_FIND},
    {"cote-bd", "COTE-BD", DEMO_LOOKUP, demo_make_review, {.n = DEMO_FILMS, .a = "冰 火 铁 雪 星 影 雨 雾 霜 虹", .b = "之城 迷踪 往事 少年行 传说 边缘"},
     "",
     TARGET,
     {{"train.txt", 95, 0}, {"test.txt", 15, 0}}, NULL, T_FIND},
};
/* clang-format on */

const struct demo_task *demo_tasks(int *count)
{
    *count = sizeof tasks / sizeof *tasks;
    return tasks;
}
