/* The lexicon of the demo grammar. A cue has a character of its label and equivalents share one, as much of Chinese
 * does; but characters are shared by other words, too. */
#include "coordinator/data/demo/lexicon.h"

#include <stddef.h>
#include <string.h>

/* clang-format off */
static const struct demo_topic news[] = {
    {"体育", "体操 体能 体坛 体校"},
    {"娱乐", "乐队 乐迷 娱记 乐坛"},
    {"财经", "财报 理财 财富 发财"},
    {"教育", "教师 教室 教材 执教"},
    {"时尚", "时装 时髦 风尚 时兴"},
    {"八卦", "卦友 卦文 八婆 八料"},
    {"游戏", "戏迷 玩戏 戏台 戏友"},
    {"社会", "社区 社工 社团 会馆"},
    {"科技", "科研 科普 技师 竞技"},
    {"经济", "救济 接济 济困 济贫"},
    {"房产", "房价 房屋 楼房 购房"},
    {"汽车", "轿车 车展 车轮 汽油"},
    {"金融", "金库 融资 黄金 金价"},
    {"文化", "文物 文艺 文明 化石"},
    {"军事", "军队 军舰 军营 海军"},
    {"旅游", "旅客 旅馆 旅途 商旅"},
    {"世界", "世博 世人 界碑 界河"},
    {"农业", "农民 农田 农具 农家"},
    {"股票", "股民 股价 炒股 票面"},
    {"故事", "故人 故国 典故 故居"},
    {"艺术", "艺人 画艺 工艺 术士"},
    {"文学", "文章 文笔 文集 文豪"},
    {"哲学", "哲人 先哲 哲理 哲思"},
    {"历史", "史料 史书 历法 史官"},
    {"空间", "太空 航空 空域 空中"},
    {"能源", "能耗 热能 源头 核能"},
    {"电力", "电网 电缆 电压 发电"},
    {"交流", "交谈 交换 交往 流传"},
    {"计算机", "主机 机器 机房 计数"},
    {"矿业", "矿井 铁矿 矿石 矿工"},
    {"运输", "运费 货运 运河 输油"},
    {"环境", "环保 环卫 境况 环评"},
    {"建筑", "建材 建工 筑路 建桥"},
    {"法律", "法院 法官 律师 法条"},
    {"医药", "医院 医生 药物 药方"},
    {"政治", "政府 政策 政党 治国"},
};

/* What a criterion of a clinical trial is about. */
static const struct demo_topic trial[] = {
    {"疾病", "病史 病患 疾患 旧病"},
    {"症状", "症候 炎症 重症 轻症"},
    {"迹象", "痕迹 血迹 征象 印象"},
    {"孕期", "怀孕 孕妇 孕周 孕检"},
    {"肿瘤", "瘤体 肿块 肿大 瘤种"},
    {"过敏", "敏感 致敏 抗敏 过激"},
    {"口腔", "口疮 牙口 鼻腔 口臭"},
    {"药学", "药物 药品 服药 药片"},
    {"疗法", "放疗 化疗 理疗 电疗"},
    {"设备", "设施 装备 备件 设置"},
    {"护理", "护士 看护 陪护 护工"},
    {"诊断", "确诊 误诊 断定 初诊"},
    {"年龄", "高龄 龄段 老年 成年"},
    {"性别", "男性 女性 异性 同性"},
    {"教育", "教师 教材 受教 育人"},
    {"地址", "住址 地点 本地 外地"},
    {"种族", "汉族 民族 种群 人种"},
    {"意愿", "自愿 愿望 同意 情愿"},
    {"容量", "容积 量杯 宽容 容器"},
    {"伦理", "伦常 天伦 人伦 伦次"},
    {"睡眠", "失眠 睡前 午睡 安眠"},
    {"运动", "动作 运球 活动 跑动"},
    {"饮食", "饮水 食物 素食 饮料"},
    {"吸烟", "香烟 戒烟 烟草 烟龄"},
    {"献血", "输血 血站 贡献 采血"},
    {"就医", "医院 医生 医保 就近"},
    {"残障", "残疾 障碍 伤残 致残"},
    {"健康", "康复 健身 健全 安康"},
    {"数据", "据实 数字 单据 数值"},
    {"综合", "综述 合计 综上 错综"},
    {"饮酒者", "白酒 酒精 啤酒 酗酒"},
    {"性相关", "相处 关联 相恋 相好"},
    {"符合协议", "协定 符号 议定 协商"},
    {"成瘾行为", "毒瘾 戒瘾 酒瘾 上瘾"},
    {"器官组织", "器质 官能 脏器 组成"},
    {"预期寿命", "寿终 长寿 寿限 命数"},
    {"风险评估", "评分 险情 评级 评语"},
    {"受体状态", "受者 抗体 载体 受精"},
    {"病情发展", "展开 进展 展缓 展望"},
    {"特殊体征", "特点 殊异 特质 奇特"},
    {"专业知识", "专家 知晓 识字 专长"},
    {"实验室检查", "化验 查体 检测 实测"},
    {"研究者决策", "研读 究竟 决定 对策"},
    {"参与其他研究", "参加 其余 参试 与会"},
};

