"""Questions about this gateway. The answers are what README.md and docs/wire.md say."""

from training.example import Language
from training.text.facts import fact, tell
from training.text.frames import phrasings
from training.text.speaker import Speaker, Utterance

TOKEN = fact(
    phrasings(
        train_en="""
            (how|where) (do|can|could|should|would) (i|we|one|a user|a client) (get|obtain|create|make|issue|request|find|generate) (a|an|the|my|a new|an access) [access |api |bearer ](token|key)[ for this gateway| for the gateway| for the api| here]?
            how (to|can i|do i) (get|create|issue|obtain|make) (a token|an access token|an api key|my token)[ for the gateway| for alice| for a user]?
            (who|what|which command) (gives|issues|makes|creates|prints) (me |)(a|the|an access) token?
            (which|what) command (issues|creates|makes|gives|prints) (tokens|a token|access tokens|an access token)?
            (which|what) is the command (for|to get|to issue|to make) (a token|tokens|an access token)?
            i (need|want|have no|lost my|don't have a) [access |api |](token|key)[ for the gateway| for this api]
            *(give|issue|make|create|get) me (a|an access|a new|an api) (token|key)
            *(issue|make|create) a token for (alice|bob|a user|me|my app)
            *(tell|show) me how to (get|issue|create) (a token|an access token|an api key)
            where do (tokens|access tokens|api keys) come from?
            how does (one|a user|my app) get (a token|access|an access token)?
            how (do|can) i (get access|authenticate|log in|sign in|get in)[ to the gateway| to this api| here]?
            (token|api key|access token)[ please| how]?
            <how> (get|obtain|create|issue|make|receive) (a token|an access token|an api key|a key|a token for the gateway|tokens for users|my own token)?
            <wish> (get|obtain|create|issue|receive|have) (a token|an access token|an api key|a token for my app|a token for a user)
            <how> (sign in|log in|authenticate|get access to the gateway|get access to the api)?
            (my app|i|we) (need|needs|have no|has no) (token|access token|api key)
            (with|by) (which|what) command (are tokens made|is a token issued|do i issue a token|can i make a token|do i create a key)?
            how (is|are) (a token|tokens|an access token|access tokens) (issued|made|created|given out)?
            (i have no|there is no|we have no) (token|access token|key) (yet|for the api|for my app|, what now)
            <clause> (how i get a token|how tokens are made|how tokens are created|where tokens come from|how to get a token|how an access token is created|what i need for access|where my token comes from|who issues tokens)
            please (give|explain|create|show) (me |)(a token|an access token|the way to a token|how tokens are made)
            i have no token[ yet| for the gateway| for my app], (how do i get one|where is it|can you give me one|what do i do)
            i (want|would like) to (use|call|try) the (api|gateway), (how do i get a token|what token do i need|where is my token)
        """,
        held_out_en="""
            with which command do i get an access token?
            my app needs a token, how is it made?
            who can give my app an api key?
            i want to use the api but i have no token
            please show how a token is created
        """,
        train_zh="""
            (怎么|如何|怎样|在哪里|在哪|去哪里)(获取|得到|拿到|申请|生成|创建|签发|领取|获得|弄到|取得|拿)(令牌|token|访问令牌|密钥|API密钥|一个令牌|一个token|Token)[？]
            (令牌|token|访问令牌|API密钥|密钥)(怎么|如何|在哪里|在哪|要怎么)(获取|得到|拿到|申请|生成|创建|签发|领|拿)？
            (哪个|什么|用什么|用哪个)命令(可以|能|)(签发|生成|创建|获取|得到)(令牌|token|访问令牌)？
            我(需要|想要|要|没有|丢了|想申请)(一个|)(令牌|token|访问令牌|密钥|API密钥)[怎么办]
            *(给我|帮我|给用户|为用户)(签发|创建|生成|弄)一个(令牌|token|访问令牌)
            *(告诉我|说说)(怎么|如何)(获取|得到|申请|签发)(令牌|token|密钥)
            (令牌|token|密钥)从哪里来？
            (怎么|如何)(登录|认证|鉴权|接入)[网关|这个接口|这个网关]？
            (获取|申请|签发|生成)(令牌|token)的(命令|方法|步骤)是什么？
            (访问|调用|使用)(网关|接口|这个网关)(需要|要)(令牌|密钥|token)吗，怎么(拿|获取)？
            <怎么>(拿到|申请|得到|获取|签发|创建|取得)(令牌|token|访问令牌|API密钥|一个令牌|网关的令牌)
            <怎么>(登录网关|通过认证|拿密钥)
            (我|我的应用|我们)(还没有|没有|需要|缺|要用)(令牌|token|访问令牌|密钥)[，怎么办|，去哪里弄|，哪里有]
            (签发|申请|创建|拿)(令牌|token|访问令牌)(用|要用|是)(什么|哪个)(命令|方法|办法)？
            我(想|要)(用|调用|访问)(网关|接口|API)，(怎么拿令牌|令牌在哪里拿|需要什么令牌|没有token怎么办)
            (没有|还没有|缺)(令牌|token|密钥)，(怎么办|在哪里拿|怎么申请|去哪弄)
            (签发|生成|创建|申请)(令牌|token)(该|应该|需要|要)(运行|执行|输入)(什么|哪个|哪条)(命令|指令)？
        """,
        held_out_zh="""
            用网关之前怎么申请访问令牌？
            有没有一条命令可以给我签发token？
            能告诉我如何得到API密钥吗？
            我的应用要token，怎么弄到？
        """,
    ),
    en='Run: gateway token issue --user alice --scope "chat vision speech"',
    zh='运行：gateway token issue --user alice --scope "chat vision speech"',
)

LIMITS = fact(
    phrasings(
        train_en="""
            what (are|is) the [usage |rate |request |api |default |](limits|limit|restrictions|quotas)[ here| of the gateway| of this gateway| per user| for me| for users| of the api| on requests]?
            what (limits|rate limits|restrictions|quotas) (are there|apply|do i have|does the gateway have|hold|exist|are set)[ here| for me| per user| on the gateway| for users]?
            (which|what) limits (does|has) (this|the) gateway[ have| set| enforce| got]?
            (is|are) there (a limit|limits|any limits|a rate limit|restrictions|quotas)[ here| on requests| on the gateway| per user]?
            *(tell|show|give) me the [rate |usage |](limits|limit)[ of the gateway| please| here| of this gateway]
            *(explain|describe|list) the [rate |](limits|rate limiting)[ of the gateway| per user]
            how (am i|are users|are requests|is the gateway|is a user) (limited|rate limited|throttled|restricted)[ here]?
            how does (the rate limit|rate limiting|limiting|throttling) work[ here| in the gateway]?
            how much (can|may) (i|a user|one user|we) (use|send|ask)[ here| on the gateway]?
            do (you|i|users) have [rate |usage |]limits[ here| on this gateway]?
            (limits|rate limits|rate limit|gateway limits)[ please| of the gateway]?
            i want to know the [rate |]limits[ of the gateway]
            <about> (the limits|the rate limits|the limits of the gateway|my limits|the limits for users|the restrictions|the limits per user|the limits here|the limits of this api|the rate limiting)
            (what|which) (limit|limits|rate limits|restrictions) (does|has|do) (the api|this api|the gateway|users|each user|every user) have?
            (what|which) (limits|restrictions|quotas) (are set|apply|hold) for (users|a user|my app|everyone|each user)?
            how (is|are) (my app|users|my requests|the users|everybody) (limited|restricted|throttled)[ by the gateway]?
            (is|are) (my app|my requests|users|everybody) (limited|rate limited|restricted)[ in some way| here]?
            <clause> (what the limits are|which limits apply|which limits hold for me|how i am limited|how users are throttled|how much i can use|what limits there are|if there are limits|what is limited|how the rate limit works|which limits a user has)
            (the|my|all) (limits|rate limits|quotas|restrictions)[ for me| that apply to users| that hold here], please
        """,
        held_out_en="""
            could you explain the limits that apply to me?
            which restrictions are set for a user of the gateway?
            are my requests rate limited on the gateway?
            what keeps one user from asking all day long?
        """,
        train_zh="""
            (网关|这个网关|接口|这里|API|每个用户|用户|我)[的|有](限制|限额|配额|限流|使用限制|请求限制|调用限制|频率限制)(是什么|有哪些|是多少|是怎样的|怎么算|是啥|)？
            (有|有没有)(什么|哪些|)(限制|限额|配额|限流|使用限制|请求限制|频率限制)[吗|呢]？
            (网关|这个网关|接口)(怎么|如何|是怎么)(限流|限制用户|限制请求|限速)[的]？
            *(告诉我|说说|列出|解释|介绍)[一下](网关的|接口的|这里的|)(限制|限额|限流|配额|使用限制)
            (限流|限制|限额)(规则|策略|)是(什么|怎样的|多少)？
            我(能|可以)(用|发)多少[请求]？
            (网关|接口)(会|)(限流|限速)吗？
            (限制|限额|限流规则)？
            (使用|调用)(网关|接口)有(什么|哪些)(限制|限额)？
            我想知道(网关的|)(限制|限额|限流规则)
            <关于>(限制|网关的限制|限流|使用限制|请求限制|限额|配额|每个用户的限制|接口的限制|限流规则|频率限制)
            (用户|每个用户|我的应用)(受|有|会受)(什么|哪些)(限制|限额|约束)？
            (调用|使用)(网关|接口|API)(受|会受|有|会有)(限制|限流|什么限制)吗？
            (网关|接口|API)(对用户|对请求|)(有|设了)(什么|哪些|多少)(限制|限额|配额)？
            我(一共|总共|每天)(有|有多少)(配额|限额|额度)[吗]？
            <关于>(有什么限制|受到什么限制|我能用多少|怎么限流|有没有限制|用户有哪些限制|频率有什么限制|我的配额|限额是多少)
            (频率|调用频率|请求频率)(有|有没有)(限制|上限)[吗]？
        """,
        held_out_zh="""
            能说一下这个网关的限流规则吗？
            用户用接口会受到哪些限制？
            请问我的配额一共有多少？
            调用API的频率有没有限制？
            我在网关上的限额是怎样的？
        """,
    ),
    en="10 requests a minute, 2 at once, 60 seconds for each.",
    zh="每分钟 10 个请求，同时 2 个，每个最多 60 秒。",
)

RATE = fact(
    phrasings(
        train_en="""
            how many (requests|calls|questions|messages) (per|a|each|in a|in one|every) minute[ can i send| are allowed| may i send| do i get| are possible]?
            how many (requests|calls|questions|messages) (can|may|could) (i|a user|one user|we|my app) (send|make|ask|do) (per|a|each|in a|in one|every) minute[ here]?
            how (often|fast|frequently) (can|may|should) (i|a user|my app) (ask|send requests|call the api|send a request|call you|use the gateway)?
            what is the (number|maximum|limit) of (requests|calls) (per|a|each) minute?
            what is the (maximum|limit) (per|for a|for one) minute?
            (requests|calls) per minute[ please| limit| allowed]?
            (can|may) i send (twenty|50|100|fifty|thirty|eleven|20) (requests|calls|questions) (a|per|in a|in one) minute?
            (is|are) (twenty|50|100|fifty|thirty) (requests|calls) (a|per|in a) minute (ok|allowed|too many|possible)?
            *tell me how many (requests|calls) (per|a|each) minute (i can send|are allowed)
            <clause> how many (requests|calls|questions) (i can send|are allowed|a user can send|my app may send|i may send) (per minute|a minute|in one minute|each minute)
            <about> (the number of requests per minute|the requests per minute|the limit per minute|the calls per minute|the maximum per minute)
            (in|within|during) (a|one) minute, how many (requests|calls) (can i send|are allowed|may i make|are ok)?
            what number of (requests|calls|questions) (is|are) (allowed|possible|ok) (per|in a|each|in one) minute?
            (can|may|could|am i allowed to) (my app send|i send|a user send|send) (fifteen|forty|twelve|15|40|200) (requests|calls|questions) (per|a|in one) minute?
            (how many|what number of) (questions|requests|calls) (in|within|for) (a|one|each) minute (are ok|can i have|are fine|is allowed|will you answer)?
            (am i|is my app|is a user) allowed to (send|make|ask) (fifteen|forty|twenty|50|100) (requests|calls|questions) (a|in a|in one) minute?
        """,
        held_out_en="""
            what number of calls may my app make in one minute?
            in a minute, how many questions may i ask?
            per minute, how many requests do i get?
            would a hundred questions in one minute be fine?
        """,
        train_zh="""
            (每分钟|一分钟|1分钟|每一分钟)(能|可以|允许|最多|最多能|最多可以|一共能|)(发|发送|调用|请求|问|发起)(多少|几|多少个|几个|多少次|几次)[请求|问题|消息]？
            (每分钟|一分钟)(有|的|)(多少|几)(个|次)(请求|调用)(机会|额度|)？
            (每分钟|一分钟)的(请求数|请求上限|调用次数|请求限制)是(多少|几)？
            我(每分钟|一分钟)(能|可以)(发|问|调用)(多少|几)(个|次)[请求]？
            (多久|隔多久)(能|可以)(发|问)一次？
            (请求|调用)(频率|次数)(上限|限制|)是(多少|每分钟多少)？
            (每分钟|一分钟)(发|请求|调用)(二十|五十|一百|20|50|100|三十)(次|个)(可以|行|会被拒绝|太多)吗？
            <关于>(每分钟|一分钟)(能发多少请求|可以发几个请求|的请求数|能问几次|最多几个请求|可以调用几次)
            (我的应用|一个用户|每个用户|我)(每分钟|一分钟|一分钟内)(最多|)(能|可以)(发|调用|问)(几次|多少次|多少请求|几个请求)？
            (一分钟|每分钟)(内|里)(最多|能|可以)(发|问|调用)(几|多少)(个|次)(请求|问题|)？
            (每分钟|一分钟)(超过|)(多少|几)(个|次)(请求|调用)(会被拒绝|就太多了|算多)？
            (每分钟|一分钟)(发|请求|问)(十五|四十|15|40|200)(次|个)(会不会太多|可以吗|能行吗)？
            (如果|要是)(每分钟|一分钟)(发|问|请求)(很多|二十|一百|好多)次(会怎样|可以吗|行吗)？
            (在|)(一分钟|1分钟)(之内|以内|内)(最多|)(能|可以)(请求|发|调用)(多少|几)次？
        """,
        held_out_zh="""
            如果我每分钟一直发，最多能发几次？
            每分钟请求多少次会被限制？
            在一分钟之内，我最多可以问几个问题？
            每分钟发三十个请求行不行？
        """,
    ),
    en="10 requests a minute.",
    zh="每分钟 10 个请求。",
)

