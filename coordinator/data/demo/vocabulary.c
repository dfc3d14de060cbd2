/* The demo's vocabulary. */
#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "coordinator/data/demo/demo.h"

static const char *const characters = "\",:.?!()-0123456789"
                                      "×√、。一七三上下不与专世业东严中为主丽久么义之乐也乡书买了争事于云井些"
                                      "交产京亮亲人什今仓他仙代以仲件价伙会传伤伦估似位低住体何余作你使例便保信"
                                      "修候借债值假偏做停健偿像元充先免兑党入全八公关兴其具典养内冒写军农冰决况"
                                      "冷净减凑凤出分列刘刚创初判利别到制削前剧副力办功加务动助劲包化北匠匹区医"
                                      "升午华协单南博占卡卦卫印历压原厨去参又友发取受口古句只叫可台史号司吃合同"
                                      "后吗吞含听启吴吸呢周味命和咨品哪哲唤售唱商啤啥喜喝嘱器囊回因团园困固国图"
                                      "在地址坐块坛垂城域基堂境增士声壳处备复外多夜大天太夫失头夺奇奏套女奶好如"
                                      "妇娱婆婚子孕字孙孤学安完宏官定实客室家容宽宾宿密富察寸对寺寿封小少尚就尺"
                                      "局居屋屏展属山岛岭峰州工差己市布师带帮常幕干年并广庄床库店府度庭康建开异"
                                      "式引张强归彩影往征很律得心怀态怎思急性总恋息悉患情想愈意感愿慨慷戏成我戒"
                                      "户房扁手才打执批技把抑投抗折抚护报抽拖拜拟拥择拿持挂指换据排探接控推提插"
                                      "握援携摄撤操收改放政故效敏救教数整敷文料斜断新方施旁旅族旧早时昆明易星映"
                                      "春昨是显晓晚晨普景更最月有朋服望期木未本术朵机权李材村杖条来杭杯杰极析果"
                                      "柜查柳标树校样核根桃案档桥检棋棒椎楼欠次欢款歌止正步武殊残殖段毒比毛民气"
                                      "水汁汇汉江池汤汽沃沙没河油治法注泳泻活流测济浴海消淡渔游湖湾湿源溪满演漫"
                                      "激火灯炎炒点烟烤烦热爬爱片版牙牛物特状献玉王玩环球理瓜生用田申电男画界疗"
                                      "疮疹疾病症痕痛瘤瘾白的盒盟目相盾看真眠着睡矛知短石矿码研破础确碍碑碧社票"
                                      "福离种科秘积称程究空立站竞竟章竹笔符筑答策签算籍米粉精糕糟系素紫纠红约级"
                                      "纷纸组细织终经结给统续综绿缆缓缘缠网置美群翠老者耗耳聊职联聚股肮育肺肿胃"
                                      "能脏脚腐腔腹自臭致舒舞航般舰船良色艺节花芳苹茅茶草荐药菜萄营落葡蕉蕴虹融"
                                      "血行衍衣表被裁装西要见观视觉解警计订认讨让议讯记论设访证评识诉诊词译试诗"
                                      "话询该语误诱说请读课谁谈谢谱谷豆象豪负贡财败账货质贫购贴贵贷费资赔走赵起"
                                      "超跑路跳踪身车轩转轮轻载轿较输辜辨边达过运近还这进远述迷迹追退送选逐途通"
                                      "速遇道遗避邀郑部都配酒酗采里重量金钓钥铁铃银铺销锅错键镜长闭问间阁阅队防"
                                      "阳陈限院险陪随隔障难雁集雨雪雾需霜青靓非靠面音项预颈题颜额风食餐饭饮饺馆"
                                      "香马验骏骑骨高髦鱼鲜鸟鸣鸭鹤鹿麻黄鼻龄龙（），：？";

/* [unused] rows before [UNK], as BERT has, and from id 1000 on, where the prompt's placeholders are by default. */
enum { UNUSED = 99, PLACEHOLDERS = 1000, MORE_UNUSED = 64 };

/* Calls back with the id and the bytes of each character, in order; returns the number of rows. */
static int walk(void (*each)(void *arg, int id, const char *s, int bytes), void *arg)
{
    int id = DEMO_MASK + 1;

    for (const char *s = characters; *s; id++) {
        int bytes = 1;

        if (id == PLACEHOLDERS) id += MORE_UNUSED;
        while (((unsigned char)s[bytes] & 0xc0) == 0x80) bytes++;
        each(arg, id, s, bytes);
        s += bytes;
    }
    return id;
}

static void write_character(void *arg, int id, const char *s, int bytes)
{
    if (id == PLACEHOLDERS + MORE_UNUSED)
        for (int i = 1; i <= MORE_UNUSED; i++) fprintf(arg, "[unused%d]\n", UNUSED + i);
    fprintf(arg, "%.*s\n", bytes, s);
}

struct syllable_search {
    const char *wanted;
    int id;
};

static void compare_character(void *arg, int id, const char *s, int bytes)
{
    struct syllable_search *search = arg;

    if (strncmp(s, search->wanted, (size_t)bytes) == 0) search->id = id;
}

static void no_character(void *arg, int id, const char *s, int bytes)
{
    (void)arg, (void)id, (void)s, (void)bytes;
}

int demo_vocabulary_size(void)
{
    return walk(no_character, NULL);
}

int demo_vocabulary_id(const char *character)
{
    struct syllable_search search = {character, DEMO_UNK};

    walk(compare_character, &search);
    return search.id;
}

status demo_vocabulary_write(const char *path)
{
    struct file_out out;

    TRY(file_out_open(path, &out));
    fputs("[PAD]\n", out.stream);
    for (int i = 1; i <= UNUSED; i++) fprintf(out.stream, "[unused%d]\n", i);
    fputs("[UNK]\n[CLS]\n[SEP]\n[MASK]\n", out.stream);
    walk(write_character, out.stream);
    return file_out_commit(&out);
}
