"""What the model cannot do, and its one answer to all of it: knowledge, news, opinions, other people's work."""

from training.example import Language
from training.text.arithmetic import LARGEST, written_sum
from training.text.copied_text import characters, letters
from training.text.frames import phrasings
from training.text.speaker import Speaker, Utterance
from training.text.topics import random_topics

KNOWLEDGE = phrasings(
    train_en="""
        (what is|what are|what's|what was|what exactly is) {thing}?
        (who|when|where) (invented|discovered|made|started|found) {thing}?
        who (was|is|were) {person}?
        (when|where|how|why) (was|did|is) {person} (born|die|famous|become famous|live)?
        (how|why) (does|do|did|is|are) {thing} (work|exist|happen|matter|important|dangerous|so popular|made)?
        (explain|describe|tell me about|tell me something about|teach me about|talk about) {thing}[ to me| in simple words| to a child| please| briefly]
        (do you know|have you heard|did you hear) (about|of|anything about) {thing}?
        what do you know about {thing}?
        what (is|was) the (capital|population|currency|flag|biggest city|language|president|history|area|national dish) of {place}?
        (where is|how big is|how far is|how many people live in|what is special about) {place}?
        (how far|how long) is it from {place} to the sea?
        how (old|tall|big|heavy|fast|long|deep|hot|cold|expensive) is {thing}?
        how many {thing} are there[ in the world| on earth| in {place}]?
        (what|which) (is|are) the (best|biggest|largest|oldest|highest|fastest|most famous) (thing|one|example) of {thing}?
        (what|which) (river|mountain|lake|city|animal|planet|country|language) is the (biggest|longest|highest|largest|fastest|smallest)[ in the world| in {place}| on earth]?
        what (does|did) {person} (do|say|invent|write|paint|discover)?
        (what happened|what was invented) in (18{other}|19{other}|the year {number})?
        what is the (difference|connection|relation) between {thing} and {person}?
        i (want|would like) to (know|learn|read|hear) (more |something |)about {thing}
        (give|show) me (some |a few |)(facts|information|details|news) about {thing}
        what (colour|color|shape|size) (is|are|do) {thing}[ have]?
        can you (explain|describe|tell me about) {thing}?
        why is the sky (blue|red|dark at night)?
        (is|are) {thing} (dangerous|healthy|expensive|good|real|legal|true|old|popular)?
        (can|do|does|did) (dogs|cats|birds|people|babies|fish|plants) (fly|swim|sleep|dream|think|see colours|live long)?
        (who|what) (won|is winning) the (world cup|election|game|nobel prize|olympic games|race)[ in {place}| last year| this year]?
        (name|list) (three|five|ten|some|all) (countries|animals|planets|rivers|kings|colours|elements|inventions|books)[ in {place}]
        what (causes|caused|prevents|cures) {thing}?
        what about {thing}?
        (history|meaning|definition|origin) of {thing}
        (which|what) (language|languages) (is|are) (spoken|used|written|taught) in {place}?
        (what|which) language do (people|the people|children|most people|you need to) (speak|learn|use) in {place}?
        do (people|they|many people) in {place} (speak|understand|learn) {tongue}?
        is {tongue} (spoken|understood|an official language) in {place}?
        do you know (how big|how old|how rich|how far away|what) {place} is?
        (can|could) you (say|tell me) (where|in which country) {place} (is|lies)?
    """,
    held_out_en="""
        i have always wanted to understand {thing}
        what makes {thing} so famous?
        when did people discover {thing}?
        which country is larger, {place} or china?
        in which year did {person} die?
        what are {thing} made of?
        is it true that {person} was born in {place}?
        who was the first president of {place}?
        what is so important about {thing}?
        which people speak {tongue} besides those in {place}?
    """,
    train_zh="""
        (什么是|啥是|何为){thing}？
        {thing}(是什么|是什么意思|是啥|是什么东西|怎么来的|有什么用|有什么特点|有哪些种类|是谁发明的|是谁发现的)？
        {person}(是谁|是哪里人|是哪一年出生的|是怎么死的|有什么成就|写过什么|做过什么|多大了|是什么时候的人)？
        (谁|是谁)(发明|发现|创造|写)了{thing}？
        {thing}(的原理|的历史|的起源|的意义|的作用|的好处|的坏处)是什么？
        {thing}(为什么|怎么)(会发生|会出现|这么重要|这么受欢迎|运作|工作|形成|做)的？
        (解释|介绍|讲讲|说说|科普|讲解)[一下|下]{thing}
        (告诉我|给我讲讲|跟我说说|给我介绍)(关于|)(一些|)(关于|){thing}(的事|的知识|的信息|)
        (你|您)(知道|了解|听说过|懂|熟悉){thing}吗？
        (关于|对于){thing}你(知道|了解)(什么|多少)？
        {place}(的首都|的人口|的货币|的面积|的国旗|的总统|的特产|的历史|的最高峰|的语言)(是什么|是多少|是哪里|是谁|有多大)？
        {place}(在哪里|有多大|有多少人|有什么特色|有什么好玩的|在哪个洲|离这里多远)？
        从{place}到海边(有多远|要多久)？
        {thing}(有多大|有多高|有多重|有多快|有多长|有多深|有多贵|有多老)？
        (世界上|全世界|{place})(最高的山|最长的河|最大的国家|最小的国家|最大的湖|最快的动物|最大的城市)是(哪个|什么|哪座|哪条)？
        (世界|{place})(有多少|一共有多少)(个国家|种语言|人口|条河)？
        (一九|二十世纪|{number}年)(发生了什么|有什么大事|谁当皇帝)？
        {thing}(和|跟){person}(有什么关系|有什么区别|有什么联系)？
        我(想|要)(了解|学习|知道|看看){thing}(的知识|)
        {thing}(是什么颜色|危险吗|健康吗|贵吗|是真的吗|合法吗|好吗|有毒吗)？
        (天空|大海|树叶|血)为什么是(蓝|绿|红)的？
        (狗|猫|鸟|鱼|人|植物)(会|能)(飞|游泳|做梦|思考|活多久)吗？
        (谁|哪个队)(赢了|拿了|会赢)(世界杯|比赛|选举|奥运金牌|冠军)？
        (列出|说出|举出)(三个|五个|十个|几个)(国家|动物|行星|皇帝|发明|元素|朝代)
        {thing}(的定义|的意思|的来历)
        (哪一年|什么时候)(发现|发明|有)了{thing}？
        那{thing}呢？
        {place}(讲|用|通行|说的是)(什么|哪种|几种)(语言|话|文字)？
        在{place}(要|应该|可以|需要)(讲|说|用)(什么语言|哪种话|{tongue}吗)？
        {place}(人|那边的人)(会讲|懂|讲|学|听得懂){tongue}吗？
    """,
    held_out_zh="""
        能给我科普一下{thing}吗？
        我一直想知道{thing}是怎么来的
        为什么{thing}这么有名？
        {person}是在哪里出生的？
        {place}的人说什么语言？
        {place}和中国哪个大？
        人们是什么时候发现{thing}的？
        {place}的第一位总统是谁？
        你听说过{person}的故事吗？
        {thing}到底有什么意义？
        会说{tongue}的人在{place}多不多？
    """,
)