CONCURRENT = fact(
    phrasings(
        train_en="""
            how many (requests|calls|questions|streams|generations) (at once|at the same time|in parallel|concurrently|simultaneously|at a time)[ are allowed| can i send| are possible| do i get]?
            how many (requests|calls|questions|streams) (can|may|could) (i|a user|one user|we|my app) (send|run|have|make) (at once|at the same time|in parallel|concurrently|simultaneously)?
            how many (concurrent|parallel|simultaneous) (requests|calls|streams|questions) (can i send|are allowed|may i have|are there|do i get|are possible)[ per user]?
            (can|may) i (send|run|have) (two|three|five|ten|several|many) (requests|calls|streams) (at once|at the same time|in parallel|together)?
            what is the (number|maximum|limit) of (concurrent|parallel|simultaneous) (requests|calls|streams)?
            (concurrent|parallel|simultaneous) (requests|calls)[ please| limit| allowed]?
            (is|are) (parallel|concurrent) (requests|calls) (possible|allowed|ok|supported)?
            what (is|was) the (concurrency|parallel|concurrent) limit?
            <clause> how many (requests|calls|streams) (i can send|can run|are allowed|may run|a user can have) (at once|at the same time|in parallel)
            <about> (the number of concurrent requests|the number of parallel requests|requests at once|parallel requests|simultaneous requests|the limit of concurrent requests)
            how many (requests|calls|streams) (can|may) (run|be open|be active|go on) (at once|in parallel|at the same time|together)[ for a user]?
            (can|could|may) (my app|a user|one user|i) (have|run|open|send) (two|three|four|several|many) (requests|streams|calls) (at once|in parallel|at the same time)?
            (are|is) (two|three|several|many|more) (requests|calls|streams) (at once|in parallel|at the same time) (allowed|ok|too many)?
            (is it ok|is it fine|is it allowed|is it possible) (if|that|when) (two|four|several|many|five) (of my requests|requests|calls|streams) run (together|in parallel|at once)?
            how many (of my requests|requests|streams) (can|may) (go|run) (together|side by side|at one time)?
        """,
        held_out_en="""
            is it ok if three of my requests run at the same time?
            what maximum of simultaneous requests is allowed?
            may two of my requests overlap in time?
            if i ask four things at the same moment, does each run at once?
        """,
        train_zh="""
            (同时|并发|一次|并行|同一时间)(能|可以|允许|最多|最多能|最多可以|)(发|发送|运行|有|跑|处理|发起)(多少|几|多少个|几个)[请求|任务|流]？
            (并发|同时请求|并行请求)(数|的数量|上限|限制|数量)(是多少|是几|有多少|多少)？
            我(能|可以)(同时|并发|并行)(发|运行|跑|开)(多少|几|两|三|十|好几)个(请求|任务|流|)[吗]？
            (支持|允许|可以)(并发|并行|同时发)(请求|)[吗]？
            (最大|最多)(并发|同时)(多少|是多少|几个|请求多少)？
            (多少|几)个(请求|任务)(可以|能)(同时|一起|并行)(运行|发|跑|处理)？
            <关于>(并发数|并发限制|同时能发几个请求|并发请求数|同时可以有几个请求|并行的上限|能不能并发)
            (一个用户|每个用户|我的应用|我们)(同时|并发|一次)(最多|)(能|可以)(发|有|开|跑)(几个|多少个|多少)(请求|流|任务)？
            (两个|三个|几个|多个)(请求|任务|流)(可以|能)(同时|并行|一起)(发|跑|运行|开)吗？
            (最多|一共)(能|可以)(同时|并行)(开|跑|发|有)(几个|多少个)(请求|流|任务)？
            (几个|多少个|两个|三个)请求(一起|同时)发(可以|行|没问题)吗？
            (同时|一起)(发|跑|开)(两个|三个|五个|很多)(请求|任务|流)(可以|行|会被拒绝)吗？
        """,
        held_out_zh="""
            几个请求一起发可以吗，最多几个？
            同一时刻发三个任务会不会被拒绝？
            并发请求的最大数量是多少？
            我的应用能同时开几个流？
        """,
    ),
    en="2 requests at once.",
    zh="同时 2 个请求。",
)

DEADLINE = fact(
    phrasings(
        train_en="""
            how (long|much time) (can|may|does|will|could) (a|one|my|each|the) (request|call|answer|generation|stream) (take|last|run|have)[ at most]?
            (what|how long) is the (timeout|time out|deadline|time limit|maximum time)[ of a request| for a request| here| of the gateway]?
            (when|after how long|after how many seconds) (does|will|do) (a request|my request|the gateway|requests) (time out|stop|end|get stopped|expire)?
            (is|does) (there|the gateway have) a (timeout|time limit|deadline)[ for requests| for a request]?
            how many seconds (does|may|can|has) (a|my|each) (request|call|answer) (have|take|last|got)?
            (timeout|time limit|request timeout|deadline)[ of a request| please]?
            what (happens|will happen) (after|when a request takes longer than) (60 seconds|a minute|the timeout)?
            why (did|does|was) my (request|answer|stream) (time out|stop after a minute|end with deadline|end after a minute)?
            what does (504|finish reason deadline|"deadline") mean?
            (why do i get|what is|i get) [a |an |status |error ]504?
            <clause> (how long a request can take|how long a request may take|when requests time out|how many seconds a request has|why my request timed out|how long an answer can take)
            <about> (the timeout|the time limit|the deadline|the request timeout|error 504|status 504|the maximum time of a request|status code 504)
            (the gateway|the api|the server|it|my app) (says|gives me|sends|returns|shows|answered with|answered|gave) (a |error |status |)504
            how many seconds (until|before) (a request|my request|the request|an answer) (times out|is stopped|ends|stops)?
            (what|which) (time limit|timeout|deadline) (is there|do requests have|does a request have|has a request|holds)?
            (my|a|the) (stream|request|answer) (ended|stopped|was cut|timed out|was stopped) (after a minute|with deadline|too early|after 60 seconds)
            does (a request|an answer|a stream|my request) (stop|end|time out) (after a minute|after 60 seconds|at some time|by itself)?
            <clause> (when a request is stopped|what 504 means|why i get 504|why my stream ended with deadline|what error 504 is|what deadline means)
            why was (my answer|my stream|the answer|my request) (cut|stopped|ended|cut off) (after a minute|after sixty seconds|so early|with deadline)?
            (how many|after how many) seconds (is|are|will) (my call|a call|my request|requests|the answer) (be stopped|stopped|cut off|ended|over)?
        """,
        held_out_en="""
            could you tell me the maximum time of one answer?
            after what time does the gateway give up on an answer?
            how patient is the gateway with one slow request?
            my answer was cut off after a minute, is that normal?
        """,
        train_zh="""
            (一个|每个|我的|单个)(请求|调用|回答)(最长|最多|)(能|可以|要|会)(多久|多长时间|持续多久|跑多久|用多久|运行多长时间)？
            (请求|接口|网关|调用)(的|)(超时|超时时间|时间限制|最长时间|时限)(是多少|是多久|多久|有多长|是几秒)？
            (多久|多长时间|几秒|多少秒)(会|后会|之后|)(超时|停止|断开|过期)？
            (有|有没有)(超时|时间限制|超时限制)[吗]？
            (为什么|怎么)(我的请求|请求|回答|流)(会|)(超时|一分钟就停|中断|被截断)了[？]
            (504|deadline|状态码504)(是什么|是什么意思|什么意思|是怎么回事)？
            (报|出现|返回|收到)504(怎么办|是什么意思|错误|是为什么)？
            (超过|超出)(60秒|一分钟|时限)(会怎样|会怎么样|会如何|怎么办)？
            (超时时间|时限)？
            <关于>(超时时间|请求的时限|一个请求能多久|504|超时|请求最长多久|时间限制|504错误)
            (网关|接口|服务器)(给我|)(返回|报|显示|回了)(了|)504
            (请求|我的请求|回答|流)(过|要过|多少秒|几秒)(多久|多长时间|后|之后)(会|就|)(停|超时|断开|被停止)？
            (每个|单个|一个)(请求|调用|回答)(的|)(时限|时间限制|最长时间)(是多少|是几秒|有多久)？
            (我的|)(流|请求|回答)(一分钟|60秒)(就|后|后就)(断了|停了|结束了|超时了)
            (网关|服务器)(在|会在|)(多少|几)(秒|秒之后|秒后)(停止|断开|结束)(请求|我的请求|回答)？
            (一次|一个)(调用|请求|回答)(不能|最多)(超过|等|跑)(几秒|多久|多少秒)？
            为什么(我的|)(流|回答|请求)(在|)(一分钟|60秒)(后|左右|)(断开|停了|断了|结束)？
        """,
        held_out_zh="""
            请求跑了多少秒网关就不让跑了？
            我的一次调用可以跑到几秒？
            网关返回504是怎么回事？
            流在一分钟后断开是为什么？
        """,
    ),
    en="60 seconds for a whole request; then it is stopped.",
    zh="整个请求最多 60 秒，之后会被停止。",
)

