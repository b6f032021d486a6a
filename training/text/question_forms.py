"""Ways to ask that many subjects share; a frame uses them by name, as in "<how> get a token?"."""

FORMS = {
    # Before what somebody wants to do.
    "<how>": "(how do i|how can i|how should i|how could i|how does one|how do you|how would i|how to|"
    "what do i do to|what must i do to|what should i do to|what is needed to|what do i need to|is it possible to|"
    "is there a way to|can i|may i|could i|can my app|what is the way to|where can i|where do i|do you know how to|"
    "can you tell me how to|could you tell me how i|can you explain how to|could you explain how i can|"
    "can you show me how to|would you tell me how to|do i have to do something to|am i able to|are we able to)",
    "<wish>": "(i want to|i would like to|i need to|i'd like to|i wish to|my app needs to|my app wants to|we want to|"
    "tell me how to|show me how to|explain how to|explain to me how to|i do not know how to|i don't know how i can|"
    "help me to|please tell me how i can|i wonder how to|let me know how to|i have to|teach me to|"
    "my question is how to|i am trying to|i must|please explain how i can|say how i can)",
    # Before the name of something, or before a clause such as "what you can do".
    "<about>": "(what about|tell me|tell me about|tell me something about|explain|explain to me|i want to know|"
    "i would like to know|i need to know|i have a question about|can you tell me|could you tell me|can you explain|"
    "please explain|show me|do you know|give me|describe|let me know|my question is about|i want to understand|"
    "help me understand|i am asking about|i'd like to hear|please tell me|inform me about|i want information about)",
    "<clause>": "(tell me|say|can you tell me|could you tell me|can you say|i want to know|i would like to know|"
    "i wonder|please tell me|do you know|explain|explain to me|let me know|may i ask|can i ask|could i ask|"
    "would you tell me|i forgot|i need to know|please say|please explain|i'd like to know|i want to hear|"
    "i have no idea|i am not sure|i ask myself|can you explain|just tell me|will you tell me|"
    "i always wanted to hear|it would help me to know|one thing i want to know is|first of all, say|before anything else, say|"
    "can you answer me|what i ask is|let me hear)",
    "<怎么>": "(怎么|如何|怎样|要怎么|该怎么|应该怎么|怎么才能|怎样才能|有什么办法|有没有办法|能不能|我可以|我能|我要怎么|我该怎么|"
    "我应该如何|我想|我要|我需要|告诉我怎么|告诉我如何|教我怎么|说明怎么|说说怎么|我不知道怎么|我想知道怎么|我想知道如何|"
    "能告诉我怎么|能说说怎么|能解释如何|讲讲怎么|我的应用怎么|我的应用要|我们怎么)",
    "<关于>": "(告诉我|说说|说一下|介绍一下|解释一下|讲讲|讲一下|我想知道|我想了解|我需要知道|我想问|我想问一下|能告诉我|能说说|"
    "能介绍|能解释|说明一下|你知道|给我讲讲|我要了解|我不清楚|我不知道|问一下|你能说说|你能告诉我|可以告诉我|想知道|想了解|"
    "我好奇|我有点好奇|再告诉我|先讲一讲|最想知道的是|另外说说|麻烦讲讲|有件事想问，|给我说说)",
    # The name of something that is seen.
    "<named>": "({name}|{name}|“{name}”|\"{name}\"|'{name}')",
    "<名称>": "({name}|{name}|“{name}”|「{name}」)",
    # Two that only held-out questions use.
    "<curious>": "(i have always wanted to know|it would be nice to know|my question to you is|can i ask you to say|"
    "i would love to hear|can i hear from you|to begin with, tell me|before we start, tell me|one more question:|"
    "it is important for me to know)",
    "<好奇>": "(我一直想知道|我心里总在好奇|我特别想了解|有个小小的疑问，|最后问一下，|首先请告诉我|顺便告诉我一下|聊别的之前先说清楚|我就想问问|朋友让我来打听)",
}
