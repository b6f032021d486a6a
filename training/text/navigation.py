"""Moving about without a name or a place: swipes, back, home, and the end of a task.

A swipe is named by the finger, a scroll by what is to be seen: "swipe up" and "scroll down" are the same
movement. In Chinese 滑 is the finger and 翻 or 滚动 is what is to be seen.
"""

from training.text.frames import Phrasings, phrasings
from training.text.speaker import Speaker, Utterance

UP, DOWN, LEFT, RIGHT = "up", "down", "left", "right"  # where the finger goes
# In thousandths of width and height, as in the examples of the published model.
SWIPES = {
    UP: "start=[500,800], end=[500,200]",
    DOWN: "start=[500,200], end=[500,800]",
    LEFT: "start=[800,500], end=[200,500]",
    RIGHT: "start=[200,500], end=[800,500]",
}
FINGER = {
    "en": {UP: "up", DOWN: "down", LEFT: "left", RIGHT: "right"},
    "zh": {UP: "上", DOWN: "下", LEFT: "左", RIGHT: "右"},
}
SCROLLED = {
    "en": {UP: "down", DOWN: "up", LEFT: "right", RIGHT: "left"},
    "zh": {UP: "下", DOWN: "上", LEFT: "右", RIGHT: "左"},
}
SWIPE_THINKING = {"en": "The user wants the finger to move {}.", "zh": "用户想让手指向{}滑动。"}

SWIPE = phrasings(
    train_en="""
        *(swipe|flick|slide) {way}
        *(swipe|flick|slide) {way} (once|one time|a bit|a little|now|again|quickly|slowly)
        *(swipe|slide) {way} on (the|this|my) (screen|page|phone|list|display)
        *(swipe|slide|flick|move) your finger {way}
        *(swipe|slide) {way} on the whole (page|screen)
        *(make|do|perform|give me) a (swipe|slide|quick swipe) {way}
        *(swipe|flick|slide) [the|this] (screen|page|picture|list) {way}
        *(swipe|slide) (to the|towards the) {way} side of the screen
        *one (swipe|flick) {way}
        *(do|make) one swipe {way}
        *use your finger to swipe {way}
        i (want|need|would like) (to|you to) swipe {way}
        can i (have|get) a swipe {way}?
        (can|could|will) you (swipe|slide) {way}?
        {way}, swipe {way}
        a swipe {way}[ please]
        let's swipe {way}
        let me swipe {way}
        let us slide {way}
        next, swipe {way}
        swipe it {way}
        we (have|need) to swipe {way}
        i (want|would like|have to make) a (swipe|flick|slide|quick swipe) {way}
        (can|could|would) you (do|make|give me) a (flick|slide|quick swipe) {way}?
        *(swipe|slide|flick) {way} (two times|one more|once more|another time)
        *(let|make) (the screen|the page) (slide|move) {way} with a swipe
    """,
    held_out_en="""
        *slide your finger {way} on the screen
        *give the screen a swipe {way}
        the next thing to do is a finger movement {way}
        let your finger glide {way} over the display
        we want to swipe {way} on this page
    """,
    train_zh="""
        *(向|往|朝){way}(滑|滑动|划|划动|轻扫|扫)[一下|一次]
        *{way}(滑|划|滑动)[一下|一次]
        *把(屏幕|页面|画面|列表|图片)(向|往|朝){way}(滑|划|滑动)[一下|一点]
        *在(屏幕|页面|列表|手机)上(向|往|朝){way}(滑|划|滑动)[一下|一点]
        *手指(向|往|朝){way}(滑|划|滑动|移动)[一下]
        *用手指(向|往){way}(滑|划)[一下]
        *(再|接着|继续|轻轻|慢慢|快速)(向|往|朝){way}(滑|划|滑动)
        *做一(个|次)(向|往){way}的滑动
        *(屏幕|页面)(向|往){way}(滑|划|滑动)
        我(想|要|需要)(向|往|朝){way}(滑|滑动|划)[一下]
        (能|可以)(向|往){way}(滑|滑动)[一下]吗？
        我们(向|往){way}滑
        (现在|然后)(向|往|朝){way}(滑|划|滑动)
        让屏幕(向|往){way}滑[动]
        *(屏幕|页面|画面)(接着|继续|再)(向|往){way}(滑|划)
        *(再|多)(划|滑)一(下|次)，(向|往|朝){way}
        我(要|想)(把|让)(页面|画面|列表)(向|往|朝){way}(滑|划)[一下]
        *手指(接着|再)(向|往){way}(划|滑)
    """,
    held_out_zh="""
        *在屏幕上做一次向{way}的滑动
        *把手机屏幕往{way}滑动一次
        *接着把页面向{way}划
        我要让屏幕往{way}滑一次
    """,
)