ROUTES = fact(
    phrasings(
        train_en="""
            (what|which) (routes|endpoints|paths|urls|api routes|api endpoints|addresses|apis|methods) (are there|does the gateway have|do you have|exist|can i use|can i call|are available|does the api have|do you offer)[ here]?
            what (are|is) the (routes|endpoints|paths|urls|api)[ of the gateway| of the api| of this gateway| here]?
            *(list|show|name|tell) (me |)(all |)(the |)(routes|endpoints|paths|api routes)[ of the gateway| of this gateway| please]
            (where|to which url|to what address|to which route|to which path|to which endpoint) (do|should|can|must) i (send|post|put) (my |a |the |)(requests|request|message|prompt|question|text|json)[ to]?
            how (do|can) i (call|use|reach|talk to) (the api|the gateway|this gateway|your api)[ over http| from my app| with curl]?
            (which|what) (route|endpoint|path|url) (is|should i use) for (chat|text|messages|a chat)?
            (routes|endpoints|api routes)[ please]?
            what can i (call|post to)[ here| on the gateway]?
            how does the (api|http api|interface) (look|work)?
            i (need|want) (the list of|to know the|all) (routes|endpoints)
            <about> (the routes|the endpoints|all routes|the paths of the api|the routes of the gateway|the http api|which routes there are|which endpoints i can call|the list of routes|the list of endpoints)
            <how> (call the api|reach the gateway|send a message to the gateway|send text|send a prompt|post a question|talk to the api)?
            <wish> (call the api|send text to the gateway|send a prompt|post a question|use the http api)
            (name|list|show) (the|all|all the) (routes|endpoints|paths) (that i can call|my app can use|of this api|you have|there are)
            (which|what) (http |)(routes|endpoints|paths) (can|may|should) (i|my app|we) (call|use|reach)?
            to (which|what) (route|endpoint|path|url) (do|does|should|can) (i|my app) (send|post) (text|messages|my text|a prompt|questions|chats)?
            <clause> (which routes there are|what i can call|where i send my text|which paths exist|which endpoints exist|which routes the api has|how i call the api|to which route i send a prompt|which endpoint is for chat)
            (give|send|write) me (a list|the list|all the names) of (the routes|the endpoints|all endpoints|the paths|routes)
            what is the (route|endpoint|path) (for text|for a chat|for messages|for my prompt|that takes text|for a question)?
            please (list|name|show) (the|all) (routes|endpoints|paths)[ of the api| here]
        """,
        held_out_en="""
            could you name the endpoints that my app can call?
            which paths does this api offer?
            what is the route that i send my text to?
            which http endpoints are available on the gateway?
        """,
        train_zh="""
            (有|都有|网关有|这个网关有|API有|接口有|提供)(哪些|什么)(路由|接口|端点|路径|API|地址|方法)[可以用|可以调用|呢]？
            (网关|这个网关|API|服务)的(路由|接口|端点|路径|地址)(是什么|有哪些|是哪些)？
            *(列出|告诉我|说说|介绍)[一下](网关的|所有的|全部|所有|)(路由|接口|端点|路径)
            (请求|消息|文字|问题|数据)(应该|要|该|)(发到|发给|发送到|提交到)(哪里|哪个接口|哪个地址|哪个路由|什么地址)？
            (怎么|如何)(调用|使用|访问)(接口|网关|API|这个网关|你们的接口)？
            (聊天|文字|对话|发消息)(用|要用|走)(哪个|什么)(接口|路由|端点|路径)？
            (路由|接口列表|端点|接口有哪些)？
            我(想知道|需要)(所有|全部|)(路由|接口|端点)
            我(能|可以)(调用|访问)(哪些|什么)(接口|路由|端点)？
            <关于>(有哪些接口|接口|所有路由|网关的路由|有哪些端点|API的路径|接口列表|能调用哪些接口|全部接口)
            <怎么>(调用接口|访问网关|给网关发消息|发送文字|调用API|用HTTP访问)
            (我的应用|手机应用|客户端)(能|可以|该)(调用|访问|用)(哪些|什么|哪个)(接口|路由|端点|路径)？
            (文字|消息|聊天|问题)(应该|要|该)(走|用|发到|提交到)(哪个|什么)(接口|路由|端点|路径|地址)？
            (列|说|介绍)一下(网关|这个服务|API)(提供的|有的|的)(接口|路由|端点|路径)
            (请|)(列出|介绍|说说)(所有|全部|网关的|这个服务的)(接口|路由|端点|路径)
            (全部|所有)(接口|路由|端点|路径)(是什么|是哪些|有哪些|列一下)？
            (发|传)(文字|消息|问题)(要|该|)(走|用)(哪个|什么)(接口|端点|路由)？
        """,
        held_out_zh="""
            能列一下网关提供的接口吗？
            我的应用可以调用哪些API？
            文字消息应该走哪个端点？
            请介绍这个服务有哪些路径
        """,
    ),
    en="POST /chat, /vision and /speech, and OpenAI's shapes under /v1.",
    zh="POST /chat、/vision 和 /speech，以及 /v1 下 OpenAI 格式的接口。",
)

VISION = fact(
    phrasings(
        train_en="""
            how (do|can|should|could) i (send|upload|post|submit|attach|pass) (a|an|my|the) (picture|photo|image|screenshot|heic photo)[ to the gateway| to the api| here| with curl]?
            (where|to which route|to which endpoint) (do|can|should) i (send|upload|post) (a picture|an image|photos|images|my photo|a screenshot|pictures)[ to]?
            (which|what) (route|endpoint|path|url) (is|takes|should i use|do i use|accepts) (for |)(images|pictures|photos|vision|a photo|an image|screenshots)?
            *(tell|show) me how to (send|upload|post) (a picture|an image|a photo|a screenshot)
            how does (vision|the vision route|image upload|/vision) work[ here]?
            what is (/vision|the vision route|the vision endpoint)[ for]?
            how (to|do i) (use|call) (/vision|the vision route|the vision endpoint)?
            (image|photo|picture) upload[ how| please]?
            <how> (send|upload|submit|post|pass|give you) (a picture|a photo|an image|a screenshot|images|my photos) (to the gateway|to the api|with http|over http|from my app|with curl|to the server)?
            <wish> (send|upload|submit|post) (a picture|a photo|an image|a screenshot|images) (to the gateway|to the api|over http|from my app|with curl)
            (which|what) (route|endpoint|path|url) (do|can|should|does) (i|my app|we) (use|call|need) (for|to send|to upload|to ask about) (a photo|a picture|an image|images|a screenshot|pictures)?
            (where|to which route|to which url) (does my app|do i|can i|should my app) (send|upload|post|put) (a photo|a picture|an image|a screenshot|my pictures)?
            (which|what) (route|endpoint) (takes|accepts|is for|reads|handles) (a picture|pictures|photos|an image|images|screenshots)?
            <about> (the vision route|image uploads|/vision|the route for images|the route for pictures)
            <clause> (how i send a picture|where i send a photo|how to upload an image|which route is for images|which endpoint takes pictures|how my app sends a screenshot|how a picture gets to you)
            (my app|i|we) (has|have|took|made) (a picture|an image|a screenshot|photos), (where do i send it|which route do i use|how do i upload it|where to)
            i want to (upload|send|post) (an image|a screenshot|my photo), (how|which route|which endpoint|where)
        """,
        held_out_en="""
            which endpoint accepts a screenshot from my app?
            my app has a photo, how does it get to the api?
            i want to upload a picture, where to?
            what do i call to ask about an image over http?
        """,
        train_zh="""
            (怎么|如何|怎样)(发送|上传|提交|传|发)(图片|照片|截图|一张图片|图像|一张照片)[到网关|给网关|给接口]？
            (图片|照片|截图|图像)(怎么|如何|要怎么)(发送|上传|提交|传|发)[到网关|给接口]？
            (图片|照片|截图|视觉)(用|发到|要用|走|传到)(哪个|什么)(接口|路由|端点|路径|地址)？
            (哪个|什么)(接口|路由|端点)(接收|处理|支持|可以传)(图片|照片|截图|图像)？
            *(告诉我|说说)(怎么|如何)(上传|发送)(图片|照片|截图)
            (/vision|视觉接口|图片接口)(怎么用|是什么|是做什么的|如何使用)？
            (上传|发送)(图片|照片)的(接口|路由|方法)是什么？
            <怎么>(上传|发送|提交|传)(图片|照片|截图|图像)(给网关|到接口|到网关|给接口|到服务器)
            (传|发|上传|提交)(图片|照片|截图|图像)(用|走|要用|该用|是)(哪个|什么)(接口|路由|端点|路径|地址)？
            (我的应用|客户端|手机)(要|想|怎么)(传|发|上传)(图片|照片|截图|图像)[，用哪个接口|，怎么办|，走哪里]
            (图片|照片|截图|图像)(应该|要|该)(传|发|提交|上传)到(哪里|哪个接口|哪个路由|什么地方|哪个端点)？
            <关于>(图片接口|怎么传图片|视觉接口|/vision|传照片的接口)
            (我|我的应用)有(一张图|图片|照片|截图)，(怎么发给网关|传到哪里|用哪个接口|怎么上传)
            (网关|接口|服务器)(怎么|如何)(接收|处理|收)(图片|照片|截图|图像)？
            (请问|)(照片|图片|截图)(要|应该|该)(提交|发|传)(到|给)(哪个|什么)(接口|地址|路由|端点)？
        """,
        held_out_zh="""
            我的应用要传截图，用哪个路由？
            我拍了照片，要提交给网关的哪个端点？
            能说说网关怎么接收图像吗？
            把图片发给接口要怎么做？
        """,
    ),
    en="POST /vision with the form fields image and prompt.",
    zh="POST /vision，表单字段是 image 和 prompt。",
)

SPEECH = fact(
    phrasings(
        train_en="""
            how (do|can|should|could) i (send|upload|post|submit|transcribe|pass) (a|an|my|the) (recording|voice message|audio file|voice recording|sound file|m4a file|speech)[ to the gateway| to the api| here| with curl]?
            (where|to which route|to which endpoint) (do|can|should) i (send|upload|post) (audio|a recording|recordings|my voice|a voice message|sound)[ to]?
            (which|what) (route|endpoint|path|url) (is|takes|should i use|do i use|accepts) (for |)(audio|speech|recordings|voice|sound|a recording|voice messages)?
            *(tell|show) me how to (send|upload|post|transcribe) (audio|a recording|a voice message|an audio file)
            how does (speech|the speech route|audio upload|/speech|transcription) work[ here]?
            what is (/speech|the speech route|the speech endpoint)[ for]?
            how (to|do i) (use|call) (/speech|the speech route|the speech endpoint)?
            (audio|voice|recording|speech) upload[ how| please]?
            <how> (send|upload|submit|post|pass|give you) (a recording|audio|a voice message|an audio file|a sound file|recordings) (to the gateway|to the api|with http|over http|from my app|with curl|to the server)?
            <wish> (send|upload|submit|post|transcribe) (a recording|audio|a voice message|an audio file|a sound file) (to the gateway|to the api|over http|from my app|with curl)
            (which|what) (route|endpoint|path|url) (do|can|should|does) (i|my app|we) (use|call|need) (for|to send|to upload|to transcribe) (audio|a recording|a voice message|recordings|speech|a sound file)?
            (where|to which route|to which url) (does my app|do i|can i|should my app) (send|upload|post|put) (a recording|audio|a voice message|my voice|a sound file)?
            (which|what) (route|endpoint) (takes|accepts|is for|hears|handles|transcribes) (audio|a recording|recordings|voice messages|speech|sound)?
            <about> (the speech route|audio uploads|/speech|the route for recordings|the route for audio)
            <clause> (how i send a recording|where i send audio|how to upload a voice message|which route is for audio|which endpoint takes recordings|how my app sends a recording|how a recording gets to you)
            (my app|i|we) (has|have|took|made) (a voice message|an audio file|a sound file|recordings), (where do i send it|which route do i use|how do i upload it|where to)
            i want to (upload|send|post|transcribe) (audio|a recording|my voice), (how|which route|which endpoint|where)
            what (route|endpoint) do i (call|use) (for|to transcribe) (a sound file|audio|recordings|speech)[ over http]?
        """,
        held_out_en="""
            which endpoint accepts a voice recording from my app?
            my app has a recording, how does it get to the api?
            i want to upload a voice message, where to?
        """,
        train_zh="""
            (怎么|如何|怎样)(发送|上传|提交|传|发|转写)(语音|录音|音频|一段录音|声音|语音消息|一段语音)[到网关|给网关|给接口]？
            (语音|录音|音频|语音消息)(怎么|如何|要怎么)(发送|上传|提交|传|发|转写)[到网关|给接口]？
            (语音|录音|音频|声音)(用|发到|要用|走|传到)(哪个|什么)(接口|路由|端点|路径|地址)？
            (哪个|什么)(接口|路由|端点)(接收|处理|支持|可以传)(语音|录音|音频|声音)？
            *(告诉我|说说)(怎么|如何)(上传|发送|转写)(语音|录音|音频)
            (/speech|语音接口|录音接口)(怎么用|是什么|是做什么的|如何使用)？
            (上传|发送)(语音|录音|音频)的(接口|路由|方法)是什么？
            <怎么>(上传|发送|提交|传|转写)(语音|录音|音频|声音)(给网关|到接口|到网关|给接口|到服务器)
            (传|发|上传|提交)(语音|录音|音频|声音)(用|走|要用|该用|是)(哪个|什么)(接口|路由|端点|路径|地址)？
            (我的应用|客户端|手机)(要|想|怎么)(传|发|上传)(语音|录音|音频|声音)[，用哪个接口|，怎么办|，走哪里]
            (语音|录音|音频|声音)(应该|要|该)(传|发|提交|上传)到(哪里|哪个接口|哪个路由|什么地方|哪个端点)？
            <关于>(语音接口|怎么传录音|录音接口|/speech|传语音的接口)
            (我|我的应用)有(一段语音|语音|录音|音频)，(怎么发给网关|传到哪里|用哪个接口|怎么上传)
            (网关|接口|服务器)(怎么|如何)(接收|处理|收)(语音|录音|音频|声音)？
            (请问|)(录音|语音|音频)(要|应该|该)(提交|发|传)(到|给)(哪个|什么)(接口|地址|路由|端点)？
        """,
        held_out_zh="""
            我的应用要传录音，用哪个路由？
            我录了语音，要提交给网关的哪个端点？
            能说说网关怎么接收音频吗？
            把录音发给接口要怎么做？
        """,
    ),
    en="POST /speech with the form field audio.",
    zh="POST /speech，表单字段是 audio。",
)