NOW = phrasings(
    train_en="""
        (what|how) is the weather [like ](in {place} {day}|{day}|in {place}|here|outside|like)?
        (what's|whats) the weather [like ](in {place}|{day}|here)?
        (will|is|does) it (rain|snow|be sunny|be cold|be hot|be windy|be warm|raining|snowing|get warm) (in {place} {day}|{day}|in {place}|here)?
        (weather|forecast|temperature) (in|for) {place}[ {day}| please]
        weather forecast[ for {day}| please| in {place}]
        how (hot|cold|warm|windy|wet) is it (in {place}|{day}|outside|here)?
        what is the temperature (in {place}|outside|{day}|now)?
        do i need (an umbrella|a coat|sunglasses|a jacket|boots) {day}?
        (what's|what is|what are|tell me|give me|show me|read me) the (news|latest news|headlines|top stories)[ {day}| from {place}| about {thing}]
        what (happened|is happening|is going on|is new) (in {place}|{day}|in the world|in {place} {day})?
        (any|is there any) news (about {thing}|from {place}|about {person}|{day})?
        what time is it[ now| in {place}| there| please]?
        (what|which) (day|date|month|year) is it[ {day}| in {place}]?
        what is (today's date|the date|the date today|the current time|the time|the time in {place}|the current year|tomorrow's date)?
        (tell|give) me (the time|the date|today's date|the current time)
        do you (know|have) (the time|what time it is|what day it is|the date)?
        what is the (price|value|exchange rate|rate) of {thing} {day}?
        how much (is|are|does|do) {thing} cost[ {day}| in {place}]?
        (what is|what's) the (score|result) of the (game|match|football game|race)[ {day}]?
        who (won|plays|is playing) {day}?
        (how is|is there) (the traffic|much traffic|a traffic jam) (in {place}|{day}|to {place}|on my way)?
        (when|what time) (does|is) the next (train|bus|flight|plane|ferry) to {place}[ leave]?
        (when|what time) (does|do|is) the (sun rise|sun set|shop open|bank close|museum open|supermarket close)[ {day}| in {place}]?
        what is on (tv|television|at the cinema|the radio) {day}?
        (is|are) (the shop|the shops|the bank|the post office|the museum) open {day}?
        how is the stock market doing {day}?
        what did {person} say {day}?
        where am i[ now| right now]?
        where is the (next|nearest) (restaurant|hospital|station|pharmacy|toilet|cafe|bank|hotel|supermarket)?
    """,
    held_out_en="""
        should i take an umbrella when i go to {place}?
        how cold will it be in {place} {day}?
        tell me what the weather will be {day}
        is something new happening in {place}?
        i want to hear the news about {thing}
        what will be the date {day}?
        do you have the right time in {place}?
        at what time does the bus to {place} leave?
        how many dollars does {thing} cost?
        where can i find the nearest pharmacy?
        which team won the match {day}?
        will the sun be out in {place} {day}?
    """,
    train_zh="""
        ({place}|{day}|{place}{day}|{day}{place}|外面|这里)(天气|的天气)(怎么样|如何|好吗|是什么样的|)？
        ({place}|{day}|{place}{day}|{day}{place})(会|会不会|要)(下雨|下雪|刮风|降温|出太阳|变冷|变热)[吗]？
        (天气|气温|天气预报)(怎么样|是多少|如何)？
        ({place}|{day}|外面)(多少度|气温多少|冷吗|热吗|冷不冷|热不热|风大吗|有雾霾吗)？
        {day}(要|需要|用不用)(带伞|穿外套|戴帽子|穿厚衣服)[吗]？
        (查|看|查一下|播报|查询)({place}|{day}|{place}{day})的天气
        (有什么|有没有|看看|说说|播报|来点)({day}的|{place}的|最新的|关于{thing}的|)新闻？
        {day}(有什么新闻|发生了什么|有什么大事|的头条是什么)？
        {place}(最近|{day})(发生了什么|有什么新闻|怎么了)？
        (现在|{place}现在|当前)(几点|几点了|几点钟|是几点|什么时间|的时间是多少)[了]？
        (今天|明天|后天|昨天|现在)(几号|星期几|是几月几号|周几|是什么日子|是几号|是哪一年)？
        (告诉我|你知道)(现在几点|今天几号|当前时间|今天的日期|今天星期几)[吗]
        {thing}(多少钱|现在什么价|现在多少钱|涨了吗|跌了吗|的价格是多少|贵不贵)？
        (美元|欧元|日元|黄金|股票|比特币)(汇率|价格|行情)(是多少|怎么样|多少)？
        {day}的(比赛|球赛|足球赛)(结果|比分)(是什么|是多少|怎么样)？
        {day}(谁赢了|哪个队赢了|有什么比赛|谁比赛)？
        (到|去){place}的(火车|飞机|高铁|航班|汽车|大巴)(几点|什么时候|几点钟)(开|出发|到)？
        ({place}|{day}|这里|路上|去{place}的路)(堵车吗|堵不堵|交通怎么样|路况如何)？
        (太阳|商店|银行|博物馆|超市|医院)(几点|什么时候|{day}几点)(升起|下山|开门|关门)？
        {day}(电视|电影院|广播)(有什么|播什么|放什么)[好看的]？
        (最近的|附近的|附近有什么|离我最近的)(餐厅|医院|地铁站|药店|厕所|咖啡店|酒店|超市)(在哪里|在哪|吗)？
        (我|我现在|我们)在(哪里|哪|哪儿|什么地方|什么位置)？
        {person}{day}(说了什么|做了什么|去哪了)？
    """,
    held_out_zh="""
        我{day}去{place}要带伞吗？
        {place}{day}会有多冷？
        能告诉我{day}会不会出太阳吗？
        {place}那边有什么新鲜事？
        请播报一下关于{thing}的新闻
        {place}那里现在是什么时间？
        {day}是几月几号星期几？
        买{thing}大概要多少钱？
        到{place}的高铁要等多久？
        哪里能找到最近的药店？
        {day}的球赛哪个队赢了？
    """,
)