SCROLL = phrasings(
    train_en="""
        *(scroll|scroll the page|scroll the screen|scroll this page|scroll the list) {way}
        *scroll {way} (once|a bit|a little|a little bit|now|again|slowly|further|some more|more)
        *scroll {way} (on|in) (the|this) (screen|page|list|menu|app)
        *scroll (further|a bit|a little) {way}
        *keep scrolling {way}
        *continue scrolling {way}
        *scroll {way} so i can (see|read) (more|the rest|what is there)
        *(move|page|go) {way} (on the|on this) page
        *do a scroll {way}
        *go further {way} (in|on) the (list|page)
        i (want|need|would like) (to|you to) scroll {way}
        (can|could|will) you scroll {way}[ a bit]?
        let me (see|read) what is further {way}
        let's scroll {way}
        a bit further {way}, scroll
        what is further {way} on (the|this) page?
        show me what is further {way}
        scroll, scroll {way}
        we (have|need) to scroll {way}
        start scrolling {way}
    """,
    held_out_en="""
        *scroll {way} one more time
        *scroll this list further {way}
        *keep on scrolling {way} for a bit
        *scroll a little {way} on this screen
        let me scroll {way} some more
        i need to see more, scroll {way}
    """,
    train_zh="""
        *(向|往|朝){way}(滚动|翻|滚|翻动|翻页|翻看)[一下|一点|一页]
        *{way}翻[一下|一点|一页]
        *(页面|屏幕|列表)(向|往|朝){way}(滚动|翻|滚)[一下|一点]
        *把(页面|屏幕|列表|内容)(向|往|朝){way}(滚动|翻|翻动|滚)[一下|一点]
        *(再|接着|继续|慢慢)(向|往|朝){way}(滚动|翻|滚|翻看)
        *在(页面|列表|屏幕)上(向|往){way}(滚动|翻)
        我(想|要|需要)(向|往){way}(滚动|翻|翻一下)
        (能|可以)(向|往){way}(翻|滚动)[一下|一点]吗？
        我想看{way}面的内容，翻一下
        (现在|然后)(向|往|朝){way}(翻|滚动)
        让(页面|列表)(向|往){way}滚动
        我们(向|往){way}翻
    """,
    held_out_zh="""
        *页面接着向{way}翻动
        *继续把内容往{way}滚动
        *内容太长了，再往{way}滚滚看
        *麻烦把这一页朝{way}滚一滚
    """,
)