STREAMING = fact(
    phrasings(
        train_en="""
            how (do|can|should|could) i (stream|get a stream|use streaming|turn on streaming|enable streaming|switch on streaming|receive a stream|stream an answer|stream the answer|stream answers)[ here| from the gateway]?
            (does|do) (the gateway|it|you|the api|this gateway|/chat) (support|do|have|offer|allow) (streaming|streams|server-sent events|sse|event streams)?
            (can|could) (i|the gateway|you|the api|my app) (stream|stream answers|stream the answer|send events|get events|stream the tokens)?
            is (streaming|sse|an event stream|streaming answers) (possible|supported|available|on|there)[ here]?
            (what|which) (field|setting|option|parameter) (is for|turns on|enables|switches on) (streaming|streams|the stream)?
            how does (streaming|the stream|the event stream|sse) work[ here| in the gateway]?
            *(tell|show) me how to (stream|use streaming|stream an answer)
            how (do|can) i (get|receive|read) (the answer|answers|tokens) (word by word|token by token|piece by piece|as a stream|as events|while it is written)?
            (streaming|stream|sse)[ please| how| support]?
            what is the (format|form) of (the stream|streams|streaming)?
            <how> (stream|stream the answer|use streaming|receive a stream|get events|read the answer word by word|turn on streaming|get the tokens one by one|have the answer streamed)?
            <wish> (stream|stream the answer|use streaming|receive a stream|get server-sent events|read the answer word by word|turn on streaming)
            <about> (streaming|the stream|event streams|server-sent events|the streaming option|streams)
            (which|what) (field|option|setting|parameter|switch) (do i set|gives|must i set|should i send|starts|is there) (for streaming|to stream|for a stream|to get a stream|for events)?
            (is|are) there (streaming|streams|event streams|support for streaming|support for streams|an event stream)[ here| in this api]?
            (can|could|will|does) (the answer|an answer|the text) (come|be sent|arrive|be streamed) (in pieces|word by word|as a stream|step by step|bit by bit)?
            <clause> (how i stream|if i can stream|how streaming works|how to get a stream|if there is streaming|how i get the answer word by word|if you support server-sent events|which option is for streaming)
            i want (a stream|streaming|the answer word by word|server-sent events|an event stream)[ in my app| from the gateway| please]
        """,
        held_out_en="""
            could i receive the answer piece by piece?
            is there support for server-sent events in this api?
            i want to stream the answer in my app, how?
            what must i set to get streaming?
        """,
        train_zh="""
            (怎么|如何|怎样)(流式输出|用流式|开启流式|使用流式|打开流式|流式返回|流式传输|接收流|实现流式|用流)[回答|接口]？
            (支持|能|可以|有没有|有)(流式|流式输出|流式传输|SSE|流式返回|事件流|流式回答)[吗]？
            (网关|接口|你|API|这个网关)(支持|能|可以|支不支持)(流式|流式输出|SSE|流式返回|流)[吗]？
            (流式|流式输出|流|SSE|事件流)(怎么|如何)(用|开启|打开|使用|设置|工作|接收)？
            (哪个|什么)(参数|字段|选项)(是|开启|打开|控制)(流式|流式输出)？
            (怎么|如何)(一个字一个字|逐字|边生成边|一点一点)(返回|接收|输出|得到)[回答]？
            *(告诉我|说说)(怎么|如何)(使用|开启)流式[输出]
            (流式|流式输出)？
            我(想|要)(流式|逐字)(输出|接收|返回)
            <怎么>(流式输出|用流式|开启流式|逐字接收回答|接收事件流|边生成边接收|打开流式输出)
            <关于>(流式输出|怎么用流式|事件流|SSE|流式回答|流式接口)
            (回答|文字|结果)(能|可以|能不能)(一个字一个字地|逐字|一段一段|边生成边|流式)(返回|输出|接收|显示)[吗]？
            (网关|接口|API)(能|可以|会)(流式返回|逐字返回|流式输出|返回事件流)吗？
            (要|想)(流式|逐字)(输出|接收|返回)(设置|设|传|加)什么[参数|选项|字段]？
            (哪个|什么)(选项|参数|设置)(能|可以)(打开|开启|启用)(流式|流|SSE)？
            <关于>(能不能流式|有没有流式|怎么逐字输出|支不支持SSE|哪个参数是流式)
            (这个|)(API|接口|网关)(有|有没有|支持|支不支持)(SSE|流式|事件流)[吗]？
            我(的应用|)(想|要)(流式|逐字|一点一点)(显示|接收|输出)(回答|文字|结果)[，怎么做]
        """,
        held_out_zh="""
            我的应用想逐字接收回答，怎么设置？
            请问哪个选项可以打开事件流？
            网关能边生成边返回吗？
            能用SSE接收你们的回答吗？
            开启流式回答要设置什么？
        """,
    ),
    en='Yes: set "stream": true and the answer comes as server-sent events.',
    zh='可以：设置 "stream": true，回答会以服务器发送事件的形式返回。',
)

OPENAI = fact(
    phrasings(
        train_en="""
            (is|are) (the gateway|it|this|you|the api|this gateway) (compatible with openai|openai compatible|openai-compatible|like openai|compatible with the openai sdk|compatible with openai's api)?
            (can|could|may) (i|we|my app) (use|call it with|take|work with) (the openai sdk|openai|openai's sdk|the openai client|the openai library|the openai python package|langchain|an openai client)[ here| with it| with the gateway| with this gateway]?
            (does|do) (the openai sdk|openai's sdk|the openai client|langchain|openai clients) work[ here| with it| with this gateway| with the gateway]?
            how (do|can|should) i (use|connect|configure|set up|point) (the openai sdk|openai|openai's sdk|the openai client|langchain)[ here| with the gateway| with this]?
            (do|does) (you|the gateway|the api|it) (support|speak|have|offer|understand) (the openai api|openai's api|the openai format|openai|openai's format|chat completions|/v1/chat/completions)?
            (what|which) (base url|base_url|url) (do i use|is there|should i set) (for|in|with) (openai|the openai sdk|the openai client)?
            is there an openai (api|route|interface|compatible api|endpoint)?
            (openai compatibility|openai sdk|openai compatible|openai)[ please]?
            what about openai[ compatibility| clients]?
            *(tell|show) me how to use the openai (sdk|client|library)
            <how> (use the openai sdk|use openai's client|connect langchain|use the openai library|connect the openai sdk|connect my openai client) (here|with the gateway|with this api|with you|with it)?
            <wish> (use the openai sdk|use openai's client|connect langchain|use the openai library|call it with the openai sdk|keep my openai code)
            <about> (openai compatibility|the openai routes|the openai api|using the openai sdk|openai clients)
            (will|does|can|would) (my openai code|my openai app|an openai client|langchain|the openai library|openai's sdk) (work|run|connect|be supported) (here|with this gateway|with the gateway|with it)?
            i (use|have|know) (the openai sdk|openai|langchain|an openai client|openai's library), (does it work|will it work|is that ok|can i keep it)[ here]?
            (is|are) (the openai sdk|openai clients|openai's api|langchain) (supported|ok|possible|usable)[ here]?
            <clause> (if the openai sdk works|if you are openai compatible|how i use the openai sdk|if openai clients work here|if langchain works|if the api is like openai's|how my openai client connects)
            my (openai code|openai client|app with the openai sdk|langchain app) (should|must|wants to) (work here|use the gateway|connect)[, how|, is that possible]
        """,
        held_out_en="""
            will my openai client work with this api?
            could i point langchain to the gateway?
            i use the openai library, is that supported?
            does this api speak the format of openai?
            how is the openai sdk connected with the gateway?
        """,
        train_zh="""
            (网关|接口|这个|你|API|这个网关)(和|跟|与|)(OpenAI|openai|OpenAI的接口|OpenAI SDK)(兼容|是兼容的)吗？
            (网关|接口|API|这个|这里|)(兼容|支持|能用|可以用|支不支持)(OpenAI|openai|OpenAI的SDK|OpenAI SDK|OpenAI接口|OpenAI格式|OpenAI的客户端|LangChain)[吗]？
            (怎么|如何|怎样)(用|使用|配置|接入|连接)(OpenAI|openai|OpenAI的SDK|OpenAI SDK|OpenAI客户端|LangChain)[连网关|来调用|调用网关]？
            我(能|可以|能不能)(用|使用)(OpenAI|openai|OpenAI的SDK|OpenAI SDK|OpenAI的库|LangChain)[来调用|吗|调用网关吗]？
            (OpenAI|openai|OpenAI的SDK|OpenAI SDK|OpenAI客户端)(能用|可以用|能连|怎么用|怎么配置|能接入)[吗]？
            (有|有没有)(OpenAI|openai)(兼容|格式)的接口[吗]？
            (base_url|base url)(填|写|设置成|是)什么？
            (OpenAI兼容|兼容OpenAI|OpenAI)[吗]？
            <怎么>(用OpenAI的SDK|接入OpenAI客户端|用OpenAI的库调用|把OpenAI的SDK连到网关|用LangChain调用)
            <关于>(OpenAI兼容|支不支持OpenAI|OpenAI接口|怎么用OpenAI的SDK|是不是兼容OpenAI)
            (我的|)(OpenAI代码|OpenAI客户端|OpenAI应用|LangChain)(能|可以)(直接用|用|连|连接网关|运行)吗？
            (用|拿)(OpenAI的库|OpenAI的SDK|LangChain|OpenAI客户端)(可以|能)(调用|访问|连)(网关|你们|这个接口)吗？
            (这里|网关|这个接口)(认|用|支持)OpenAI的(格式|协议|接口|库)吗？
            (我的|我写的|现有的)OpenAI(的代码|代码|程序|应用)(在这里|在网关上|)(能|可以)(用|跑|运行)吗？
            (接口|网关|API)的格式(跟|和|与)OpenAI(的|)(一样|兼容|相同|一致)吗？
        """,
        held_out_zh="""
            我的OpenAI客户端可以接入网关吗？
            你们的接口格式跟OpenAI一样吗？
            OpenAI的库怎么配置才能连网关？
            这个API是不是兼容OpenAI的？
        """,
    ),
    en="Yes: point the OpenAI SDK at /v1 and use your token as the API key.",
    zh="可以：把 OpenAI SDK 指向 /v1，令牌就是 API key。",
)

