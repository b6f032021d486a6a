"""Writing into the field that has the focus: do(action="Type", text="...")."""

from training.text.copied_text import copied_text, dictated_text
from training.text.frames import phrasings
from training.text.speaker import Speaker, Utterance

TYPE = phrasings(
    train_en="""
        *(type|enter|write|input|key in|put in|fill in|type in) {text}
        *(type|enter|write|input) "{text}"
        *(type|enter|write|input) '{text}'
        *(type|enter|write|input|type in)[ the text| the words| the following| the following text]: {text}
        *(type|enter|write|input) (the text|the words|this text|the following text) {text}
        *(type|enter|write|put|input) "{text}" (in|into) the (search box|search field|text field|box|field|input field|form|message|chat)
        *(type|enter|write|put|input) {text} (in|into) the (search box|search field|text field|text box|input field|search bar)
        *(in|into) the (search box|search field|text field|field|box|search bar|chat)(,|) (type|write|enter) {text}
        *(use|with) the keyboard(, | to )(type|write|enter) {text}
        *fill (the field|the box|the form|it|the text field) (in |)with {text}
        *(type|write) (with|on|using) the keyboard: {text}
        *(type|write|enter) (exactly|just|only) this: {text}
        *(now|next) (type|write|enter) {text}
        i (want|need|would like) (you to type|to type|to write|to enter|you to write|you to enter) {text}
        i'd like you to (type|write|enter): {text}
        (can|could|will) you (type|write|enter) {text}
        (can|could|will) you (type|write|enter) "{text}"?
        let's (type|write|enter) {text}
        text to (type|enter|write): {text}
        what i want to (type|write) is {text}
        the text (to type|to enter|to write) is {text}
        the text is {text}, type it
        type this for me: {text}
        write this down in the field: {text}
        keyboard input: {text}
        *(type|enter|key in|put in|write down) the words {text}
        let us (type|enter|type in) {text}
        let us (type|enter) "{text}"
        *(fill in|put) the (words|text) {text}
        *(have|get) "{text}" (typed|written) in the (box|field|search box)
        *(key in|type in|put in) (the following|this): {text}
        (the|this) (field|form|box|message|line) (should|must|has to|shall) (say|contain|have|read): {text}
        (the|this) (search box|form|text box) gets (this|these words|the following): {text}
    """,
    held_out_en="""
        *use the keyboard and key in {text}
        *write the following in the box: {text}
        *fill the search bar with {text}
        the field needs this text: {text}
        could you write down in the box: {text}
        type the following words for me: {text}
        *put these letters into the form: {text}
    """,
    train_zh="""
        *(输入|打字|键入|写|写上|填写|填|填入|打|打上|敲){text}
        *(输入|键入|写|填写|打|写上)[文字|内容|文本|下面的内容|以下内容|这些字]：{text}
        *(输入|键入|写|填写|打|写上)“{text}”
        *(输入|键入|填写|写上)「{text}」
        *(在|往)(输入框|搜索框|文本框|搜索栏|框|对话框|聊天框|表单)(里|中|内|里面)(输入|写|写上|填|填写|打)[：]{text}
        *(在|往)(输入框|搜索框|文本框|搜索栏)(里|中)(输入|写|打)“{text}”
        *把“{text}”(输入|写|填|打)(到|进)(输入框|搜索框|文本框|搜索栏)[里|里面|中]
        *把{text}(输入|写|填|打)(到|进)(输入框|搜索框|文本框|搜索栏)[里|里面|中]
        *用键盘(输入|打|写)[：]{text}
        *(输入|打)(文字|几个字|一行字)[：]{text}
        *(现在|接着|然后)(输入|写|打){text}
        我(想|要|需要)(输入|写|打|填){text}
        我要你(输入|写|打){text}
        (能|可以)(输入|写|打)“{text}”吗？
        要(输入|写|填)的(内容|文字|字)是[：]{text}
        (文字|内容)是{text}，(输入一下|写上去|打进去)
        (内容|文字)：{text}，(请输入|输入)
        键盘输入[：]{text}
        只(输入|写|打)这些[：]{text}
        *把“{text}”(打|写|填|输入)(上|上去|进来|出来|在框里)
        *(键入|打上|写下|打)(下面的|这几个|以下|这些)(文字|字|内容)：{text}
        要(打|键入|用键盘打)的(字|内容|文字)是：{text}
        (表单|文本框|聊天框|这一栏)(里|)(应该|需要|要)(有|填|写)(这些字|下面的字|)：{text}
    """,
    held_out_zh="""
        *把下面的字键入进去：{text}
        *用键盘把“{text}”打进去
        输入框里要写：{text}
        我需要你把“{text}”填写进去
        *在表格里面写下这句：{text}
    """,
)
# Said aloud there are no quotation marks: what is typed comes last, or stands where nothing else can.
DICTATE = phrasings(
    train_en="""
        *(type|enter|write|type in) {text}
        *(type|enter|write) the (text|words) {text}
        *(type|write|enter) {text} (in|into) the (search box|text field|search bar)
        *in the (search box|text field|search bar) (type|write|enter) {text}
        i want to (type|write|enter) {text}
        i need you to (type|write) {text}
        (can|could) you (type|write|enter) {text}
        let's (type|write) {text}
        now (type|write|enter) {text}
    """,
    held_out_en="""
        get the words {text} into the box
        i want {text} in the text field
        the words to enter are {text}
    """,
    train_zh="""
        *(输入|写上|填写|打字){text}
        *输入文字{text}
        *在(输入框|搜索框|搜索栏)里(输入|写|填){text}
        *用键盘输入{text}
        (现在|接着|然后)输入{text}
        我(想|要|需要)(输入|写){text}
        把{text}(输入|写)到(输入框|搜索框)里
        要输入的内容是{text}
    """,
    held_out_zh="""
        要用键盘输入的是{text}
        用键盘写{text}
        要写的文字是{text}
        打开键盘然后写{text}
    """,
)
THINKING = {"en": "The user wants me to type a text.", "zh": "用户想让我输入文字。"}


def type_text(speaker: Speaker) -> Utterance:
    if speaker.spoken:
        text = dictated_text(speaker)
        sentence = speaker.say(DICTATE, text=text)
    else:
        text = copied_text(speaker, most_words=6)
        sentence = speaker.say(TYPE, text=text)
    return Utterance("type", sentence, f'do(action="Type", text="{text}")', THINKING[speaker.language])