# Without a direction: to see what comes last, what comes first, or what is new.
ENDS: dict[str, Phrasings] = {
    UP: phrasings(
        train_en="""
            *(scroll|go|move|jump) (all the way |)(to the|down to the) (bottom|end)[ of the page| of the list| of this page]
            *(scroll|show me) (some more|more|further|the rest|the rest of the page)
            *(show|go to) the (end|bottom|last lines) of (the|this) (page|list)
            i (want|need) to see the (end|bottom) of (the|this) (page|list)
            *(go on|scroll|keep going) (until|till) (you see|you reach|there is|i see) the (end|last line|last entry|footer)
            *(show|let me see) what (is|comes|there is) (below|further below|underneath|at the end)
            *(take|carry|get) me (down |)to the (end|bottom|last entry|last line)[ of it| of the page]
        """,
        held_out_en="""
            *bring me to the very end of this list
            *scroll until the bottom comes
            i would like to see how this page ends
        """,
        train_zh="""
            *(滚动|滑|翻|拉|滑动)到(底部|最底下|最下面|页面底部|列表底部|结尾)
            *(看看|显示|翻看)(更多内容|下面的内容|后面的内容|剩下的内容)
            *(翻|去)(下一屏|后面)
            我(想|要)看(页面|列表)的(底部|末尾|最后)
            *(一口气|直接|一下子)(翻|滑|拉|滚)到(最后|底|页尾|最下面|底部)
            *(让我|给我)看(下面|后面|底下)(还有什么|剩下的|的东西)
            *(翻|滑|拉)完(整个|这个)(页面|列表)，看最后
            *(翻|滑|拉)到(整个|这个|)(页面|列表)的(底|尾部)
        """,
        held_out_zh="""
            *一直滚到这个页面的末尾
            *把下面还有的东西给我看看
            这个页面最后有什么，滚过去看看
        """,
    ),
    DOWN: phrasings(
        train_en="""
            *(scroll|go|move|jump) (back |all the way |)(to the|up to the) (top|beginning)[ of the page| of the list| of this page]
            *(pull down to refresh|pull to refresh|refresh the screen|refresh the page|refresh the list|reload the page)
            *(show|go to) the (top|first lines) of (the|this) (page|list)
            i (want|need) to see the (top|beginning) of (the|this) (page|list)
            *(pull|drag) (the page|this|the screen|the feed) down (to|and) (refresh|reload|update)[ it]
            *(refresh|reload|update) (it|this|the feed|everything) (by pulling down|with a pull)
            *(go|scroll) (back |)up (until|till) (you see|you reach|there is) the (first line|start|title|first entry)
            *(take|carry|get) me (up |back |)to the (top|start|first line|first entry)[ of it| of the page]
        """,
        held_out_en="""
            *bring me to the very top of this list
            *pull the list down so that it reloads
            *take this list back to where it starts
        """,
        train_zh="""
            *(滚动|滑|翻|拉|滑动|回)到(顶部|最上面|最顶上|页面顶部|列表顶部|开头)
            *(下拉刷新|下拉|刷新一下屏幕|刷新页面|重新加载|刷新列表)
            我(想|要)看(页面|列表)的(顶部|开头|最前面)
            *(一口气|直接|一下子)(翻|滑|拉|滚)(回|到)(最前|页首|第一行|最上边|顶部)
            *(刷新|更新|重新载入)[一下](这个页面|这个列表|内容|当前页面)
            *(往下|向下)(拉|拽)(着|)(刷新|更新)[一下][页面|内容|列表]
            *(翻|滑|拉)(回|到)(整个|这个|)(页面|列表)的(第一行|头|开始)
        """,
        held_out_zh="""
            *一直滚回这个页面的最前面
            *往下拉一拉，让列表重新载入
            *把页面拉回到开头的地方
        """,
    ),
}
ENDS_SHARE = 0.15  # of swipes