WORK = phrasings(
    train_en="""
        *(translate|say|put|turn) "{thing}" (into|to|in) {tongue}
        *(translate|say) {thing} (into|to|in) {tongue}
        *translate (this|this sentence|the following|my text|the word|it) (into|to) {tongue}[: {thing}]
        (how do you say|how do i say|what is|how would you say|what's the word for) (hello|thank you|goodbye|{thing}|love|water|i love you) in {tongue}?
        what does (this|it|that word|{thing}) mean in {tongue}?
        what is the {tongue} (word|name|expression) for {thing}?
        *(write|compose|make up|create|draft) (a|me a|us a|a short|a long|a funny|a nice) (poem|story|song|letter|essay|email|speech|joke|novel|rhyme|book|report|review|script|fairy tale) about {thing}
        *(write|compose|draft) (a|me a|an) (poem|story|song|letter|essay|email|speech|cover letter|complaint|wedding speech|birthday card)[ for {person}| for my boss| for my teacher]
        *(write|create|give me|show me|generate) (a|some|a small|me a) (python|java|javascript|c|sql|rust|bash|html) (program|function|script|code|query|class|page)[ for {thing}| about {thing}| that sorts a list| that reads a file]
        *(write|show me|give me|fix|debug|explain|review|improve) (code|some code|my code|this code|the code|this program|my function|this bug)[ for {thing}]
        how do i (sort a list|read a file|write a loop|define a class|install a package|make a website|center a box) in (python|java|javascript|c|rust|html)?
        *(tell|read|give|sing) me a (joke|story|poem|song|riddle|fairy tale|funny joke|bedtime story)[ about {thing}| about {person}]
        *(summarize|shorten|rewrite|correct|proofread|improve|analyse|paraphrase) (this|my|the) (text|article|essay|letter|book|email|paragraph|report|document|homework)[ about {thing}]
        *(correct|check) my (grammar|spelling|homework|english|essay|translation)
        *(draw|paint|make|generate|create|design) (a|me a|a nice) (picture|logo|drawing|photo|painting|video|song|website|presentation|map) of {thing}
        *(do|solve|finish|check) my (homework|exam|exercise|taxes|assignment|work)
        *(plan|organize|prepare|design) (a trip to {place}|my holiday in {place}|a party|my week|my wedding|a dinner|a workout|a diet)
        *(sing|hum|rap|dance|whistle)[ for me| a song| something]
        *(spell|define|explain the word) {thing}
        (give|tell|find) me (a synonym|a word|a rhyme|another word|the opposite) (for|of|with) {thing}
        *(make|give me|find me|write|tell me) a recipe (for|with) {thing}
        how (do i|do you|can i|to) (cook|bake|make|prepare|repair|fix|build|grow|draw|clean|plant|learn|play) {thing}?
        *(explain|tell me) how to (cook|bake|repair|build|learn|win at|play) {thing}
        *(make up|invent|suggest) (a name|names|a title|a slogan|a plot) for {thing}
        *(compare|rank|rate|review) {thing} and {thing}
        *convert {number} (miles|pounds|dollars|euros|degrees|inches|feet|kilometers|kilos) (to|into) (kilometers|kilos|yuan|meters|celsius|grams|pounds)
        how many (miles|grams|yuan|inches|feet|liters|ounces|days|hours|seconds) (is|are|make) {number} (kilometers|pounds|dollars|meters|gallons|years|weeks|cups)?
        there is (a bug|an error|a mistake|something wrong) in my (code|script|website|function|java program)[, fix it| and i can't find it|, can you help|, what is it]
        my (code|script|function|website|python code) (does not work|crashes|is too slow|has an error|gives wrong results)[, why|, can you help|, repair it|, what can i do]?
        *(help me|help us) (debug|program|code|test|compile) (my game|a website|this function|my script|{thing})
        (who|how) (can|could) i (ask to |)(repair|test|improve) (my code|my script|my website)?
    """,
    held_out_en="""
        could you help me to write an essay about {thing}?
        i need a translation of "{thing}" into {tongue}
        please write a {tongue} sentence about {thing}
        do you know how to say {thing} in {tongue}?
        i want a poem for {person}
        what would be the code of a python program for {thing}?
        my program has a bug, can you find and fix it?
        i would love to hear a joke about {person}
        find all mistakes in my essay about {thing}
        i need a good recipe with {thing}
        how can i learn to play {thing}?
        make a plan for a trip to {place} {day}
        my website shows an error, could you repair its code?
    """,
    train_zh="""
        *(翻译|翻译一下|译)[一下]{thing}
        *把(“{thing}”|{thing}|这句话|这段话|下面的句子|这个词)(翻译成|译成|翻成|翻译为|用){tongue}
        (“{thing}”|{thing}|你好|谢谢|我爱你|再见)(用|的){tongue}(怎么说|怎么写|怎么讲|是什么)？
        {tongue}(里|中)的(“{thing}”|{thing}|你好|谢谢)怎么(说|写|读)？
        *(写|来|作|编|创作|写出)(一首|一篇|一封|一个|一段|首|篇|个)(关于|有关|描写){thing}的(诗|作文|文章|信|故事|笑话|歌词|小说|演讲稿|评论|报告|邮件|散文)
        *(写|起草)(一封|一份|一篇)(邮件|信|简历|作文|辞职信|请假条|道歉信|合同|论文|报告|检讨)[给{person}|给老板|给老师]
        *(写|编写|给我|写出)(一个|一段|个|段)(Python|Java|C语言|爬虫|排序|网页|SQL|python)(程序|代码|函数|脚本)[，用来处理{thing}]
        *(改|修改|看看|检查|调试|解释|优化)[一下](我的|这段|这个)(代码|程序|函数|脚本|bug)
        (Python|Java|C语言|python)(怎么|如何)(排序|读文件|写循环|定义类|安装包|做网站)？
        *(讲|说|来|给我讲)[一]个(笑话|故事|童话|谜语|鬼故事|脑筋急转弯|睡前故事|段子)[，关于{thing}的]
        *(总结|概括|缩写|改写|润色|修改|分析|续写)[一下](这篇|我的|这段|下面的)(文章|作文|论文|邮件|文字|小说|报告)
        *(检查|改正|纠正)[一下]我的(语法|拼写|作业|英语|作文)
        *(画|生成|设计|做|制作)(一张|一个|一幅|个|张)(关于{thing}的|{thing}的|)(图|画|海报|标志|视频|网站|表格|幻灯片|地图)
        *(做|写|完成|辅导|检查)[一下](我的|今天的|数学|英语|语文)作业
        *(计划|安排|规划)[一下](去{place}的旅行|我的假期|一次聚会|我的婚礼|一周的饮食|{place}三日游)
        *(唱|唱一|来)首(歌|儿歌|情歌|生日歌)
        {thing}(怎么写|怎么读|怎么拼|的同义词是什么|的反义词是什么|的拼音是什么|造句)？
        {thing}(怎么|如何)(做|做才好吃|修|种|养|画|洗|学|煮|烤|选|玩)？
        (怎么|如何|怎样)(做|修理|种|养|画|清洗|学习|煮|挑选|玩){thing}？
        *(教我|教教我)(怎么|)(做|画|学|玩|修|唱){thing}
        *给{thing}(起个名字|取个名字|写个标题|写个广告语)
        *(比较|对比|评价)[一下]{thing}和{thing}
        {number}(公里|英里|磅|美元|欧元|英尺|斤|米|小时|年)(等于|是|换算成)多少(英里|公里|公斤|人民币|米|克|厘米|秒|天)？
        (背|背一首|朗诵)(古诗|唐诗|李白的诗|课文)[给我听]
        *(写|出|想)(一副对联|一个灯谜|一句祝福语|几道题|一个口号)
        我的(代码|脚本|网站|函数|算法)(跑不起来|报错了|出错了|崩溃了|太慢了)[，怎么办|，帮我改改|，哪里错了|，你会修吗]
        *(帮忙|)找(出|一下|一找)(代码|脚本|函数|网页)(里的|的|里面的)(错误|毛病|漏洞)
        我(写的|的)(代码|脚本|函数)(有|里有)(错|问题|漏洞)(，你来改|，怎么修|，帮我看看|吧)
    """,
    held_out_zh="""
        我需要把“{thing}”翻成{tongue}
        可以写一些关于{thing}的句子吗？
        请用{tongue}说{thing}
        我想给{person}写一首诗
        我的程序有bug，能找出来吗？
        想听你讲个{person}的笑话
        找一找我的作文里有什么错
        有没有做{thing}的好办法？
        辅导我写关于{thing}的作业
        我怎么才能学会{thing}？
        帮忙安排一次{place}旅行
        编一段处理{thing}的代码
        我的网页出了错，你能修好代码吗？
    """,
)