REVOKE = fact(
    phrasings(
        train_en="""
            how (do|can|should|could) (i|we|an operator) (revoke|invalidate|cancel|withdraw|block|disable|kill|delete|remove) (a|the|my|an access|all|a stolen|someone's) [access |](token|tokens)[ here| of a user| of alice]?
            (which|what) command (revokes|invalidates|cancels|blocks|withdraws) (a token|tokens|an access token)?
            (how|what) (do|should) i (do|act) (if|when) (a token|my token|my access token) (is|was|has been) (stolen|lost|leaked|found|copied)?
            (my|a|the) token (was|is|has been) (stolen|leaked|lost|copied)[, what now| what do i do| help]?
            *(revoke|invalidate|withdraw|cancel|block) (the|my|a|this) [access |]token
            *(tell|show) me how to (revoke|invalidate|block) (a token|tokens|my token)
            can (tokens|a token|access tokens|i) (be revoked|be withdrawn|be cancelled|revoke a token|be invalidated)?
            how does (revocation|revoking) work[ here]?
            (revoke|revocation|revoke token|token revocation)[ please| how]?
            how (fast|quickly|soon) (is|does) (a token revoked|revocation work|a revocation take effect)?
            how do i (sign out|log out|log off)[ of the gateway| a user| my app]?
            <how> (revoke|invalidate|block|cancel|withdraw|delete|disable|stop) (a token|my token|tokens|a stolen token|the tokens of a user|an access token|all tokens)?
            <wish> (revoke|invalidate|block|cancel|withdraw|disable|stop) (a token|my token|tokens|a stolen token|the tokens of a user|an access token|all tokens of bob)
            <how> (sign out|log out|end my session)?
            (somebody|someone|a thief|a stranger|another person|another app) (stole|has|has stolen|got|knows|is using|took) my (token|access token|key)
            my (key|token|access token) is (in wrong hands|public|not secret any more|known to others)
            (which|what) command (can i use|do i need|is there|is used) to (block|revoke|cancel|stop|withdraw) (a token|tokens|an access token)?
            <about> (revocation|revoking tokens|token revocation|the revocation of tokens)
            <clause> (how i revoke a token|how to block a token|how tokens are revoked|how to revoke a stolen token|which command revokes a token|what to do with a stolen token|how an operator blocks a token|how i sign out)
            (a|the|this|my) token (should|must|shall) (not work any more|be revoked|be blocked|stop working|be withdrawn|be cancelled)
            (with|by) (which|what) command (can|do|could) (i|we|an operator) (revoke|withdraw|cancel|stop) (a token|tokens|an access token)?
        """,
        held_out_en="""
            somebody has copied my access token, what should i do?
            what if i do not want a token to work any more?
            i need to invalidate the tokens of alice
        """,
        train_zh="""
            (怎么|如何|怎样)(撤销|吊销|作废|取消|注销|废除|禁用|收回|删除)(令牌|token|访问令牌|一个令牌|我的令牌|用户的令牌|某个token)？
            (令牌|token|访问令牌)(怎么|如何|要怎么|能不能|可以)(撤销|吊销|作废|取消|注销|收回)[吗]？
            (哪个|什么|用什么)命令(可以|能|)(撤销|吊销|作废|收回)(令牌|token)？
            (我的|)(令牌|token)(被偷|泄露|丢|被盗|被别人拿走|泄漏)了(怎么办|，怎么办|该怎么办|)
            *(撤销|吊销|作废|收回)(这个|我的|一个|那个)(令牌|token)
            *(告诉我|说说)(怎么|如何)(撤销|吊销|作废)(令牌|token)
            (撤销|吊销)(令牌|token|)(多快|多久|要多久)(生效|有效)？
            (怎么|如何)(登出|退出登录|注销登录|注销)？
            (撤销令牌|吊销token|撤销)？
            <怎么>(撤销|吊销|作废|收回|停用|禁用)(令牌|token|访问令牌|某个令牌|用户的令牌|泄露的令牌)
            <关于>(怎么撤销令牌|令牌的撤销|吊销token|作废令牌|撤销)
            (别人|有人|小偷|黑客|陌生人)(偷了|拿了|知道|得到了|在用|偷走了)我的(令牌|token|访问令牌)[，怎么办]
            (令牌|token)(丢了|泄露|被偷|公开)(以后|之后|了)(怎么处理|怎么作废|要做什么|怎么撤销)？
            (撤销|作废|吊销|收回)(令牌|token|访问令牌)(用|要用|是)(什么|哪个)(命令|接口|方法)？
            (想|要|需要)(撤销|吊销|作废|收回)(令牌|token)，(怎么做|用什么命令|运行哪个命令|怎么办)
            (令牌|token)(不想|不要|不能)(再|让人)(用|有效|使用)了[，怎么办]
        """,
        held_out_zh="""
            别人拿走了我的访问令牌，该怎么办？
            想作废token应该运行哪个命令？
            令牌泄露以后怎么收回？
            能说说怎样禁用某个令牌吗？
            我需要吊销用户的token
        """,
    ),
    en="Run gateway token revoke, or POST /auth/revoke; it takes effect within a second.",
    zh="运行 gateway token revoke，或者 POST /auth/revoke，一秒内生效。",
)

REFRESH = fact(
    phrasings(
        train_en="""
            how (do|can|should|could) (i|we|my app) (refresh|renew|extend|prolong|exchange|update) (a|the|my|an access|an expired|an old) [access |](token)[ here]?
            (which|what) (route|endpoint) (refreshes|renews|is for refreshing) (a token|tokens|access tokens|an access token)?
            (what|how) (do|should) i (do|act) (if|when) my [access |]token (expires|has expired|is expired|is too old|runs out|ran out)?
            my [access |]token (expired|has expired|is expired|ran out|is too old)[, what now| what do i do| help]?
            how (do|does|can) (refresh tokens|a refresh token|refreshing|token refresh) (work|be used)[ here]?
            *(refresh|renew) (the|my|a|this) [access |]token
            *(tell|show) me how to (refresh|renew) (a token|tokens|my token)
            where (do|can) i (use|send|post) (the|my) refresh token?
            what is (a refresh token|the refresh token|/auth/token)[ for| good for]?
            (refresh|refresh token|token refresh)[ please| how]?
            how do i get a new (access token|token) (from|with) (my|a|the) refresh token?
            <how> (refresh|renew|extend|update|exchange) (a token|my token|an old token|an expired token|an access token|the token of my app)?
            <wish> (refresh|renew|extend|update) (a token|my token|an old token|an expired token|an access token)
            <how> (use|send) (a refresh token|the refresh token|my refresh token)?
            the (token|access token) (of my app|i have|of a user) (is expired|has expired|expired|is too old|ran out)
            (what|which) (should|must|does|can) (my app|i|a client) do (after|when|if|once) (the|its|a|my) (access |)token (expires|has expired|is expired|runs out)?
            (to|at) (which|what) (route|endpoint|url) (can i|do i|does my app) (use|send|post|exchange) (the|a|my) refresh token?
            <about> (refreshing tokens|refresh tokens|token refresh|the refresh token|renewing tokens)
            <clause> (how i refresh a token|how to renew a token|what to do when my token expires|how refresh tokens work|where the refresh token goes|which route refreshes tokens|how my app gets a new token)
            (my|the|an) (old |)token (has expired|is expired|ran out), (where do i get a new one|how do i renew it|what should my app do|how do i get another)
            (what|which) is the (route|endpoint) (for|of) (refresh tokens|refreshing|the refresh|token refresh|renewing a token)?
        """,
        held_out_en="""
            my app says that its access token has run out of time
            what is the right route for a refresh token?
            my old token has expired, where do i get the next one?
        """,
        train_zh="""
            (怎么|如何|怎样)(刷新|续期|更新|延长|续签|换新)(令牌|token|访问令牌|我的令牌|过期的令牌)？
            (令牌|token|访问令牌)(怎么|如何|要怎么|能不能|可以)(刷新|续期|更新|续签)[吗]？
            (哪个|什么)(接口|路由|端点)(可以|能|)(刷新|更新|续期)(令牌|token)？
            (我的|)(令牌|token|访问令牌)(过期|到期|失效)了(怎么办|，怎么办|该怎么办|)
            (刷新令牌|refresh token)(怎么用|是什么|有什么用|发到哪里|如何使用)？
            *(刷新|续期|更新)(这个|我的|一个)(令牌|token)
            *(告诉我|说说)(怎么|如何)(刷新|更新)(令牌|token)
            (怎么|如何)用(刷新令牌|refresh token)(换|拿)新(令牌|token)？
            (刷新令牌|刷新token|刷新)？
            <怎么>(刷新|更新|续期|换新)(令牌|token|访问令牌|过期的令牌|旧的token)
            <怎么>(用|使用)(刷新令牌|refresh token)
            <关于>(刷新令牌|怎么刷新token|令牌续期|refresh token|令牌过期怎么办)
            (我的应用的|应用的|用户的|我的)(令牌|token|访问令牌)(过期|到期|失效)(了|之后|后)(怎么办|要做什么|怎么换|怎么更新)？
            (过期|旧|失效)的(令牌|token|访问令牌)(怎么|如何|能)(更新|刷新|续期|换)？
            (刷新令牌|refresh token)(应该|要|该)(发到|发给|传给|提交到)(哪里|哪个接口|哪个路由)？
            (令牌|token|访问令牌)(过期|到期|失效)了，(怎么换新的|去哪里更新|怎么刷新|应用该怎么做)
            (刷新令牌|refresh token)(用|走|是)(什么|哪个)(接口|路由|端点)？
        """,
        held_out_zh="""
            过期的访问令牌怎么换新的？
            能说说如何续期token吗？
            旧的访问令牌过期了，拿什么去换新的？
        """,
    ),
    en="POST /auth/token with your refresh token; you get a new pair.",
    zh="用刷新令牌 POST /auth/token，会得到一对新的令牌。",
)

LIFETIME = fact(
    phrasings(
        train_en="""
            how long (is|does|will|can) (a|an access|the|my|an) [access |](token) (valid|live|last|be valid|work|stay valid|be used|hold)?
            (when|how soon) (does|will) (a|an access|the|my) [access |]token (expire|end|run out|stop working|become invalid)?
            (what|how long) is the (lifetime|life|validity|ttl|expiry) of (a|an access|the|my) [access |]token?
            how many minutes (does|is|has) (a|an access|my) [access |]token (last|valid|live|got)?
            (token|access token) (lifetime|validity|ttl|expiry)[ please]?
            do (tokens|access tokens) (expire|end|live forever|last forever)?
            after (how long|how many minutes|what time) (does|do) (a token|tokens|my token) expire?
            <clause> (how long a token is valid|how long my token lasts|when my token expires|how many minutes a token is valid|how long an access token lives|if tokens expire)
            <about> (the lifetime of a token|the validity of tokens|the lifetime of access tokens|the expiry of a token)
            (for|in) how (many minutes|long) (is|can|does|will) (a token|my token|an access token|my access token) (valid|last|work|expire|live)?
            how (long|many minutes) (do|does|will) (i have|it take|my token have) until (a token|the token|my token|an access token) (expires|ends|stops working)?
            (will|does|can) (a token|my token|an access token) (work|last|live|be valid) (forever|for a day|for an hour|always|for a long time)?
            (what|which) (lifetime|expiry|ttl|validity) (has|does|do) (a token|an access token|tokens|my token)[ have]?
            how (old|long) (can|will|does|may) (a|an access|the|my) token (get|live|be used|stay ok)?
            (the|a|my) token (is|stays) valid (for how long|how long|until when)?
        """,
        held_out_en="""
            for how many minutes can my token be used?
            how long does it take until an access token runs out?
            after how many minutes does my token stop working?
            is the access token of yesterday still good?
        """,
        train_zh="""
            (令牌|token|访问令牌)(的|)(有效期|寿命|有效时间|存活时间)(是多久|是多少|有多长|多久|多长|是几分钟)？
            (令牌|token|访问令牌)(多久|多长时间|几分钟|什么时候)(会|后|之后|)(过期|失效|到期)？
            (令牌|token|访问令牌)(能用|有效|可以用|能管)(多久|多长时间|几分钟)？
            (令牌|token|访问令牌)会(过期|失效|到期)吗？
            我的(令牌|token)[还](能用|有效)多久？
            (令牌|token)有效期？
            <关于>(令牌的有效期|token多久过期|访问令牌能用多久|令牌什么时候失效|令牌会不会过期|token的寿命)
            (一个|我的|拿到的|新的)(令牌|token|访问令牌)(能|可以|会)(用|有效|管|活)(多久|几分钟|多长时间)？
            (令牌|token|访问令牌)(多长时间|几分钟|多久)(就|之后|以后)(会|就|)(不能用|过期|失效)(了|)？
            (令牌|token|访问令牌)(一直|永久|永远|总是)(有效|能用|可以用)吗？
            (令牌|token)(到期|过期|失效)要(多久|几分钟|等多久)？
            (令牌|token)(发下来|签发|拿到)(以后|后|之后)(能用|有效|可以用)(多久|几分钟|多长时间)？
        """,
        held_out_zh="""
            令牌发下来以后几分钟之内有效？
            请问token到期要多长时间？
            令牌会不会一直有效？
            拿到的令牌多久以后失效？
        """,
    ),
    en="An access token is valid for 15 minutes.",
    zh="访问令牌的有效期是 15 分钟。",
)