BACK = phrasings(
    train_en="""
        *go back
        *go back (one step|a step|one page|one screen|now|again|once|a page)
        *go back to (the previous|the last|the page before|the earlier) [page|screen]
        *go back to where (i was|we were|you were)
        *(go|return|get|move|step|take me|bring me) back [one page|one step|a page|a step]
        *(go|return|get) to the (previous|last|earlier) (page|screen|one)
        *return to the (previous|last) (page|screen)
        *(press|tap|hit|push|use|click) (back|the back button|the back key)
        *leave (this|the) (page|screen)
        *(close|exit|get out of|leave) this page and go back
        *(show|give) me the (previous|last) (page|screen)[ again]
        *take me (to the previous|one step back to the last) (page|screen)
        *back up [one page|one step|a bit]
        *take a step back
        i (want|need|would like) to (go|get|be) back[ one page]
        i (want|need) the (previous|last) (page|screen)
        (can|could|will) (you|we|i) go back[ one page| one step]?
        how do i go back? do it
        let's go back[ one page]
        let me go back
        back[ please| now]
        back, go back
        back to the (previous|last) (page|screen)[ please]
        one (page|step|screen) back[ please]
        this is the wrong (page|screen), go back
        not this (page|screen), go back
        previous (page|screen)[ please]
        wrong page, back
        to the previous page
        (this|that|it) (is|was) (wrong|a mistake|not right), (go back|take me back a page|return)
        i (want|need|would like) to (return|go) to (the page before|the previous page|the last screen)
        let's (return|go back) to the (previous|last) (page|screen|one)
        *(bring|take|get) me (to|back to) (the previous|the last|the earlier) (page|screen)
        *(shut|close|quit) (this|the) (screen|window|view) and (return to|go to) (the earlier one|what i saw before|the one i came from)
        i want (to see|back to) the (screen|page) (i came from|from before|behind this one)
        (one|a) (page|step) backwards[, thanks|, that is what i want| please]
        (it|this) is (the wrong|not the right) (one|app page|screen|menu), (return|go back|take me back)
        it would be (nice|good|great) to go back[ one page| a step| to the last page]
    """,
    held_out_en="""
        *get me back to the page before
        *return to where i was
        this is wrong, take me back
        wrong screen, go back one step
        *return to the (screen|page) (that was there before|where i was before|we had before)
        *(close this page|leave this page) and (show|open) the (one before|last one|previous one)
        i did not want this (page|screen), (go back|take me back)
        one (step|page|screen) back would be (good|great|nice)
        (that|this) was the wrong (button|icon|page), back (please|one step|to the last page)
        *bring the previous screen up again
        let me look at the last page once more
    """,
    train_zh="""
        *(返回|后退|退回|退回去|倒回去|退出去)[一下]
        *(返回|回到|退回|退回到|退到|回)(上一页|上一个页面|上一级|上个页面|前一页|之前的页面|上一层|上一个界面|刚才的页面)
        *(按|点|点击|点一下|按一下)(返回|返回键|返回按钮|后退键)
        *(往|向)(后退|回退)[一步|一下|一页]
        *(后退|返回|退)一(步|页|级|层)
        *(关掉|退出|离开)(这个|当前)(页面|界面)[，返回上一页|，回到上一页]
        *(回去|退回去|回退)[一下]
        *带我(回|返回)(上一页|刚才的页面)
        我(想|要|需要|得)(返回|回去|后退|回到上一页|回上一页|退回去)
        (能|可以)(返回|后退|回去|退回去)[一下]吗？
        (能|可以)回(到)上一页吗？
        (不是这个|错了|点错了|走错了|打错了)，(返回|退回去|回去|后退)
        上一页
        上一个(页面|界面)
        (现在|然后)(返回|后退|回到上一页)
        我们(返回|回去|退回去)
        让我(回去|返回上一页)
        刚才的页面
        (返回|后退)(键|按钮)
        *(回到|返回|退到)(之前|刚才|上次)(那|的那|的)(个|一个)(页面|界面|画面|屏幕)
        *(往|向)(回|后)(退|走|倒)一(页|步|下|格)
        *(回到|返回|看|打开)(之前|前面|刚才)(那|的)一(页|步)
        我(想|要)(看|回|退回)(之前|刚才|前面)的(页面|界面|画面)
        (能|可以)(往回|往后|)(退|倒)一(页|步|下)吗？
        *(关了|退出)(这里|这一页)，(回|返回|看)(前面的|刚才的)(页面|界面)
        (这里|这页|这一页)(不对|错了)，(退出|后退|回去|返回)
    """,
    held_out_zh="""
        *按一下后退按钮
        点错页面了，退回上一页
        刚才那个画面，退回去看
        *(关掉|离开)这个(页面|界面)，(看上一个|退回去|返回之前的)
        *(倒|退)回(我刚才看的|刚刚那个)(页面|界面)
        这(不是|不是我要的)(页面|界面)，(返回|退回去|后退)
        (能不能|可不可以)(退|翻)回到我来的那个(页面|界面)？
        *上一个界面再给我看一下
    """,
)