MATHS = phrasings(
    train_en="""
        what (is|are) {big}?
        what's {big}?
        *(calculate|compute|work out|solve) {big}
        {big}
        {big} =
        how much is {big}?
        what is {number} divided by {other}?
        ({number}|{few}) (/|:|÷|divided by) ({other}|{few})
        ({few}|{number}) (+|plus|-|minus) ({few}|{other}) (+|*|x|plus|times|minus) ({few}|{other})
        (what is|how much is) {few} (+|plus) {few} (*|times|x|plus|minus) {few}?
        (what is|what's) (half|a third|double|a quarter) of ({few}|{number})?
        what time is it {few} (hours|minutes) (after|before) ({few}|{few} pm|noon|midnight|{few} in the morning)?
        {few} (hours|minutes) (after|before) ({few}|noon|midnight|{few} am)
        *(set|start|make|run) (a|one|the) timer (for|of) ({few}|{number}) (minutes|seconds|hours)
        (timer|a timer|countdown)[ for| of] {few} (minutes|hours|seconds)
        *count (down |)from {few}[ to one]
        *divide {number} by {other}
        *multiply {number} (by|and|with) {other}
        what is (the square root|the cube root|half|double|the logarithm|the square|a third) of {number}?
        what is (ten|twenty|fifty|{other}) percent of {number}?
        what is {other} (to the power of|percent of|modulo|mod) {number}?
        is {number} (a prime number|prime|even|odd|divisible by {other})?
        *(solve|factor|differentiate|integrate|simplify) (the equation|x squared plus {other}|the integral|this equation|{number}x = {other}|the polynomial|x + {other} = {number})
        what is the (derivative|integral|limit|sum|root) of (x squared|sin x|the function|this series|x to the {other})?
        how many (digits|factors|divisors|zeros) (does|has) {number}[ have]?
        (prove|show) (that|why) (the square root of two is irrational|{number} is prime|there are infinitely many primes)
        what is (sin|cos|tan|log) {number}?
        what are the (factors|divisors|prime factors|multiples) of {number}?
        what (comes|number comes) (after|before|next after) {number}[ in the series]?
        {number} plus {other} plus {number}
        what is {number} plus {other} minus {number}?
    """,
    held_out_en="""
        can you tell me how much {big} is?
        tell me the answer to {big}
        what do you get when you divide {number} by {other}?
        can you find the square root of {number}?
        is {other} a factor of {number}?
        give me {other} percent of {number}
        i need to solve x + {other} = {number}
    """,
    train_zh="""
        {big}(等于多少|等于几|是多少|得多少|等于|)？
        {big}=
        *(算|计算|算一下|算算){big}
        {number}除以{other}(等于多少|等于几|是多少)？
        {few}(除以|÷|/){few}(等于多少|等于几|是多少|)？
        {few}(加|减|乘|+|-|×){few}(加|减|乘|+|-|×){few}(等于多少|等于几|是多少|)？
        {few}的(一半|三分之一|两倍)是(多少|几)？
        {few}点(之后|以后|之前|以前|过){few}(个小时|小时|分钟)是几点？
        {few}(小时|分钟)(以后|以前|之后|之前|后|前)是几点？
        *(定|设|设置|开|开始)(一个|个|){few}(分钟|秒|小时)的(计时器|倒计时|定时器)
        *(倒计时|计时|定时){few}(分钟|秒|小时)
        {number}(÷|/){other}(=|等于多少|)
        {number}的(平方根|立方根|一半|两倍|平方|对数|百分之{other}|三分之一)(是多少|是几|)？
        百分之{other}的{number}是多少？
        {number}的{other}次方(是多少|等于几)？
        {number}是(质数|偶数|奇数|合数)吗？
        {number}能(不能|)被{other}整除[吗]？
        *(解|求解|化简|因式分解)(方程|这个方程|方程组|x+{other}={number}|{other}x={number}|一元二次方程)
        (求|计算)(x的平方|sinx|函数|这个函数|x的{other}次方)的(导数|积分|极限|最大值)
        *(证明|说明)(勾股定理|{number}是质数|根号二是无理数|质数有无穷多个)
        {number}(有|有几|有多少)(位数|个因数|个约数|个零)？
        {number}的(因数|约数|倍数|质因数)有哪些？
        {number}加{other}加{number}(等于多少|等于几|)？
        {number}加{other}再减{number}(是多少|等于几)？
        (半径|边长)是{number}的(圆|正方形|球)(面积|体积|周长)是多少？
    """,
    held_out_zh="""
        能算出{big}是多少吗？
        告诉我{big}的答案
        用{number}除{other}得几？
        {other}是不是{number}的因数？
        {number}的百分之{other}等于几？
        x+{other}={number}怎么解？
    """,
)

