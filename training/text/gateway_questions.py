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
        """,
        held_out_en="""
            with which command do i get an access token?
            my app needs a token, how is it made?
            could you explain how to obtain a token for the gateway?
            what must i do to get an api key?
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
        """,
        held_out_zh="""
            用网关之前怎么申请访问令牌？
            请问签发token用什么命令？
            我还没有令牌，去哪里拿？
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
        """,
        held_out_en="""
            could you explain the limits that apply to me?
            which restrictions are set for a user of the gateway?
            what rate limit does this api have?
            i would like to know how users are limited
            are my requests rate limited on the gateway?
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
        """,
        held_out_en="""
            what number of calls may my app make in one minute?
            in a minute, how many questions may i ask?
            am i allowed to send thirty requests per minute?
            per minute, how many requests do i get?
        """,
        train_zh="""
            (每分钟|一分钟|1分钟|每一分钟)(能|可以|允许|最多|最多能|最多可以|一共能|)(发|发送|调用|请求|问|发起)(多少|几|多少个|几个|多少次|几次)[请求|问题|消息]？
            (每分钟|一分钟)(有|的|)(多少|几)(个|次)(请求|调用)(机会|额度|)？
            (每分钟|一分钟)的(请求数|请求上限|调用次数|请求限制)是(多少|几)？
            我(每分钟|一分钟)(能|可以)(发|问|调用)(多少|几)(个|次)[请求]？
            (多久|隔多久)(能|可以)(发|问)一次？
            (请求|调用)(频率|次数)(上限|限制|)是(多少|每分钟多少)？
            (每分钟|一分钟)(发|请求|调用)(二十|五十|一百|20|50|100|三十)(次|个)(可以|行|会被拒绝|太多)吗？
        """,
        held_out_zh="""
            我的应用一分钟最多能调用几次？
            每分钟请求多少次会被限制？
            一分钟里可以问几个问题？
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
        """,
        held_out_en="""
            how many calls can run in parallel for one user?
            could my app have three streams at the same time?
            what maximum of simultaneous requests is allowed?
            are several requests at once possible?
        """,
        train_zh="""
            (同时|并发|一次|并行|同一时间)(能|可以|允许|最多|最多能|最多可以|)(发|发送|运行|有|跑|处理|发起)(多少|几|多少个|几个)[请求|任务|流]？
            (并发|同时请求|并行请求)(数|的数量|上限|限制|数量)(是多少|是几|有多少|多少)？
            我(能|可以)(同时|并发|并行)(发|运行|跑|开)(多少|几|两|三|十|好几)个(请求|任务|流|)[吗]？
            (支持|允许|可以)(并发|并行|同时发)(请求|)[吗]？
            (最大|最多)(并发|同时)(多少|是多少|几个|请求多少)？
            (多少|几)个(请求|任务)(可以|能)(同时|一起|并行)(运行|发|跑|处理)？
        """,
        held_out_zh="""
            一个用户同时最多能有几个请求？
            我想并行跑三个任务可以吗？
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
        """,
        held_out_en="""
            how many seconds until my call times out?
            what time limit does each request have?
            my stream ended with deadline, why?
            could you tell me the maximum time of one answer?
            does a request stop after some time?
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
        """,
        held_out_zh="""
            我的请求过多久会被停止？
            每个调用的时限是几秒？
            网关返回504是怎么回事？
            一个回答最长可以等多久？
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
        """,
        held_out_en="""
            could you name the endpoints that my app can call?
            which paths does this api offer?
            what is the route that i send my text to?
            please give me a list of all routes
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
        """,
        held_out_zh="""
            能列一下网关提供的接口吗？
            我的应用可以调用哪些API？
            文字消息应该走哪个端点？
            请介绍这个服务有哪些路径
            全部路由都有哪些？
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
        """,
        held_out_en="""
            which endpoint accepts a screenshot from my app?
            could you explain how to submit a photo to the api?
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
        """,
        held_out_zh="""
            我的应用要传截图，用哪个路由？
            请问照片应该提交到什么地址？
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
        """,
        held_out_en="""
            which endpoint accepts a voice recording from my app?
            could you explain how to submit audio to the api?
            i want to upload a voice message, where to?
            what do i call to transcribe a sound file over http?
        """,
        train_zh="""
            (怎么|如何|怎样)(发送|上传|提交|传|发|转写)(语音|录音|音频|一段录音|声音|语音消息|一段语音)[到网关|给网关|给接口]？
            (语音|录音|音频|语音消息)(怎么|如何|要怎么)(发送|上传|提交|传|发|转写)[到网关|给接口]？
            (语音|录音|音频|声音)(用|发到|要用|走|传到)(哪个|什么)(接口|路由|端点|路径|地址)？
            (哪个|什么)(接口|路由|端点)(接收|处理|支持|可以传)(语音|录音|音频|声音)？
            *(告诉我|说说)(怎么|如何)(上传|发送|转写)(语音|录音|音频)
            (/speech|语音接口|录音接口)(怎么用|是什么|是做什么的|如何使用)？
            (上传|发送)(语音|录音|音频)的(接口|路由|方法)是什么？
        """,
        held_out_zh="""
            我的应用要传录音，用哪个路由？
            请问语音应该提交到什么地址？
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
        """,
        held_out_en="""
            could i receive the answer piece by piece?
            which option enables the event stream?
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
        """,
        held_out_zh="""
            我的应用想逐字接收回答，怎么设置？
            请问哪个选项可以打开事件流？
            网关能边生成边返回吗？
            这个API有没有SSE？
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
        """,
        held_out_zh="""
            我的OpenAI客户端可以接入网关吗？
            用LangChain能调用这个接口吗？
            请问这里支持OpenAI的格式吗？
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
        """,
        held_out_en="""
            somebody has copied my access token, what should i do?
            with which command can i block a token?
            is it possible to cancel a token?
            could you explain how an operator withdraws a token?
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
        """,
        held_out_zh="""
            别人拿走了我的访问令牌，该怎么办？
            请问作废token用哪个命令？
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
        """,
        held_out_en="""
            the access token of my app is too old, what now?
            to which route do i send the refresh token?
            could you explain how to renew an expired token?
            what should my app do after its token expired?
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
        """,
        held_out_zh="""
            我的应用的token到期以后怎么办？
            请问刷新令牌要发到哪个接口？
            过期的访问令牌怎么换新的？
            能说说如何续期token吗？
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
        """,
        held_out_en="""
            for how many minutes can my token be used?
            how long does it take until an access token runs out?
            will my access token work forever?
            what validity does a token have?
        """,
        train_zh="""
            (令牌|token|访问令牌)(的|)(有效期|寿命|有效时间|存活时间)(是多久|是多少|有多长|多久|多长|是几分钟)？
            (令牌|token|访问令牌)(多久|多长时间|几分钟|什么时候)(会|后|之后|)(过期|失效|到期)？
            (令牌|token|访问令牌)(能用|有效|可以用|能管)(多久|多长时间|几分钟)？
            (令牌|token|访问令牌)会(过期|失效|到期)吗？
            我的(令牌|token)[还](能用|有效)多久？
            (令牌|token)有效期？
        """,
        held_out_zh="""
            一个访问令牌可以用几分钟？
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
            (does|do|is|are) (the gateway|it|you|heic|webp|png|jpeg) (take heic|support png|accept webp|supported|accepted|support heic photos|ok)?
            (what|which) (kinds|kind|sort) of (images|pictures|photos) (do you|does the gateway|can the gateway) (take|accept|support|read)?
            (image|picture|photo) formats[ please]?
        """,
        held_out_en="""
            which file types may my photos have?
            could i upload photos as heic?
            what picture formats does the gateway accept?
            in what format should a screenshot be?
        """,
        train_zh="""
            (支持|可以用|能用|接受|允许|能传)(哪些|什么)(图片|照片|图像)(格式|类型|文件)？
            (图片|照片|图像|截图)(支持|可以是|要|能用|需要)(哪些|什么)格式？
            (图片|照片|截图)的格式(有哪些|是什么|要求是什么|有什么要求)？
            (能|可以)(传|发|用|上传)(HEIC|JPEG|PNG|WebP|GIF|BMP|heic|png|jpg)[格式|图片|照片|格式的图片]吗？
            (支持|接受)(HEIC|JPEG|PNG|WebP|GIF|BMP|heic|png)(格式|图片|照片|)吗？
            (图片格式|照片格式)？
        """,
        held_out_zh="""
            网关能接受什么格式的照片？
            我的截图要用哪些文件格式？
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
            (does|do|is|are) (the gateway|it|you|mp3|wav|opus|m4a) (take mp3|support wav|accept m4a|supported|accepted|support opus files|ok)?
            (what|which) (kinds|kind|sort) of (recordings|audio|sound files) (do you|does the gateway|can the gateway) (take|accept|support|hear)?
            (audio|sound|recording) formats[ please]?
        """,
        held_out_en="""
            which file types may my recordings have?
            could i upload sound as mp3?
            what audio formats does the gateway accept?
            in what format should a voice message be?
        """,
        train_zh="""
            (支持|可以用|能用|接受|允许|能传)(哪些|什么)(音频|录音|语音|声音)(格式|类型|文件)？
            (音频|录音|语音)(支持|可以是|要|能用|需要)(哪些|什么)格式？
            (音频|录音|语音)的格式(有哪些|是什么|要求是什么|有什么要求)？
            (能|可以)(传|发|用|上传)(m4a|mp3|ogg|opus|webm|amr|flac|aac|wav|MP3|WAV)[格式|音频|录音|格式的录音]吗？
            (支持|接受)(m4a|mp3|ogg|opus|amr|flac|aac|wav|MP3)(格式|音频|录音|)吗？
            (音频格式|录音格式)？
        """,
        held_out_zh="""
            网关能接受什么格式的录音？
            我的语音要用哪些文件格式？
            mp3录音网关接受吗？
            音频文件允许什么类型？
        """,
    ),
    en="Recordings may be m4a, mp3, ogg, opus, webm, amr, flac, aac or wav.",
    zh="录音可以是 m4a、mp3、ogg、opus、webm、amr、flac、aac 或 wav。",
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
        """,
        held_out_en="""
            which endpoint shows me how many tokens i have used?
            i want to check my consumption
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
        """,
        held_out_zh="""
            请问哪里能看自己用了多少？
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
        """,
        held_out_en="""
            the gateway answers 429, what now?
            why have my requests been rejected by the gateway?
            i have sent too many requests, when can i send again?
            what is the meaning of status 429?
        """,
        train_zh="""
            429(是什么|是什么意思|什么意思|错误|怎么办|怎么回事|是为什么)？
            (为什么|怎么)(我的请求|请求|我)(会|)(被拒绝|被限制|被限流|被拦|返回429|报429)[了]？
            (报|出现|返回|收到|遇到)(429|请求过多|429错误)(怎么办|是什么意思|是为什么|怎么回事|)？
            (请求太多|请求过多|超过限制|超出限额|发太多请求)(会怎样|怎么办|会怎么样|了怎么办)？
            (状态码429|错误429|429错误)
            (被拒绝|被限流)后(要等多久|多久能再试|等多久|怎么办)？
            (多久|什么时候)(能|可以)(再试|再发|重试)？
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
        """,
        held_out_en="""
            the gateway answers 401, what now?
            why does the api not accept my token?
            what is the meaning of status 401?
            i am told that my token is not valid
        """,
        train_zh="""
            401(是什么|是什么意思|什么意思|错误|怎么办|怎么回事|是为什么)？
            (报|出现|返回|收到|遇到)(401|未授权|401错误)(怎么办|是什么意思|是为什么|怎么回事|)？
            (状态码401|错误401|401错误|未授权)
            (为什么|怎么)(我的|)(令牌|token)(被拒绝|无效|不能用|不对|没有用|不被接受)[了]？
            (网关|接口|API)(拒绝|不接受|不认)我的(令牌|token)
            我的(令牌|token)(不能用|没用|不行|无效)
        """,
        held_out_zh="""
            网关给我返回了401，怎么回事？
            为什么接口不认我的token？
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
        """,
        held_out_en="""
            the gateway answers 503, what now?
            why does it say that the service is unavailable?
            what is the meaning of status 503?
            what does the gateway do if it is too busy?
        """,
        train_zh="""
            503(是什么|是什么意思|什么意思|错误|怎么办|怎么回事|是为什么)？
            (报|出现|返回|收到|遇到)(503|服务不可用|503错误)(怎么办|是什么意思|是为什么|怎么回事|)？
            (状态码503|错误503|503错误|服务不可用)
            (网关|服务器|队列)(太忙|满了|过载|太多人用|很忙)(会怎样|怎么办|会怎么样|的时候会怎样)？
            (过载|队列满了|太忙了)(怎么办|会怎样)？
            (有|有没有)(排队|队列)(机制|)[吗]？
        """,
        held_out_zh="""
            网关给我返回了503，怎么回事？
            服务器很忙的时候会怎么样？
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
        """,
        held_out_en="""
            which option shows me the reasoning of the model?
            i want to read your thoughts in the answer, how?
            could you think before you answer and show it?
            what must i set to turn on thinking?
        """,
        train_zh="""
            (怎么|如何|怎样)(看到|得到|显示|开启|打开|使用)(思考|思考过程|推理|推理过程|思维过程|思考内容)？
            (思考|推理|思考过程|思考模式|推理过程)(怎么|如何)(开启|打开|看|用|显示|返回)？
            (哪个|什么)(参数|字段|选项)(是|开启|打开|控制)(思考|推理|思考过程)？
            你(会|能|可以)(思考|推理|先思考|想一想|思考后再回答)吗？
            (能|可以)(看|看到|显示|返回)(你的|)(思考|推理|思考过程|想法)吗？
            (支持|有)(思考|推理|思考模式)吗？
            (思考过程|思考模式|推理)？
        """,
        held_out_zh="""
            哪个选项能让我看到推理过程？
            我想看你的思考内容，怎么打开？
            请问思考模式要设置什么？
            你回答之前可以先思考吗？
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
        """,
        held_out_en="""
            with which command do i run this gateway on my laptop?
            what is needed to set up the gateway?
            could you explain how the server is started?
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
        """,
        held_out_zh="""
            我想在电脑上运行这个网关，怎么做？
            请问启动服务用哪个命令？
            这个项目要怎样安装？
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
        """,
        held_out_en="""
            could you tell me what the gateway is good for?
            i want to understand what this project does
            what purpose does the gateway have?
            please describe the service that i am using
        """,
        train_zh="""
            (这个|你的|这|AutoGLM|)网关(是什么|是做什么的|是干什么的|有什么用|能做什么|是干嘛的|有什么功能|用来做什么)？
            (什么是|啥是)(网关|这个网关|AutoGLM网关|AutoGLM Gateway)？
            *(介绍|说说|讲讲|解释|描述)[一下](这个|)(网关|项目|服务)
            (这个|这)(项目|服务|软件|系统)是(什么|做什么的|干什么的)？
            (为什么|为啥)(要|需要|要用)(网关|这个网关)？
            (网关|这个网关)是(给谁|为谁)(用|做)的？
            (能|可以)(介绍|解释)[一下]这个网关吗？
        """,
        held_out_zh="""
            能说说网关的用处吗？
            我想了解这个项目是干嘛的
            请描述我正在用的服务
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