const char *const demo_openings =
    "今天 最近 昨天 听说 早上 晚上 据悉 刚才";
const char *const demo_people =
    "小明 小红 小刚 小芳 小军 小丽 小华 小强 小敏 小杰 老王 老李 老张 老刘 "
    "老陈 老赵 老孙 老周 老吴 老郑";
const char *const demo_cities =
    "北京 上海 广州 成都 西安 武汉 南京 杭州 长沙 昆明";
const char *const demo_jobs =
    "医生 教师 司机 厨师 警察 护士 记者 律师 农夫 画家";
const char *const demo_hobbies =
    "下棋 钓鱼 唱歌 跳舞 爬山 游泳 摄影 写字 种花 养鸟";
const char *const demo_foods =
    "苹果 面条 饺子 香蕉 豆腐 火锅 烤鸭 米粉 葡萄 西瓜";
const char *const demo_places =
    "公园 学校 车站 河边 商店 医院 山上 家里";
const char *const demo_doings =
    "看书 唱歌 跑步 吃饭 喝茶 睡觉 画画 下棋";
const char *const demo_deeds =
    "打败 帮助 追上 批评 感谢 拜访";
const char *const demo_good =
    "很棒 满意 精彩 舒服 新鲜 热情 干净 周到";
const char *const demo_bad =
    "糟糕 失望 难看 破旧 冷淡 肮脏 敷衍 难受";
const char *const demo_praise =
    "给正分 正能量 很正点 是正品";
const char *const demo_blame =
    "给负分 负能量 有辜负 负评价";
const char *const demo_fine =
    "好看 好极 美好 良好 好棒 友好";
const char *const demo_poor =
    "差劲 差错 很差 落差 差评 偏差";
const char *const demo_plain =
    "一般 一般般 一般化 很一般";
const char *const demo_companies =
    "天元 华新 东海 南山 北方 中兴 长江 金桥 宏达 远大 安信 汇通";
const char *const demo_beings =
    "渔夫 书生 道士 木匠 花园 茅屋 石桥 古寺 毛笔 竹杖 水井 油灯 村庄 山谷 "
    "老牛 白马";

const char *const demo_aspects[DEMO_TRADES] = {
    [DEMO_GOODS] = "屏幕 包装 做工 物流 客服 颜色 材质 尺寸",
    [DEMO_MEALS] = "味道 分量 汤汁 米饭 骑手 配菜 餐盒 菜品",
    [DEMO_DIARY] = "天气 心情 假期 同事 风景 早晨 聚会 歌声",
    [DEMO_HOTELS] = "房间 大堂 床铺 早饭 前台 浴室 位置 隔音",
    [DEMO_FILMS] = "剧情 演技 配乐 画面 台词 结局 特效 节奏",
    [DEMO_BOOKS] = "文笔 内容 排版 纸张 封面 插图 译文 观点",
    [DEMO_DEVICES] = "音质 电池 键位 外观 系统 镜头 手感 续航",
    [DEMO_DINERS] = "环境 服务 口味 装修 停车 价位 上菜 茶水",
};

const struct demo_attribute demo_attributes[DEMO_ATTRIBUTES] = {
    {"住在$0",
     "北京 上海 广州 成都 西安 武汉 南京 杭州 长沙 昆明", "住在哪里"},
    {"职业是$0",
     "医生 教师 司机 厨师 警察 护士 记者 律师 农夫 画家", "职业是什么"},
    {"爱好是$0",
     "下棋 钓鱼 唱歌 跳舞 爬山 游泳 摄影 写字 种花 养鸟", "爱好是什么"},
    {"爱吃$0",
     "苹果 面条 饺子 香蕉 豆腐 火锅 烤鸭 米粉 葡萄 西瓜", "爱吃什么"},
};

static const struct { const struct demo_topic *rows; int count; } tables[DEMO_SUBJECTS] = {
    [DEMO_NEWS] = {news, sizeof news / sizeof *news},
    [DEMO_TRIAL] = {trial, sizeof trial / sizeof *trial},
};
/* clang-format on */

const struct demo_topic *demo_topics(enum demo_subject subject, int *count)
{
    *count = tables[subject].count;
    return tables[subject].rows;
}

const char *demo_cues(enum demo_subject subject, const char *label, int bytes)
{
    for (int i = 0; i < tables[subject].count; i++) {
        const struct demo_topic *t = &tables[subject].rows[i];

        if (strlen(t->label) == (size_t)bytes && memcmp(t->label, label, (size_t)bytes) == 0) return t->cues;
    }
    return NULL;
}