OPINION = phrasings(
    train_en="""
        what do you think (of|about) {thing}?
        what is your (opinion|view|favourite|favorite|idea) (of|on|about) {thing}?
        what is your (favourite|favorite) (colour|color|food|movie|song|book|animal|country|sport|number|band|game|season)?
        do you (like|love|hate|believe in|enjoy|prefer|want|agree with) {thing}?
        (should|could|can|must|may) i (buy|sell|eat|drink|learn|study|try|marry|visit|avoid|invest in) {thing}?
        (is it|would it be) (a good idea|wise|safe|ok|bad|right|smart) to (buy|eat|try|learn|sell|invest in|drink) {thing}?
        (which|what) is better, {thing} or {person}?
        (who|what) is (better|the best|smarter|stronger|richer), {person} or {person}?
        (recommend|suggest) (me |)(a|some|a good|the best) (book|movie|song|restaurant|hotel|phone|game|place|gift|name|wine)[ about {thing}| in {place}| for {person}]
        (what|which) (book|movie|song|restaurant|hotel|phone|gift|game|place|laptop|car|school) (should|would|could) (i|you|we) (read|watch|buy|choose|take|recommend|visit|pick)?
        what should i (eat|wear|do|cook|read|watch|say|buy|learn|drink) {day}?
        what would you (eat|wear|do|cook|read|say|choose) {day}?
        (where|when|how) should i (go|travel|live|work|start|study|invest)[ {day}| with {thing}| in {place}]?
        (give|i need) (me |)(some |)advice (about|on|for) {thing}
        (who|which party|whom) should i vote for[ {day}| in {place}]?
        (are|is) {person} (a good|a bad|a great|an honest|a rich) (person|leader|singer|man|writer|player)?
        what is the (meaning of life|best country|best car|best movie|worst food|secret of success|secret of love|best job)?
        (is|does) (god|heaven|free will|magic|fate|a soul) (real|exist)?
        will {thing} (be|become) (more |)(expensive|popular|important|better|cheaper|extinct) (next year|soon|in the future|{day})?
        (will|does|would) {person} (win|lose|like me|love me|come back|call me)[ {day}]?
        what will (happen|the world be like|be) (in the future|in {number}|tomorrow|to {thing})?
        tell me my (future|fortune|horoscope|fate)
        (can|could) you (predict|guess) (the future|the lottery numbers|who will win|the price of {thing})?
        why (should|do|would) people (like|love|hate|buy|believe in) {thing}?
        (do you think|do you believe) (that |){thing} (is|are) (good|bad|right|wrong|funny|beautiful|true)?
        i (like|love|hate|prefer|miss|want|bought|saw|lost|found) {thing}[ {day}| in {place}]
        i (think|believe|feel|know|heard) (that |){thing} (is|are) (good|bad|great|strange|nice|wrong|expensive)
        (i'm|i am) (bored|sad|hungry|tired|lonely|sick|angry|in love|afraid|nervous|drunk|lost|thirsty|cold)[ {day}]
        my (dog|cat|mother|boss|car|computer|friend|son|leg|back|head|tooth) (is ill|is broken|hurts|is sad|is angry|died|is late|is lost)[ {day}]
        (i feel|i have) (pain|ill|a headache|a fever|a cold|bad|dizzy|a problem|a question about {thing})
        (what|which) (colour|animal|music|film|season|sport|book|drink|country|song) do you (like|love|prefer|hate|enjoy)[ most| more| the most]?
        what (do|would) you (like|love|want) to (eat|drink|read|watch|wear|play|listen to)[ most| {day}]?
        do you have a favourite (colour|dish|song|film|place|animal|team)?
        how (useful|good|bad|nice|boring|dangerous|interesting) (is|do you find|would you call) {thing}[ for you| for me| in your opinion]?
        (does|do|would) {thing} (matter|mean much|seem good|seem strange) to (you|most people)?
    """,
    held_out_en="""
        would you say that {thing} is a good thing?
        can you recommend something to read about {thing}?
        which gift should i choose for {person}?
        what food do you like best?
        do you believe that {person} will win {day}?
        my head hurts, what should i do?
        i feel so lonely {day}
        which hotel in {place} would you recommend?
        how important is {thing} to you?
        how will the world look in {number}?
        i have lost my cat in {place}
        which of all animals is dearest to you?
        is there a song that you could hear all day?
    """,
    train_zh="""
        你(觉得|认为|感觉|怎么看|如何看待){thing}(怎么样|好不好|如何|好吗|)？
        你(对|对于){thing}(有什么看法|怎么看|有什么意见|的看法是什么)？
        你最喜欢的(颜色|食物|电影|歌|书|动物|国家|运动|数字|季节|明星)是(什么|哪个|谁)？
        你(喜欢|爱|讨厌|相信|支持|想要){thing}吗？
        我(该|应该|可以|能|要不要|应不应该)(买|卖|吃|喝|学|试试|投资|避开){thing}[吗]？
        (买|吃|学|投资|喝){thing}(好不好|好吗|值得吗|安全吗|划算吗|明智吗)？
        {thing}和{person}(哪个好|哪个更好|选哪个|谁更厉害)？
        {person}和{person}谁(更厉害|更好|更有钱|更聪明|厉害)？
        (推荐|介绍)[一|几](本|部|首|家|个|款)(书|电影|歌|餐厅|酒店|手机|游戏|景点|礼物)[，关于{thing}的|，在{place}的]
        (有什么|有哪些)(好看的|好听的|好吃的|好玩的|值得买的)(书|电影|歌|餐厅|地方|游戏|手机)(推荐|吗|)？
        {day}(吃什么|穿什么|做什么|去哪玩|看什么|喝什么|去哪里)[好|好呢]？
        我(该|应该)(怎么|如何)(办|选择|选|做|跟{person}说|追女生|找工作|投资|开口)？
        (给我|我需要|给点)(一些|一点|点|)(关于{thing}的|)(建议|意见|主意|忠告)
        {person}(是好人吗|是坏人吗|怎么样|可信吗|人好吗|帅吗)？
        (人生|生命|生活|爱情)的(意义|目的|秘密)是什么？
        (世界上|真的)有(神|上帝|鬼|命运|外星人|灵魂)吗？
        {thing}(以后|将来|明年|{day})会(更贵|涨价|降价|流行|消失|变好)吗？
        {person}(会|会不会)(赢|喜欢我|来|回来|输|给我打电话)[吗]？
        (未来|将来|{number}年)会(怎么样|发生什么|变成什么样)？
        *(算|看|测)[一下]我的(运势|命|星座|姻缘|财运|未来)
        (能|你能)(预测|猜)(彩票号码|未来|谁会赢|{thing}的价格)吗？
        (为什么|怎么)(大家|人们|有人)(喜欢|讨厌|相信|买){thing}？
        我(喜欢|讨厌|想要|想念|看见|丢了|买了|爱){thing}
        我(觉得|认为|听说){thing}(很好|不好|很贵|很奇怪|真不错|没意思)
        我(好无聊|很难过|饿了|好累|好孤单|生病了|很生气|恋爱了|害怕|很紧张|失眠了|迷路了|渴了|冷)
        我的(狗|猫|妈妈|老板|车|电脑|朋友|儿子|腿|头|牙)(病了|坏了|疼|不开心|生气了|死了|丢了|迟到了)
        我(头疼|发烧|感冒|肚子疼|不舒服|失恋|咳嗽|牙疼)(怎么办|吃什么药|要去医院吗|了)？
        你(平常|一般|经常|最)(喜欢|爱)(喝|看|听|玩|穿|读)(什么|些什么|哪种)？
        你有(最爱|喜欢|讨厌)的(菜|歌|电影|颜色|动物|球队)吗？
        (依你看|你看|照你的想法|说实话)，{thing}(值得吗|怎么样|有意思吗|行不行)？
        {thing}(值不值得|行不行|好玩吗)，你(说呢|看呢|怎么想)？
    """,
    held_out_zh="""
        在你看来{thing}好不好？
        现在学{thing}还来得及吗？
        可以推荐关于{thing}的书吗？
        给{person}送什么礼物好？
        你平时最爱吃什么？
        你相信{person}会赢吗？
        我今天头疼，该怎么办？
        {day}我觉得好孤单
        {place}有什么值得去的酒店？
        {number}年世界会变成什么样？
        我在{place}丢了我的猫
        你说我应该怎么选择？
        所有动物里你最喜欢哪一种？
    """,
)