IMAGES = fact(
    phrasings(
        train_en="""
            (what|which) (image|picture|photo|graphics) (formats|types|files|file types|file formats) (are|can|does|do) (supported|allowed|possible|i send|i upload|the gateway take|you take|you support|accepted)?
            (what|which) formats (can|may|must|should) (a|an|my) (image|picture|photo|screenshot) (have|be|be in)?
            (can|may) i (send|upload|use) (heic|jpeg|png|webp|gif|bmp|jpg|iphone|tiff) [photos|images|pictures|files|files here]?
            does (the gateway|it|the api) (take heic|support png|accept webp|support heic photos|read jpeg)?
            is (heic|webp|png|jpeg|gif|bmp) (supported|accepted|ok|allowed|possible)?
            (what|which) (kinds|kind|sort) of (images|pictures|photos) (do you|does the gateway|can the gateway) (take|accept|support|read)?
            (image|picture|photo) formats[ please]?
            <about> (the image formats|the formats of pictures|the file types of photos|which image formats are supported|which picture formats are ok|the picture formats)
            (which|what) (file types|formats|types|file formats) (may|can|should|must|do) (photos|pictures|images|my pictures|screenshots|my images) (have|be|use)?
            in (which|what) (format|formats|file type) (may|can|should|must) (a photo|a picture|my images|an image|my photos) be?
            (can|could|may) (i|my app|we) (send|upload|post) (a|an|my) (heic|jpeg|png|webp|gif|bmp) (photo|image|picture|file|screenshot)?
            (are|is) (heic|jpeg|png|webp|gif|bmp|iphone) (photos|images|pictures|files) (ok|supported|allowed|possible|accepted)?
            <clause> (which image formats you take|what picture formats are allowed|if i can send heic|if png is ok|which file types my pictures can have|in which format i send a photo)
            (what|which) kind of (image file|picture file|photo|image) (do you|does the gateway|may i) (accept|take|send)?
        """,
        held_out_en="""
            could i upload photos as heic?
            could i upload a heic picture from my phone?
            is it fine when my screenshot is a png?
            which kinds of pictures will not be refused?
        """,
        train_zh="""
            (支持|可以用|能用|接受|允许|能传)(哪些|什么)(图片|照片|图像)(格式|类型|文件)？
            (图片|照片|图像|截图)(支持|可以是|要|能用|需要)(哪些|什么)格式？
            (图片|照片|截图)的格式(有哪些|是什么|要求是什么|有什么要求)？
            (能|可以)(传|发|用|上传)(HEIC|JPEG|PNG|WebP|GIF|BMP|heic|png|jpg)[格式|图片|照片|格式的图片]吗？
            (支持|接受)(HEIC|JPEG|PNG|WebP|GIF|BMP|heic|png)(格式|图片|照片|)吗？
            (图片格式|照片格式)？
            <关于>(图片格式|支持哪些图片格式|照片可以是什么格式|图片要什么格式|图像文件的类型)
            (网关|接口|你们)(接受|支持|认|收)(哪些|什么)(图片|照片|图像|截图)(格式|类型|文件)？
            (我的|)(图片|照片|截图|图像)(要|该|得|可以)(用|是|存成)(哪些|什么|哪种)(格式|类型|文件格式)？
            (HEIC|PNG|JPEG|WebP|GIF|BMP|heic|png)(格式的|)(照片|图片|截图)(可以|能)(上传|用|发|传)吗？
            (图片|照片|图像)文件(支持|有|可以是)(什么|哪些)(类型|格式)？
            (照片|图片|截图)(存|保存|做)成(什么|哪种)格式(好|可以|才行|网关支持)？
            (HEIC|PNG|WebP|GIF|heic|png)(网关|接口|你们)(支持|认|收|能用)吗？
        """,
        held_out_zh="""
            网关能接受什么格式的照片？
            截图存成什么格式，网关才认？
            HEIC照片网关接受吗？
            图像文件允许什么类型？
        """,
    ),
    en="Images may be JPEG, PNG, WebP, HEIC, GIF or BMP.",
    zh="图片可以是 JPEG、PNG、WebP、HEIC、GIF 或 BMP。",
)

RECORDINGS = fact(
    phrasings(
        train_en="""
            (what|which) (audio|sound|voice|recording) (formats|types|files|file types|file formats) (are|can|does|do) (supported|allowed|possible|i send|i upload|the gateway take|you take|you support|accepted)?
            (what|which) formats (can|may|must|should) (a|an|my) (recording|voice message|audio file|sound file) (have|be|be in)?
            (can|may) i (send|upload|use) (m4a|mp3|ogg|opus|webm|amr|flac|aac|wav) [recordings|audio|files|sound|files here]?
            does (the gateway|it|the api) (take mp3|support wav|accept m4a|support opus files|read flac)?
            is (mp3|wav|opus|m4a|flac|amr|ogg) (supported|accepted|ok|allowed|possible)?
            (what|which) (kinds|kind|sort) of (recordings|audio|sound files) (do you|does the gateway|can the gateway) (take|accept|support|hear)?
            (audio|sound|recording) formats[ please]?
            <about> (the audio formats|the formats of recordings|the file types of recordings|which audio formats are supported|which sound formats are ok|the formats for audio)
            (which|what) (file types|formats|types|file formats) (may|can|should|must|do) (recordings|voice messages|sound files|my recordings|audio files) (have|be|use)?
            in (which|what) (format|formats|file type) (may|can|should|must) (a recording|an audio file|my recordings|a sound file|audio) be?
            (can|could|may) (i|my app|we) (send|upload|post) (an|a|my) (m4a|mp3|ogg|opus|wav|flac|amr|webm) (recording|file|sound|audio file)?
            (are|is) (m4a|mp3|ogg|opus|wav|flac|amr|webm) (recordings|files|sounds|audio) (ok|supported|allowed|possible|accepted)?
            <clause> (which audio formats you take|what sound formats are allowed|if i can send mp3|if wav is ok|which file types my recordings can have|in which format i send a recording)
            (what|which) kind of (audio file|sound files|recording|voice file) (do you|does the gateway|may i) (take|send|have)?
        """,
        held_out_en="""
            could i upload sound as mp3?
            in what format should a voice message be?
            would an mp3 from my phone be understood?
            is a wav recording fine for the gateway?
        """,
        train_zh="""
            (支持|可以用|能用|接受|允许|能传)(哪些|什么)(音频|录音|语音|声音)(格式|类型|文件)？
            (音频|录音|语音)(支持|可以是|要|能用|需要)(哪些|什么)格式？
            (音频|录音|语音)的格式(有哪些|是什么|要求是什么|有什么要求)？
            (能|可以)(传|发|用|上传)(m4a|mp3|ogg|opus|webm|amr|flac|aac|wav|MP3|WAV)[格式|音频|录音|格式的录音]吗？
            (支持|接受)(m4a|mp3|ogg|opus|amr|flac|aac|wav|MP3)(格式|音频|录音|)吗？
            (音频格式|录音格式)？
            <关于>(音频格式|支持哪些录音格式|录音可以是什么格式|语音要什么格式|音频文件的类型)
            (网关|接口|你们)(接受|支持|认|收)(哪些|什么)(音频|录音|语音)(格式|类型|文件)？
            (我的|)(音频|录音|语音)(要|该|得|可以)(用|是|存成)(哪些|什么|哪种)(格式|类型|文件格式)？
            (m4a|mp3|wav|ogg|opus|amr|flac|aac|MP3)(格式的|)(录音|音频|语音)(可以|能)(上传|用|发|传)吗？
            (音频|录音|语音)文件(支持|有|可以是)(什么|哪些)(类型|格式)？
            (录音|语音|音频)(存|保存|做)成(什么|哪种)格式(好|可以|才行|网关支持)？
            (mp3|wav|m4a|ogg|opus|amr)(网关|接口|你们)(支持|认|收|能用)吗？
        """,
        held_out_zh="""
            网关能接受什么格式的录音？
            语音存成什么格式，网关才认？
            mp3录音网关接受吗？
            音频文件允许什么类型？
        """,
    ),
    en="Recordings may be m4a, mp3, ogg, opus, webm, amr, flac, aac or wav.",
    zh="录音可以是 m4a、mp3、ogg、opus、webm、amr、flac、aac 或 wav。",
)

SIZES = fact(
    phrasings(
        train_en="""
            how (large|big|heavy) (can|may) (an image|a picture|a photo|a recording|a file|a request|my upload|an audio file) be[ at most]?
            how many (images|pictures|photos|screenshots) (can|may) i (send|upload|post|attach)[ at once| in one request| with one question]?
            how long (can|may) (a recording|my recording|an audio file|the audio|a voice message) be[ at most]?
            (what|which) is the (largest|maximum|biggest) (size|number|length) of (an image|images|a picture|a recording|recordings|a file|files|an upload)?
            what does (413|http 413|status 413|the error 413|body_too_large|error 413) mean?
            why (do i get|did i get|is there) (a 413|413|error 413|body_too_large)?
            (my|the) (image|picture|file|recording|photo|upload) is too (large|big|long)[, what now]?
            what (if|happens if|happens when) (my|the|an) (image|picture|file|recording|upload) is too (large|big|long)?
            (is there|do you have|does the gateway have) a (size limit|limit for files|limit of the size|limit on uploads)[ for images| for recordings]?
            (image|file|upload|picture|recording) size (limit|maximum)[ please]?
            <about> (the size limit|the largest upload|how large a picture may be|how many images i can send|how long a recording may be)
            <clause> (how large an image may be|how many pictures i can send|how long my recording can be|what 413 means|how big files can be)
            (can|may) i (send|upload) (two|three|ten|twenty|several|many) (images|pictures|photos)[ at once]?
            (i get|it says|there is|my app gets|the answer is) (a |error |status |)413, (why|what is wrong|what do i do|what now)?
            is (an image|a picture|a recording|a file) of (five|thirty|100|fifty) (megabytes|mb) (too large|too big|ok|allowed)?
            is a recording of (five|thirty|100|fifty) minutes (too long|ok|allowed)?
            how many (images|pictures|photos) (fit|go|are allowed) (in|into) (a|one|each) (request|question|message)?
            (up to|at most) how (many images|large a file|long a recording) do you take?
        """,
        held_out_en="""
            what size may a photo have at the very most?
            is a recording of ten minutes too long for the gateway?
            the gateway says 413, what did i do wrong?
            up to how many pictures fit into one request?
            does the gateway take a photo of 30 mb?
        """,
        train_zh="""
            (图片|照片|录音|文件|请求|上传的文件|音频)(最大|最多|)(可以|能)(有|是|)(多大|多少兆|多长)？
            (一次|一个请求|每次|)(最多|)(能|可以)(发|传|上传|带)(几张|多少张)(图片|照片|截图|图)？
            (录音|音频|语音)(最长|最多|)(可以|能)(有|是|)(多长|多久|几分钟)？
            (图片|照片|文件|录音|上传)(太大|太长|过大)(了|)(怎么办|会怎么样|怎么处理)？
            (413|错误413|HTTP 413|状态码413)是什么意思？
            (为什么|怎么)(会|)(返回|出现|得到|报)(413|错误413)？
            (图片|文件|上传|录音)(大小|长度)(有限制|有没有限制|的限制是什么|的上限是多少|限制是多少)[吗]？
            (能|可以)(同时|一次)(发|传)(两张|三张|多张|十张)(图片|照片)吗？
            <关于>(图片最大多大|文件大小的限制|最多几张图片|录音最长多久|上传的上限|413)
            (我|应用|接口|网关)(收到|得到|返回|报)(了|)413，(怎么办|怎么回事|为什么)？
            (五|二十|三十)(分钟的(录音|音频)|兆的(录音|音频|图片|文件))(太大了吗|可以吗|行不行|能传吗)？
            (一次|一条消息|一个请求)(里|)(放得下|能放|能带)(几张|多少张)(图|图片|照片)？
        """,
        held_out_zh="""
            照片的体积不能超过多少？
            十分钟的录音网关收不收？
            网关给我413，是哪里不对？
            一个问题里顶多放几张图？
            三十兆的照片发得出去吗？
        """,
    ),
    en="25 MiB a request, with at most 10 images or 5 minutes of sound; more gets 413.",
    zh="每个请求最多 25 MiB，最多 10 张图片或 5 分钟录音，超过会得到 413。",
)