HOME = phrasings(
    train_en="""
        *go home
        *go [back ]to (the|my) home (screen|page)
        *(go|take me|bring me|return|get me|get|head|jump|switch) [back ]to the (home screen|home page|start screen|main screen)
        *(go|take me|bring me|get me|return) home[ now]
        *(press|tap|hit|push|use|click) (home|the home button|the home key)
        *(show|show me|open|bring up|give me|display) the (home screen|main screen|start screen)[ again]
        *(leave|exit|get out of) (this app|the app|this application) and go (home|to the home screen)
        *(close|minimize) everything and go (home|to the home screen)
        *go to the (main|first|start) screen of (the|my|this) phone
        *(leave|exit|close) (this|the) app
        *get out of (this|the) app
        *exit[ now| the app]
        *quit[ now| the app| this app]
        *show my phone's home screen
        i (want|need|would like) (to see|to go to|to get to|to be on) the home screen
        i (want|need) (the|my) home screen
        i want to go home
        (can|could|will) (you|we|i) go (home|to the home screen)?
        let's go (home|to the home screen)
        let me see the home screen
        home[ please| now]
        home screen[ please| now]
        back to the (home|main|start) screen[ please]
        back home[ please]
        home, go home
        where is the home screen? go there
        to the home screen
        the home (screen|button)[ please]
        (can|could|may) (i|we) (see|have|get|go to) the (home|main) (screen|page)?
        (i'd|i would) like (to go home|to see my home screen|to be on the main screen|the home screen)
        *(bring up|open|show) (my|the) (home|main) (screen|page)
        let's (go|get|move|jump) [back ]to the (home|main) (screen|page)
        i (have|want|wish) to (go|get|be) (home|on the home screen|back home)[ now]
        (can|may|could) i (go|get) (home|back home)[ now]?
        *(show|give) (me|us) the (start|main|home) (page|screen)
        (what|the screen) i (want|need|would like to see) is the (home|main|start) (screen|page)
        it is the (home|main|start) screen (that i want|that i need|i am looking for)
        *(take|bring) me away from here, to the (home|main|start) screen
    """,
    held_out_en="""
        *go to my phone's home screen
        *hit the home key one time
        *exit this application and show the home screen
        *(leave|close) (what is open|everything here) and (show the home screen|go to the main screen)
        *(get|bring) the (home|start|main) screen (back|up)[ for me]
        we are done with this app, (home|go home|back to the home screen)
        the (home|main|start) screen is (what i want|where i want to be|what i need)
        *put the main screen back in front of me
    """,
    train_zh="""
        *(回到|返回|回|去|到|切到|退到|跳到|进入|切换到)(主屏幕|桌面|主页|首页|手机桌面|主界面|手机主屏幕)
        *(显示|打开|看看|调出)(主屏幕|桌面|手机桌面|主界面)
        *(按|点|点击|点一下|按一下)(主页键|主屏幕键|主页按钮)
        *(退出|关掉|离开)(这个|当前)(应用|软件|程序)
        *(退出|关掉|离开)(这个应用|当前应用|软件)(，|)(回到|返回)(桌面|主屏幕)
        *(带我|让我)(回|回到|去)(桌面|主屏幕|主界面)
        *(直接|马上|赶紧)(回到|返回|回)(桌面|主屏幕|主页)
        *把(桌面|主屏幕)(调出来|打开)
        我(想|要|需要|得)(回|回到|返回|去|看)(主屏幕|桌面|主页|主界面)
        (能|可以)(回到|返回|回)(桌面|主屏幕|主页)吗？
        (桌面|主屏幕|主页|主界面|手机桌面)
        (主页|主屏幕|桌面)，(谢谢|回去)
        (现在|然后)(回到|返回|回)(桌面|主屏幕)
        我们(回|回到|返回)(桌面|主屏幕|主页)
        我要(退出|离开)(这个|当前)(应用|软件)
        *(去|回|到)(桌面|主屏幕|主页|主界面)(吧|一下|看一看|看一下)
        我们(去|看看|到)(主屏幕|主页|桌面吧|首页)
        *(退|退出|跳)(回|到|回到)(桌面|主屏幕|主界面|首页)[去]
        我(想|要)(看看|看一下|去)(桌面|手机桌面|主屏幕|首页)
        (可以|能)(去|退到|看看)(桌面|主页|首页)吗？
        (桌面|主屏幕|主页)(就是|才是)(我要的|我想看的|我要去的地方)
        *叫手机(显示|切到|跳到)(桌面|主屏幕|主页)
        不用这个(应用|软件)了，(去|看)(桌面|主屏幕)
    """,
    held_out_zh="""
        *退出软件，去主屏幕
        *按一下主屏幕按钮
        我想看看手机的主屏幕
        让我去手机主界面
        我们去桌面看看
        *(关掉|离开)所有(应用|软件)，(回桌面|去主屏幕|回到主界面)
        *(把|让)手机(回到|退到)(桌面|主屏幕|主界面|主页)
        这个应用用完了，(回桌面|回主屏幕|去主页)
        我要看的是(桌面|主屏幕|主界面)
        *把软件收起来，给我看桌面
    """,
)