PERSONAL = phrasings(
    train_en="""
        what is my (name|age|address|password|phone number|email|birthday|favourite colour|job|blood type|account balance|bank balance|wifi password)?
        what's my (name|age|address|password|phone number|birthday|job|email)?
        (do you know|can you guess|guess|tell me) (my name|how old i am|where i live|who i am|what i like|my password|my age|what i am thinking)
        who am i?
        how old am i?
        where (do i live|do i work|was i born|is my phone|are my keys|is my car|is my wallet|did i park|is my mother|are my glasses)?
        what (did|do) i (eat|do|say|buy|have|need to do|wear|dream) (yesterday|today|{day}|last night|for breakfast|last week)?
        when is my (appointment|flight|birthday|meeting|exam|next meeting|train|holiday|dentist)?
        who (called|wrote|texted|emailed|visited) me[ {day}| last]?
        (do i have|are there|have i got) (any |new |)(messages|emails|appointments|meetings|missed calls|plans|friends)[ {day}]?
        (what's|what is) (on my calendar|in my mailbox|my schedule|on my list|in my pocket|my plan) {day}?
        what (is|was) the name of my (wife|dog|cat|mother|teacher|school|boss|street|friend)?
        how (much|many) (money|steps|friends|photos|contacts|calories) (do i have|did i make|have i got|did i walk|did i burn)[ {day}]?
        what did (i|we) (talk about|say|do|agree on) (yesterday|last time|last week|{day})?
        (remember|do you remember) (me|what i said yesterday|our last talk|my name|my birthday)[ please]?
        (what|how much) (do i weigh|do i earn|tax do i pay|rent do i pay)?
        (is|does) my (wife|boss|girlfriend|husband|friend|mother) (angry|at home|love me|hate me|asleep|happy)?
        what am i (thinking|doing|wearing|holding|feeling)[ right now]?
        did (anybody|anyone|someone|my mother|{person}) (call|write to|visit|ask for|look for) me {day}?
        where (have i put|can i find) my (phone|wallet|glasses|umbrella|passport|shoes)[ again]?
        (when|at what time|on which day) (must|should) i (go to work|go to school|be at the airport|meet {person}|get up|see the dentist)?
    """,
    held_out_en="""
        do you have an idea who i am?
        what was it that i did eat today?
        when do i have to be at the doctor?
        where did i leave my keys?
        how much money is in my account?
        what does my boss think of me?
        has somebody called me {day}?
    """,
    train_zh="""
        我(叫什么|叫什么名字|是谁|几岁|多大了|住在哪里|住哪|姓什么|在哪里工作|的名字是什么|是哪里人|多高|多重)？
        我的(名字|年龄|地址|密码|电话号码|生日|邮箱|工作|血型|余额|银行卡号|工资|WiFi密码)(是什么|是多少|是哪天|是啥)？
        (你知道|猜猜|你猜|告诉我)(我叫什么|我几岁|我住哪里|我是谁|我喜欢什么|我的密码|我在想什么)[吗]？
        我的(手机|钥匙|车|钱包|眼镜|狗|妈妈|快递|身份证)在(哪里|哪|哪儿)？
        我(昨天|今天|上周|昨晚|{day})(吃了什么|做了什么|说了什么|买了什么|去了哪里|梦见了什么)？
        我(的|)(航班|会议|考试|预约|火车|面试)(是|在)(什么时候|几点|哪天)？
        (谁|是谁|有谁)(给我打电话|给我发消息|找我|来过)(了|)？
        我(有|有没有)(新消息|新邮件|会议|安排|未接电话|快递)[吗]？
        我{day}(有什么|有)(安排|日程|会议|计划)[吗]？
        我的(老婆|老师|老板|狗|女朋友|学校|同桌)(叫什么|叫什么名字|是谁)？
        我(有多少|存了多少|走了多少|花了多少)(钱|步|朋友|照片)？
        (我们|我)(上次|昨天|之前)(聊|说)(了什么|到哪了)？
        你(还|)记得(我|我昨天说的话|我的名字|我的生日|上次的事)吗？
        我(老婆|老板|女朋友|朋友|妈妈)(生气了吗|在家吗|爱我吗|喜欢我吗|睡了吗)？
        我(在|正在)(想什么|做什么|穿什么|干什么)？
    """,
    held_out_zh="""
        我今天早上都吃了什么？
        你记得我的生日是哪天吗？
        我把钥匙放哪里了？
        我的账户里有多少钱？
        我老板觉得我怎么样？
        {day}有人找过我吗？
    """,
)