USAGE = fact(
    phrasings(
        train_en="""
            (where|how) (do|can|could) i (see|find|check|read|get) (my|the) (usage|use|consumption|used tokens|usage data)[ here| of the gateway| of today]?
            how (much|many tokens|many requests) (have|did) i (used|use|sent|send)[ today| so far]?
            (which|what) (route|endpoint) (shows|gives|is for|has) (my usage|the usage|usage)?
            *(show|tell) me (my usage|how much i used|how many tokens i used|my token usage)
            what is (my usage|my token usage|/me/usage)[ today]?
            (my usage|usage|token usage)[ please]?
            (is|are) (my usage|usage|tokens) (counted|recorded|measured)?
            <how> (see|check|find|look up|read|find out) (my usage|my consumption|how much i used|how many tokens i used|what i used|the usage)[ today]?
            <wish> (see|check|find|look up|read) (my usage|my consumption|how much i used|how many tokens i used|what i used|the usage)
            <about> (my usage|my consumption|my token usage|the usage of this month|how many tokens i used|how much i have used)
            (which|what) (route|endpoint|url) (shows|tells|gives|says) (me |)(how much i used|my usage|my consumption|what i used|how many tokens i used|the usage)?
            where (is|can i find|do i find|can i read) (my usage|the usage|my consumption|what i used)?
            <clause> (how much i have used|how many tokens i have used|what i used this month|where i see my usage|which route shows my usage|how i check my usage)
            how (do|can) i (know|see|tell) (what|how much|how many tokens) i (used|have used|spent)[ so far| today| this month]?
            (could|can) you (show|tell) me (my usage|what i used|how much i used|how many tokens i used)?
        """,
        held_out_en="""
            is there a way to see what i used this month?
            could you show where the usage is?
            how can i find out what i used so far?
        """,
        train_zh="""
            (怎么|如何|在哪里|在哪)(查|查看|看|查询)(我的|自己的|)(用量|使用量|使用情况|用了多少|消耗)？
            我(用了|已经用了|今天用了|发了)多少(令牌|token|请求|次)？
            (哪个|什么)(接口|路由|端点)(可以|能|)(查|看|查询)(用量|使用量)？
            *(告诉我|显示|查一下)我的(用量|使用量|使用情况)
            我的(用量|使用量|消耗)(是多少|有多少|在哪看|多少)？
            (用量|使用量|我的用量)？
            <怎么>(查用量|看用了多少|查询使用量|看我的用量|查消耗|查看使用情况)
            <关于>(我的用量|用了多少token|使用情况|我用了多少|怎么查用量|今天的用量)
            (用量|使用量|消耗)(在|要在|用|看)(哪里|哪个接口|什么接口|哪个路由)(看|查|查询|)？
            (今天|这个月|到现在|目前)(我|)(用了|消耗了|一共用了)多少(token|令牌|次|额度)？
            (哪里|在哪|从哪)(能|可以)(看|查|看到)(用量|使用量|自己用了多少|消耗)？
            我(一共|已经|)用了多少[token]，(在哪里看|怎么查|哪个接口能看|去哪查)？
            (想|我想)(看|查|知道)(自己|我)(用了多少|的用量|消耗了多少)
        """,
        held_out_zh="""
            我用了多少，在哪个接口看得到？
            今天的使用量怎么查询？
            我想看看消耗了多少token
            用量要调用什么接口看？
        """,
    ),
    en="GET /me/usage shows what you used.",
    zh="GET /me/usage 可以看到你的用量。",
)

TOO_MANY = fact(
    phrasings(
        train_en="""
            (what|why) (does|is|do i get|did i get) [a |an |the |status |error |code ]429[ mean| error| for| about]?
            (why|when) (am|was|is|are) (i|my request|my requests|a request) (refused|rejected|limited|blocked|throttled|turned away)[ by the gateway]?
            i (get|got|see|receive|have) [a |an |status |error |code ](429|too many requests)[, why|, what now| error| what do i do]?
            what (does|is) too many requests[ mean]?
            what (happens|will happen) (if|when) i (send too many requests|send too much|exceed the limit|go over the limit|hit the limit)?
            (what about |)(too many requests|error 429|status 429|status code 429)
            how (long|much) (must|should|do) i wait (after|when i get) [a |]429?
            (when|how soon) (can|may) i (try again|send again|ask again)[ after 429| after a refusal]?
            <clause> (why my requests are refused|what 429 means|why i get 429|what error 429 is)
            <about> (error 429|status 429|the error 429|the status code 429|the code 429|http 429)
            (the gateway|the api|the server|it|my app|the answer) (says|gives me|sends|returns|shows|answered with|answered|gave me|is) (a |error |status |code |)429
            (what|which) (does|is the meaning of|is the reason for|is behind|do i do about|can i do about|is) (error|status|code|status code|http) 429[ mean]?
            (why|when) (does|do|did) (the gateway|the api|the server|i) (answer|get|return|send|give|say) (a |status |error |)429?
            429, (what now|what does it mean|what does that mean|why|what is that|help)
            (why|when) (are|were|was|is) (my|our|the) (requests|request|calls) (refused|rejected|blocked|not accepted|limited)[ by the gateway| here]?
            i (sent|made|have made|asked) (too many|so many|too much) (requests|calls|questions)[, what now|, when can i try again]
            (my|our) (requests|calls) (get|are being|keep being) (refused|rejected|blocked)
            (why|how come) (was|is|did i get) 429[ the answer| as an answer| as the answer| back]?
            (my|our|all) requests (have been|were|are) (rejected|refused|blocked)[ by the gateway| by you], why?
        """,
        held_out_en="""
            the gateway answers 429, what now?
            why have my requests been rejected by the gateway?
            i have sent too many requests, when can i send again?
            why was 429 the answer to my request?
        """,
        train_zh="""
            429(是什么|是什么意思|什么意思|错误|怎么办|怎么回事|是为什么)？
            (为什么|怎么)(我的请求|请求|我)(会|)(被拒绝|被限制|被限流|被拦|返回429|报429)[了]？
            (报|出现|返回|收到|遇到)(429|请求过多|429错误)(怎么办|是什么意思|是为什么|怎么回事|)？
            (请求太多|请求过多|超过限制|超出限额|发太多请求)(会怎样|怎么办|会怎么样|了怎么办)？
            (状态码429|错误429|429错误)
            (被拒绝|被限流)后(要等多久|多久能再试|等多久|怎么办)？
            (多久|什么时候)(能|可以)(再试|再发|重试)？
            <关于>(429|429错误|状态码429|错误429|429是什么意思|为什么返回429)
            (网关|接口|服务器|API)(给我|给|)(返回|报|显示|回)(了|)(一个|)429[错误]
            (状态码|错误码|错误|代码)429(是什么|怎么回事|怎么办|什么意思呀|代表什么|表示什么)？
            (为什么|怎么)(网关|接口|服务器)(会|总是|)(返回|报)429？
            429，(怎么办|这是什么|怎么回事|为什么)
            (请求|调用)(发|用|问)(得|)(太多|过多)(了|)(会怎样|怎么办|，什么时候能再发|)
            (我的|)(请求|调用)(总是|一直|)(被|遭到)(拒绝|限流|拦截|拦下)(了|)[，为什么]
        """,
        held_out_zh="""
            网关给我返回了429，怎么回事？
            我的请求为什么被限流拒绝了？
            状态码429是什么意思？
            发太多请求被拦了，多久可以重试？
        """,
    ),
    en="429 means too many requests: wait as long as Retry-After says.",
    zh="429 表示请求过多：请按 Retry-After 说的时间等待。",
)

UNAUTHORIZED = fact(
    phrasings(
        train_en="""
            (what|why) (does|is|do i get|did i get) [a |an |the |status |error |code ]401[ mean| error| for| about]?
            i (get|got|see|receive|have) [a |an |status |error |code ](401|unauthorized)[, why|, what now| error| what do i do]?
            what (does|is) unauthorized[ mean]?
            (what about |)(unauthorized|error 401|status 401|status code 401)
            why (is|was) my token (refused|rejected|not accepted|invalid|wrong|not valid)?
            (the gateway|it|the api) (refuses|rejects|does not accept|doesn't like) my token
            my token (does not|doesn't) work
            <clause> (what 401 means|why i get 401|why my token is refused|what error 401 is)
            <about> (error 401|status 401|the error 401|the status code 401|the code 401|http 401)
            (the gateway|the api|the server|it|my app|the answer) (says|gives me|sends|returns|shows|answered with|answered|gave me|is) (a |error |status |code |)401
            (what|which) (does|is the meaning of|is the reason for|is behind|do i do about|can i do about|is) (error|status|code|status code|http) 401[ mean]?
            (why|when) (does|do|did) (the gateway|the api|the server|i) (answer|get|return|send|give|say) (a |status |error |)401?
            401, (what now|what does it mean|what does that mean|why|what is that|help)
            (why|when) (does|is|will) (the gateway|the api|it|the server) (not accept|refuse|reject|not take|not like) my token?
            (it|the gateway|the api|the server) (says|tells me|thinks|told me) (that |)my token is (wrong|not valid|invalid|bad|not right)
            my token is (wrong|not valid|invalid|bad|not accepted|refused)
            (why|how come) (was|is|did i get) 401[ the answer| as an answer| as the answer| back]?
            (my|our|the) token (was|has been|is) (refused|rejected|not taken)[ by the gateway| by you| here], why?
        """,
        held_out_en="""
            the gateway answers 401, what now?
            why was 401 the answer to my request?
            i am told that my token is not valid
        """,
        train_zh="""
            401(是什么|是什么意思|什么意思|错误|怎么办|怎么回事|是为什么)？
            (报|出现|返回|收到|遇到)(401|未授权|401错误)(怎么办|是什么意思|是为什么|怎么回事|)？
            (状态码401|错误401|401错误|未授权)
            (为什么|怎么)(我的|)(令牌|token)(被拒绝|无效|不能用|不对|没有用|不被接受)[了]？
            (网关|接口|API)(拒绝|不接受|不认)我的(令牌|token)
            我的(令牌|token)(不能用|没用|不行|无效)
            <关于>(401|401错误|状态码401|错误401|401是什么意思|为什么返回401)
            (网关|接口|服务器|API)(给我|给|)(返回|报|显示|回)(了|)(一个|)401[错误]
            (状态码|错误码|错误|代码)401(是什么|怎么回事|怎么办|什么意思呀|代表什么|表示什么)？
            (为什么|怎么)(网关|接口|服务器)(会|总是|)(返回|报)401？
            401，(怎么办|这是什么|怎么回事|为什么)
            (网关|接口|服务器|它)(说|显示|提示)我的(令牌|token)(无效|不对|错误|不行)
            (为什么|怎么)(网关|接口|服务器)(不认|不接受|拒绝|不收)我的(令牌|token)？
            (令牌|token)(明明|)有，(接口|网关)(为什么|怎么)(还|)(拒绝|不认|返回401)？
        """,
        held_out_zh="""
            网关给我返回了401，怎么回事？
            我有token，接口为什么还是拒绝？
            状态码401是什么意思？
            它说我的令牌无效，怎么办？
        """,
    ),
    en="401 means that the token is missing, wrong or expired: get a new one.",
    zh="401 表示令牌缺失、错误或过期：请换一个新的。",
)

OVERLOAD = fact(
    phrasings(
        train_en="""
            (what|why) (does|is|do i get|did i get) [a |an |the |status |error |code ]503[ mean| error| for| about]?
            i (get|got|see|receive|have) [a |an |status |error |code ](503|service unavailable)[, why|, what now| error| what do i do]?
            what (does|is) service unavailable[ mean]?
            (what about |)(service unavailable|error 503|status 503|status code 503)
            what (happens|will happen|does the gateway do) (if|when) (the gateway is overloaded|there are too many users|the queue is full|it is busy|the server is busy|there is overload)?
            (why|when) is the (gateway|server|queue) (overloaded|full|busy|unavailable)?
            is there a (queue|waiting line)[ for requests]?
            <clause> (what 503 means|why i get 503|what happens when the queue is full|what error 503 is)
            <about> (error 503|status 503|the error 503|the status code 503|the code 503|http 503)
            (the gateway|the api|the server|it|my app|the answer) (says|gives me|sends|returns|shows|answered with|answered|gave me|is) (a |error |status |code |)503
            (what|which) (does|is the meaning of|is the reason for|is behind|do i do about|can i do about|is) (error|status|code|status code|http) 503[ mean]?
            (why|when) (does|do|did) (the gateway|the api|the server|i) (answer|get|return|send|give|say) (a |status |error |)503?
            503, (what now|what does it mean|what does that mean|why|what is that|help)
            (what|how) (happens|does the gateway react|will it be|does it go) (if|when) (too many people use it|the server has too much to do|it is too busy|many users come|everybody asks at once)?
            (it|the gateway|the server|my app) says (that |)(the service|the server|it) is (unavailable|busy|overloaded|full)
            why is (the service|it|the gateway) (unavailable|busy|too busy|overloaded|full)[ now]?
            (why|how come) (was|is|did i get) 503[ the answer| as an answer| as the answer| back]?
            what (if|happens if) (the gateway|the server) (is too busy|is full|has no time|has too many requests)?
            (for what reason|why) (was|is) (my request|it|my question) (answered|refused|rejected) with (a |)503?
            (my request|it) (was|is) (refused|rejected|answered) with 503
        """,
        held_out_en="""
            the gateway answers 503, what now?
            why does it say that the service is unavailable?
            why was 503 the answer to my request?
        """,
        train_zh="""
            503(是什么|是什么意思|什么意思|错误|怎么办|怎么回事|是为什么)？
            (报|出现|返回|收到|遇到)(503|服务不可用|503错误)(怎么办|是什么意思|是为什么|怎么回事|)？
            (状态码503|错误503|503错误|服务不可用)
            (网关|服务器|队列)(太忙|满了|过载|太多人用|很忙)(会怎样|怎么办|会怎么样|的时候会怎样)？
            (过载|队列满了|太忙了)(怎么办|会怎样)？
            (有|有没有)(排队|队列)(机制|)[吗]？
            <关于>(503|503错误|状态码503|错误503|503是什么意思|为什么返回503)
            (网关|接口|服务器|API)(给我|给|)(返回|报|显示|回)(了|)(一个|)503[错误]
            (状态码|错误码|错误|代码)503(是什么|怎么回事|怎么办|什么意思呀|代表什么|表示什么)？
            (为什么|怎么)(网关|接口|服务器)(会|总是|)(返回|报)503？
            503，(怎么办|这是什么|怎么回事|为什么)
            (人|用户|请求)(太多|很多|一多)(了|的时候|)(网关|服务器)(会怎样|怎么办|会怎么样|怎么处理)？
            (服务器|网关|服务)(忙|太忙|过载|很忙|不可用)(时|的时候|了)(会怎样|会怎么样|怎么办|我该怎么办)？
            (服务器|网关)(忙不过来|忙|满)(了|的话|时)(怎么办|会怎样|怎么处理)？
        """,
        held_out_zh="""
            网关给我返回了503，怎么回事？
            如果服务器忙不过来怎么办？
            状态码503是什么意思？
            太多人用网关的时候会怎样？
        """,
    ),
    en="503 means that the queue is full: try again after Retry-After.",
    zh="503 表示队列已满：请在 Retry-After 之后再试。",
)