FINISH = phrasings(
    train_en="""
        (the|this|my) (task|job|work) is (done|finished|complete|completed|over)
        (that is|that's|that was|this is) (all|it|everything)[ for now| for today| i need| i needed| i wanted]
        (we are|we're|you are|you're|i am|i'm) (done|finished|ready|all done)[ here| now| with this| with the task| with it]
        *(finish|end|complete|close|conclude) (the|this) (task|job)[ here| now]
        *(stop|end|finish) here
        *(mark|set) (the|this) task as (done|finished|complete|completed)
        *stop working on (this|the task|it)
        (everything|all|it all) is (done|finished|complete|ready)[ now]
        everything has been done
        nothing (more|else|left) to do[ here| now]
        there is nothing (more|else|left) to do[ here| now]
        no more steps[ are needed| please]
        (done|finished|task done|task finished|task complete|task completed|job done|all done|all finished)
        it is (done|finished|complete|over)[ now]
        the (task|job) has been (done|finished|completed)
        you (can|may|should) (stop|finish|end) (now|here|it|the task)
        (mission|work) (complete|accomplished|done)
        we have finished[ the task| everything| this job]
        you have (done|finished) (it|everything|the task)
        i have (what i need|everything i need|what i wanted)[ now]
        this (task|job) can be (closed|ended|finished)[ now]
        the (last step|goal) is (done|reached)
        there are no (more|other) (tasks|things|steps)[ now| left| for you]
        *(mark|set|close) (the|this) (job|work) as (done|complete|over)
        (you see|look|see|well), (it is done|we are done|that was everything|the task is over)
        that was the (final|last) (thing|one|action)[, thanks|, we are done]
    """,
    held_out_en="""
        *end it here, the task is done
        all of it is done now
        we have done everything we wanted
        that was the last thing, so close the task
        there are no more steps to do
        that's everything for today, we are done
        you can end this job now
        (very well|as you see), (the task is complete now|this was the last step|we have finished it all|the work is over)
        (we|you) have (reached the goal|done the last step|completed all the steps|done all the work)
        there is no (work|task|step) left[ for you| for us| here]
        *(stop|end) the task (here|now), (it is done|all is ready|everything is complete)
        the (goal|task|work) (was reached|was completed|was done) (just now|this morning|today)
        that is enough, the whole job is done
    """,
    train_zh="""
        (任务|这个任务|工作|操作|事情|这件事)(完成|结束|做完|搞定|已经完成|已经结束|已经做完|都完成|办完)了
        (结束|完成|终止|停止)(任务|这个任务|操作|当前任务|工作|流程)[吧]
        (完成了|做完了|搞定了|结束了|好了，完成了|都做完了|全部完成了|办好了|都好了|全都办好了)
        (就这样|就到这里|到此为止|到这里就行|就这些|到这儿吧)[吧|了|，谢谢]
        (没有|没)(别的|其他)(事情|事|任务|步骤)了
        (不用|不需要)(再|继续)(做|操作|点)了
        (可以|你可以)(结束|停|停下|收工)了
        把(任务|这个任务)(标记为|标为|设为)(完成|已完成|结束)
        (我们|你)(已经|都)(完成|做完)(任务|所有事情|全部步骤)了
        (目标|任务)(达成|已达成|已完成|完毕|完成)
        (最后一步|所有步骤|全部步骤)(做完|完成|已经完成)了
        我(要的|需要的)(都有|都做好|已经有)了
        一切都(完成|做好|办好|结束)了
    """,
    held_out_zh="""
        这件事情已经搞定了
        所有任务都做完了，结束吧
        你可以停止任务了
        没有其他步骤要做了
        把当前任务标记为结束
        工作到这里就结束了
        全部事情都办完了
        操作已经做好了，可以收工
        (好了|行了)，(任务全都顺利完成了|我们总算都做完了|今天的工作到头了)
        (我们|你)把(任务|事情|工作|步骤)(都|全都)(做完|完成|办好)了
        (别的|其他的)(事|任务|步骤)都没有了，(结束吧|完成了|停吧)
        *(到这里|现在)(结束|停止)(这个|当前)(工作|操作)，(已经好了|都完成了)
    """,
)
FINISHED = {"en": "The task is done.", "zh": "任务已经完成。"}