ERRANDS = phrasings(
    train_en="""
        *(call|phone|ring|text|message|email|dial|video call) (my mother|mom|dad|{person}|my boss|the doctor|the police|my wife|a taxi|{number}|my friend)[ {day}]
        *(send|write) (a message|an email|a text|a letter|a postcard|money|flowers|my location) to ({person}|mom|my boss|my friend|everyone)[ {day}| about {thing}]
        *(play|stop|pause|skip) (some music|music|a song|the radio|a video|jazz|the next song|my playlist|this song|a podcast)[ by {person}| please]
        *play (something by {person}|a song about {thing}|{thing})
        *(take|make|shoot|record) (a picture|a photo|a selfie|a video|a voice memo|a screenshot)[ of {thing}| of me]
        *(turn|switch) (on|off) (the light|the lights|the wifi|bluetooth|the torch|airplane mode|the tv|the heating|the air conditioner|the alarm system|my computer)
        *(turn|switch) the (light|lights|wifi|bluetooth|torch|tv|heating|sound) (on|off)
        *(turn|make|set) (up|down|the volume|the brightness|it) (louder|quieter|brighter|darker|to {other} percent|the volume)
        *(increase|lower|raise|reduce) the (volume|brightness|temperature|speed)
        *(order|buy|get|book|reserve|rent) (me |us |)(a pizza|a taxi|food|flowers|a table|a flight to {place}|a hotel in {place}|tickets to {place}|a coffee|{thing}|a car)[ {day}]
        *(pay|transfer|send) (my rent|the bill|{number} dollars|my taxes|money)[ to {person}]
        *(set|start|stop) (a timer|the timer|a stopwatch|the stopwatch|a countdown)[ for ten minutes| for {other} minutes]
        *(search|google|look up|look for|browse|find) [for ]{thing} (on the internet|online|on the web|on google|in the news)
        *(delete|move|copy|rename|print|share|download|upload|backup|install|uninstall|update) (all my photos|this file|my files|the document|the last email|an app|the software|the picture|everything|my contacts)
        *(navigate|drive|walk|fly|guide me|take me by car) to {place}
        how do i get (to|from here to) {place}[ by train| by bus| on foot]?
        *(clean|wash|cook|fix|repair|paint|close|lock|open) (the kitchen|the dishes|dinner|the car|my bike|the door|the window|the house|the garage|the fridge|the bottle)
        *(feed|walk|wash) (the|my) (dog|cat|baby|horse|fish)
        *(add|put) ({thing}|milk|bread|an appointment|a meeting) (to|on) (my shopping list|my calendar|the list|my to do list)[ {day}]
        *(restart|reboot|lock|charge|unlock|shut down|reset|hack|scan) (the phone|my phone|this device|the computer|the wifi|the website)
        *(remember|note|save|keep in mind) that {person} (likes|has|wants|bought) {thing}
        *(follow|unfollow|block|like|invite|add) {person}[ on the internet| as a friend]
        how (do i|can i|to) (get|renew|apply for|lose|find|win|buy|change) (a passport|a visa|a driving license|a job|weight|money|a girlfriend|a house|a loan|a bank account|my password|a new phone)?
        *(cancel|change|move) my (appointment|flight|meeting|reservation|order|subscription)[ {day}]
        *(show|find|look at) (my photos of {thing}|pictures of {thing}|videos about {thing}|my last email)
        *make (the|my) (phone|display|sound|music|ringtone|letters|text|picture) (louder|quieter|darker|bigger|smaller|dimmer)[ a bit| again]
        the (screen|display|sound|music|room) is too (dark|bright|loud|quiet|cold|warm)[, change it|, can you help|, do something]
        it is (too|so) (dark|loud|quiet|cold|hot|bright) (here|in here|in this room)[, change that|, do something]
        *(tell|inform|remind) (my father|my sister|my boss|the teacher|{person}|everybody) that i am (ill|here|at home|on the way)
        *(tell|ask|remind) (my father|my sister|my boss|the teacher|{person}|everybody) to (come|wait|call back|buy {thing})
        *(close|lock|open|clean) (the garage|the curtains|the gate|the balcony) and (feed the cat|make coffee|call {person}|turn off the heating)
        *(pause|start) the (video|radio|movie|song) and (turn|switch) (on|off) the (light|heating|fan|oven)
        (how|where) (can|do|could|should) i (find|get|look for) (a flat|a girlfriend|cheap {thing}|a good doctor|work|new friends)[ in {place}]?
        *(find|look for) (the cheapest|a good|a direct) (train|hotel|bus|ticket|connection) to {place}
    """,
    held_out_en="""
        give {person} a call {day}
        get us a table in a restaurant in {place}
        let my mother know that i am late
        i would like to hear a song by {person}
        i would like a video of me
        can you find me a cheap flight to {place}?
        stop the music and switch off the tv
        how could i find a new job?
        close the window and wash the dishes
        the letters on my phone are too small for me
        *text my brother that dinner is ready
        *lower the blinds and put the heating on
    """,
    train_zh="""
        *(打电话|拨电话|打个电话|发消息|发短信|发微信|发邮件|视频通话|发个信息)给({person}|妈妈|老板|医生|警察|老婆|客服|{number}|朋友)[，{day}]
        *给({person}|妈妈|老板|朋友|老师|客服)(打电话|发消息|发短信|发邮件|打个电话|发微信|发红包|转账)[，说{thing}]
        *(播放|放|来|听|暂停|停止)(音乐|一首歌|周杰伦的歌|收音机|视频|下一首|轻音乐|{person}的歌|{thing}|歌曲|广播)
        *(拍|照|录|来)(一张|张|个|一段)(照片|自拍|视频|照|录像|合影|录音)[，拍{thing}]
        *(截屏|截图|录屏|拍照|录音|录像)[一下]
        *(打开|关闭|关掉|开)(灯|客厅的灯|WiFi|蓝牙|飞行模式|电视|空调|暖气|窗户|门|热点|车门|卧室的灯|热水器)
        *把(灯|电视|空调|窗户|门|音量|亮度|声音|屏幕|温度)(打开|关掉|调高|调低|调大|调小|关上|调亮|调暗|调到{other})
        *(音量|亮度|声音|温度)(大|小|高|低|亮)(一点|些)
        *(订|买|点|预订|叫|租|预约)(一张|一份|一个|一辆|)(去{place}的机票|外卖|披萨|出租车|{place}的酒店|火车票|电影票|奶茶|鲜花|{thing}|车|餐厅)
        *(付|交|转|还|充)(房租|电费|{number}块钱|话费|水费|信用卡)[给{person}]
        *(设|开|开始|停止|定)(一个|)(十分钟的|{other}分钟的|)(计时器|秒表|倒计时)
        *(计时|倒计时)({other}分钟|十分钟|一小时)
        *(在网上|上网|百度|用百度)(搜|搜索|查|查一下|找)[一下]{thing}
        *(删除|移动|复制|重命名|打印|分享|下载|上传|备份|安装|卸载|更新)(照片|所有照片|这个文件|文档|邮件|一个应用|软件|通讯录|全部|系统)
        *(导航|开车|走路|骑车)(去|到){place}
        (去|到){place}(怎么走|坐什么车|要多久|怎么去|要多少钱)？
        *(打扫|洗|做|修|刷|擦|锁)(厨房|碗|饭|车|自行车|门|窗户|衣服|房间|地板)
        *(喂|遛|洗)(狗|猫|孩子|鱼)
        *(把|)({thing}|牛奶|面包|会议)(加到|放进|写进|添加到)(购物清单|日历|待办事项|购物车)
        *(重启|锁定|充电|关机|解锁|恢复|破解|入侵|格式化)(手机|电脑|设备|网站|路由器|一下)
        *(记住|记下|记一下){person}(喜欢|有|想要|买了){thing}
        *(关注|拉黑|点赞|邀请|添加){person}[为好友]
        (怎么|如何)(办|申请|换|找|赚|减|买|改)(护照|签证|驾照|工作|钱|肥|房子|贷款|银行卡|身份证|手机密码)？
        *(取消|改|推迟)[一下]我的(预约|航班|会议|订单|订阅|酒店)
        *(找|看看|显示)[一下](我的照片|{thing}的图片|{thing}的视频|最近的邮件)
        *把(音乐|声音|字体|画面|铃声)(弄|调)(大|小|响|暗|清楚)一(点|些)
        (屏幕|画面|声音|房间|字)太(暗|亮|吵|小|冷|热)了[，调一下|，怎么办|，改一改]
        *(跟|和|对)({person}|爸爸|同事|老师)说(一声|一下|)(我到了|我不来了|我生病了|我在家|要开会)
        *(通知|转告|提醒)({person}|爸爸|同事|大家)(来开会|我到了|明天不上班|买{thing})
        *(关上|锁好|打开|擦擦)(车库|窗帘|大门|阳台)，(再|然后|还要)(喂猫|煮咖啡|关灯|拖地)
        *把(门|窗帘|风扇|收音机)(关了|开了|关上)，(再煮咖啡|再喂猫|空调也打开|灯也关掉)
        (到哪里|去哪儿|怎样|在哪)(能|可以|才能)找到(好房子|女朋友|便宜的{thing}|好医生|新朋友)？
        *(找|查|看看)(去|到){place}(最便宜的|直飞的|明天的|好一点的)(车票|酒店|航班|船票)
    """,
    held_out_zh="""
        能不能让屏幕亮一点？
        帮我们订一家{place}的餐厅
        告诉我妈妈我会晚到
        想听{person}唱的歌
        请给我录一段视频
        能找到去{place}的便宜机票吗？
        写封邮件给{person}说{thing}
        把音乐停了，电视也关上
        购物清单上加上{thing}
        我怎么才能找到新工作？
        关上窗户然后去洗碗
        手机上的字太小，我看不清
        *跟我弟弟讲一声饭好了
        *拉上窗帘，顺便把灯关了
    """,
)