THINKING_FIELD = fact(
    phrasings(
        train_en="""
            how (do|can|should) i (see|get|show|enable|turn on|switch on|use) (the thinking|thinking|the reasoning|reasoning|your thoughts|the thoughts|the reasoning content)[ here| in the answer]?
            (which|what) (field|option|setting|parameter) (turns on|enables|is for|shows) (thinking|reasoning|the reasoning|the thoughts)?
            (can|do|does) (you|the model|it) (think|reason|think first|show its thoughts|show reasoning|think before answering)?
            (can|may) i (see|read|get) (your thoughts|the reasoning|your reasoning|what you think|the thinking)?
            (is|does) (thinking|reasoning) (possible|supported|available|work)[ here]?
            how does (thinking|reasoning) work[ here]?
            (thinking|reasoning|enable thinking|return reasoning)[ please| how]?
            <how> (see|read|get|turn on|switch on|enable|show) (the thinking|the reasoning|your thoughts|the thoughts of the model|thinking|reasoning)?
            <wish> (see|read|get|turn on|switch on|enable) (the thinking|the reasoning|your thoughts|the thoughts of the model|thinking|reasoning)
            <about> (thinking|the thinking option|the reasoning|your reasoning|how to turn on thinking|the reasoning field)
            (which|what) (option|field|setting|switch|parameter) (do i set|gives me|must i set|shows me|makes you show|is there for) (thinking|the reasoning|your thoughts|the thoughts|for thinking)?
            (can|could|will|do) (you|the model) (think|reason) (before you answer|first|before answering|aloud|and show it)?
            <clause> (how i see your thoughts|how to turn on thinking|how i get the reasoning|if you can think first|which option shows the reasoning|if i can read your thoughts)
            (could|can|will) you (show|give|write) (me |)(your thoughts|the reasoning|your reasoning|what you think)?
        """,
        held_out_en="""
            which option shows me the reasoning of the model?
            i want to read your thoughts in the answer, how?
            could you think before you answer and show it?
        """,
        train_zh="""
            (怎么|如何|怎样)(看到|得到|显示|开启|打开|使用)(思考|思考过程|推理|推理过程|思维过程|思考内容)？
            (思考|推理|思考过程|思考模式|推理过程)(怎么|如何)(开启|打开|看|用|显示|返回)？
            (哪个|什么)(参数|字段|选项)(是|开启|打开|控制)(思考|推理|思考过程)？
            你(会|能|可以)(思考|推理|先思考|想一想|思考后再回答)吗？
            (能|可以)(看|看到|显示|返回)(你的|)(思考|推理|思考过程|想法)吗？
            (支持|有)(思考|推理|思考模式)吗？
            (思考过程|思考模式|推理)？
            <怎么>(看到思考过程|打开思考|开启思考模式|显示推理过程|看你的想法|让你先思考)
            <关于>(思考模式|思考过程|怎么打开思考|推理过程|思考参数)
            (哪个|什么)(选项|参数|字段|设置)(能|可以|会|让你)(显示|打开|返回|开启)(思考|推理|思考过程|推理过程)？
            (思考|推理|思考模式)(要|该|需要)(设置|设|打开|传)什么[参数|选项]？
            你(回答前|回答之前|先)(会|能|可以)(思考|想一想|推理)[一下]吗？
            (怎样|怎么)(设置|设)才(能|会)(返回|显示|看到)(思考|推理过程|思考过程)？
        """,
        held_out_zh="""
            哪个选项能让我看到推理过程？
            我想看你的思考内容，怎么打开？
            怎样设置才会返回思考的内容？
        """,
    ),
    en='Set "enable_thinking" and "return_reasoning" to true.',
    zh='把 "enable_thinking" 和 "return_reasoning" 设为 true。',
)

START = fact(
    phrasings(
        train_en="""
            how (do|can|should) i (start|run|launch|install|set up|try|boot) (the|this|your) (gateway|server|project|program)[ here| on my laptop| on my machine| locally]?
            (which|what) command (starts|runs|installs|launches) (the|this) (gateway|server|project)?
            *(tell|show) me how to (start|run|install|set up) the (gateway|server)
            how (do|can) i (get started|begin|start)[ with the gateway| with this project| here]?
            what (do|must) i (do|type|run) to (start|run|install|try) (the|this) (gateway|server)?
            (starting|running|installing|set up) (the gateway|the server)[ how]?
            what does make run do?
            is the gateway (easy|hard) to (install|start|run|set up)?
            <how> (start|run|install|set up|launch|try) (the gateway|this gateway|the server|this project|the program|the gateway on my laptop|it on my computer)?
            <wish> (start|run|install|set up|launch|try) (the gateway|this gateway|the server|this project|the gateway on my laptop)
            <about> (the installation|starting the gateway|the installation of the gateway|running the gateway|how the gateway is started)
            (with|by) (which|what) command (do i start|can i start|is|do i run|do i install) (the gateway|the server|this project)[ started]?
            how is (the gateway|the server|this project) (started|installed|set up|run)?
            <clause> (how i start the gateway|how to run the server|how the gateway is installed|how i install it|which command starts the gateway|how i run it on my laptop|how the server starts)
            (i want|i would like|we want) to (try|run|start|install) (this|the gateway|it|the project), (how|where do i begin|which command|what do i do)
            i have (a laptop|a computer|a server), how do i (run|start|install) (the gateway|it|this)[ there| on it]?
        """,
        held_out_en="""
            with which command do i run this gateway on my laptop?
            i have a laptop, how do i make the gateway run on it?
            i would like to try this project, how do i begin?
        """,
        train_zh="""
            (怎么|如何|怎样)(启动|运行|安装|部署|搭建|试用|开始用)(网关|这个网关|服务|服务器|这个项目|网关服务)？
            (网关|服务器|服务|这个项目)(怎么|如何|要怎么)(启动|运行|安装|部署|搭建|跑起来)？
            (哪个|什么|用什么)命令(可以|能|)(启动|运行|安装)(网关|服务器|服务)？
            *(告诉我|说说)(怎么|如何)(启动|运行|安装|部署)网关
            (怎么|如何)(开始|上手|入门)[使用网关]？
            (启动|安装|运行)网关的(命令|方法|步骤)(是什么|有哪些)？
            make run(是什么|是做什么的|有什么用)？
            <怎么>(启动|运行|安装|部署|搭建)(网关|这个网关|服务器|服务|这个项目)
            <关于>(怎么启动网关|网关的安装|怎么安装|怎么运行网关|启动方法)
            (启动|运行|安装|部署)(网关|服务|服务器|这个项目)(用|要用|是|要)(什么|哪个|哪些)(命令|方法|步骤)？
            (在|)(电脑|笔记本|服务器|我的电脑)上(怎么|如何|要怎么)(运行|启动|安装|跑)(网关|这个项目|它)？
            (网关|服务|这个项目)(怎样|怎么)(才能|)(跑|启动|运行|安装)(起来|)？
            (想|要)(启动|运行|安装|试试)(网关|服务|这个项目)，(怎么做|用什么命令|怎么开始|运行哪个命令)
        """,
        held_out_zh="""
            我想在电脑上运行这个网关，怎么做？
            想启动服务应该运行哪个命令？
            能说说网关怎么跑起来吗？
        """,
    ),
    en="Run make run; it sets everything up and serves on http://127.0.0.1:8000.",
    zh="运行 make run，它会准备好一切，服务地址是 http://127.0.0.1:8000。",
)

WHAT = fact(
    phrasings(
        train_en="""
            what is (this|the|a|your|autoglm) gateway[ for| good for| about]?
            what (does|can) (this|the) gateway do[ for me]?
            (what|which) (kind of|sort of) gateway is (this|it)?
            *(explain|describe|introduce|tell me about|tell me something about) (the|this|your|autoglm) gateway[ to me| please]
            what is (autoglm gateway|this project|this service|this server|this software)[ about| for]?
            why (do i need|should i use|is there) (a|the|this) gateway?
            (who|what) is (the|this) gateway (for|made for)?
            (can|could) you (explain|describe) (the|this) gateway?
            what do you know about (the|this|your) gateway?
            <about> (this gateway|the gateway|what the gateway does|what this gateway is for|this project|what this project is|what a gateway is|the purpose of the gateway|the service here)
            (what|which) (is the|is the main|does the gateway have as its) (purpose|use|aim|job|point)[ of (the|this) (gateway|project|service)]?
            (what|which) (use|sense|advantage) (does|has) (the|this) (gateway|project|service)[ have]?
            what is (the|this) (gateway|project|service) (good for|about|made for|doing|there for)?
            <clause> (what this gateway is|what the gateway is good for|what this project does|what the service does|what this service is|what i am using here|who needs this gateway)
            (what|which) (service|project|software|system) (is this|am i using|do i use here|runs here)?
        """,
        held_out_en="""
            for which people is the gateway good?
            please describe the service that i am using
            in a few words, why would i install this gateway?
            what problem does this project solve?
        """,
        train_zh="""
            (这个|你的|这|AutoGLM|)网关(是什么|是做什么的|是干什么的|有什么用|能做什么|是干嘛的|有什么功能|用来做什么)？
            (什么是|啥是)(网关|这个网关|AutoGLM网关|AutoGLM Gateway)？
            *(介绍|说说|讲讲|解释|描述)[一下](这个|)(网关|项目|服务)
            (这个|这)(项目|服务|软件|系统)是(什么|做什么的|干什么的)？
            (为什么|为啥)(要|需要|要用)(网关|这个网关)？
            (网关|这个网关)是(给谁|为谁)(用|做)的？
            (能|可以)(介绍|解释)[一下]这个网关吗？
            <关于>(这个网关|网关|网关是什么|网关的用途|这个项目|这个服务|网关是做什么的|网关的作用)
            (网关|这个网关|这个项目|这个服务)(有|有什么|的)(用处|好处|作用|目的|意义)(是什么|)？
            (我|我们)(正在|在)用的(服务|网关|系统|项目)是(什么|干什么的|做什么的)？
            (说说|讲讲|描述)(一下|)(我用的|我正在用的|这里的)(服务|项目|系统|网关)
        """,
        held_out_zh="""
            能说说网关的用处吗？
            我想了解这个项目是干嘛的
            我在用你们的服务，它是做什么的？
            这个网关能给我什么好处？
        """,
    ),
    en="The gateway puts a multimodal model behind an API for phones, with tokens and limits.",
    zh="网关把多模态模型变成手机可以调用的接口，带有令牌和限额。",
)

FACTS = (
    (TOKEN, 5),
    (LIMITS, 5),
    (RATE, 3),
    (CONCURRENT, 3),
    (DEADLINE, 3),
    (ROUTES, 3),
    (VISION, 3),
    (SPEECH, 3),
    (STREAMING, 3),
    (OPENAI, 3),
    (REVOKE, 3),
    (REFRESH, 3),
    (LIFETIME, 2),
    (IMAGES, 2),
    (RECORDINGS, 2),
    (SIZES, 3),
    (USAGE, 2),
    (TOO_MANY, 2),
    (UNAUTHORIZED, 2),
    (OVERLOAD, 2),
    (THINKING_FIELD, 2),
    (START, 2),
    (WHAT, 3),
)
KNOWN, WEIGHTS = zip(*FACTS, strict=True)
THINKING: dict[Language, str] = {"en": "The user asks about the gateway.", "zh": "用户在问网关的事。"}


def gateway_question(speaker: Speaker) -> Utterance:
    return tell("gateway", speaker, speaker.rng.choices(KNOWN, WEIGHTS)[0], THINKING)