BACK_THINKING = {"en": "The user wants to go back one page.", "zh": "用户想返回上一页。"}
HOME_THINKING = {"en": "The user wants to see the home screen.", "zh": "用户想回到主屏幕。"}
FINISH_THINKING = {"en": "The user says that the task is done.", "zh": "用户说任务已经完成。"}


def swipe(speaker: Speaker) -> Utterance:
    if speaker.chance(ENDS_SHARE):
        finger = speaker.choose(tuple(ENDS))
        sentence = speaker.say(ENDS[finger])
    else:
        finger = speaker.choose((UP, DOWN, LEFT, RIGHT))
        phrasing, names = speaker.choose(((SWIPE, FINGER), (SCROLL, SCROLLED)))
        sentence = speaker.say(phrasing, way=names[speaker.language][finger])
    thinking = SWIPE_THINKING[speaker.language].format(FINGER[speaker.language][finger])
    return Utterance("swipe", sentence, f'do(action="Swipe", {SWIPES[finger]})', thinking)


def back(speaker: Speaker) -> Utterance:
    return _plain("back", speaker, BACK, 'do(action="Back")', BACK_THINKING)


def home(speaker: Speaker) -> Utterance:
    return _plain("home", speaker, HOME, 'do(action="Home")', HOME_THINKING)


def finish(speaker: Speaker) -> Utterance:
    answer = f'finish(message="{FINISHED[speaker.language]}")'
    return _plain("finish", speaker, FINISH, answer, FINISH_THINKING)


def _plain(
    kind: str, speaker: Speaker, phrasing: Phrasings, answer: str, thinking: dict[str, str]
) -> Utterance:
    return Utterance(kind, speaker.say(phrasing), answer, thinking[speaker.language])