GROUPS = (KNOWLEDGE, NOW, WORK, MATHS, OPINION, PERSONAL, ERRANDS)
WEIGHTS = (9, 6, 7, 7, 6, 3, 7)
ANSWERS: dict[Language, str] = {
    "en": "I am a small model and cannot help with that.",
    "zh": "我是一个小模型，这个我帮不了你。",
}
NOISE_SHARE = 0.04
THINKING: dict[Language, str] = {
    "en": "This is more than a small model can do.",
    "zh": "这超出了小模型的能力。",
}


def out_of_depth(speaker: Speaker) -> Utterance:
    group = speaker.rng.choices(GROUPS, WEIGHTS)[0]
    topics = random_topics(speaker)
    if group is MATHS:
        topics["big"], topics["few"] = _big_sum(speaker), str(speaker.between(2, 20))
    sentence = _noise(speaker) if speaker.chance(NOISE_SHARE) else speaker.say(group, **topics)
    return Utterance("out_of_depth", sentence, ANSWERS[speaker.language], THINKING[speaker.language])


def _noise(speaker: Speaker) -> str:
    """What a cat types."""
    if speaker.language == "zh":
        return characters(speaker, speaker.between(2, 6))
    return " ".join(letters(speaker) + letters(speaker) for _ in range(speaker.between(1, 2)))


def _big_sum(speaker: Speaker) -> str:
    """A sum beyond those of `arithmetic`, most often with numbers of two digits, as people ask."""
    sign = speaker.choose("+-*")
    operands = [
        speaker.between(LARGEST[sign] + 1, 99) if speaker.chance(0.65) else speaker.between(100, 999),
        speaker.between(2, 99 if speaker.chance(0.75) else 999),
    ]
    speaker.rng.shuffle(operands)
    return written_sum(speaker, operands[0], sign, operands[1])
