"""A request as the body of `/v1/chat/completions`. What the engine does not take is refused by name."""

from collections.abc import Mapping
from typing import Any

from inference.backends.remote.media_form import picture_uri, recording_text
from inference.config import RemoteConfig
from inference.errors import UnsupportedModality, UnsupportedParameter
from inference.types import (
    ActionOutput,
    Audio,
    GenerationRequest,
    Image,
    JsonObjectOutput,
    JsonSchemaOutput,
    Message,
    NamedTool,
    Part,
    SamplingParams,
    Text,
    ToolDefinition,
)

NO_PARAMETERS = {"type": "object", "properties": {}}  # OpenAI refuses an empty schema
TRANSCRIBE = "Transcribe the recording. Return only what is said."
NO_TOP_K = -1  # which vLLM, SGLang and llama.cpp understand
BATCH_PRIORITY = 1  # after vLLM's default of 0
BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
TOKENS_PER_IMAGE = 256
TOKENS_PER_AUDIO_SECOND = 25


def check_abilities(request: GenerationRequest, config: RemoteConfig) -> None:
    """Raises `UnsupportedModality` and `UnsupportedParameter` for what the engine is said not to take."""
    abilities, sampling = config.abilities, request.sampling_params
    parts = [part for message in request.messages for part in message.parts]
    if "images" not in abilities and any(isinstance(part, Image) for part in parts):
        raise UnsupportedModality("image")
    if config.recordings != "input_audio" and any(isinstance(part, Audio) for part in parts):
        raise UnsupportedModality("audio")
    if request.tools and "tools" not in abilities:
        raise UnsupportedParameter("tools")
    if sampling.logprobs is not None and "logprobs" not in abilities:
        raise UnsupportedParameter("logprobs")
    if sampling.top_k > 0 and "top_k" not in abilities:
        raise UnsupportedParameter("top_k")
    if request.output_format is not None:
        needed = "actions" if isinstance(request.output_format, ActionOutput) else "typed_output"
        if needed not in abilities:
            raise UnsupportedParameter("response_format")


def body_of(
    request: GenerationRequest, config: RemoteConfig, model: str, max_tokens: int | None
) -> dict[str, Any]:
    body = {
        "model": model,
        "messages": [_message(message, config) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        **_sampling(request.sampling_params, config),
    }
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    if request.task == "transcribe":
        language = f" The language is {request.language} (ISO 639)." if request.language else ""
        body["messages"][-1]["content"].append({"type": "text", "text": TRANSCRIBE + language})
    if request.tools:
        body["tools"], body["tool_choice"] = _tools(request)
        if takes_one_call(request):
            body["parallel_tool_calls"] = False
    if request.output_format is not None:
        body["response_format"] = _response_format(request)
    if "priority" in config.abilities and request.priority == "batch":
        body["priority"] = BATCH_PRIORITY
    if "thinking" in config.abilities:
        body["chat_template_kwargs"] = {"enable_thinking": request.enable_thinking}
        body["include_reasoning"] = True
    return body


def starts_in_thought(request: GenerationRequest, config: RemoteConfig) -> bool:
    """Whether the response does. Not if the template closes the thought, or a grammar holds for all text."""
    is_thinking = request.enable_thinking or "thinking" not in config.abilities
    return config.starts_in_thought and is_thinking and request.output_format is None


def takes_one_call(request: GenerationRequest) -> bool:
    """A choice that names a tool is a choice of one call, which engines do not know when it is "required"."""
    return not request.parallel_tool_calls or isinstance(request.tool_choice, NamedTool)


def fit_body(body: dict[str, Any], refused_members: frozenset[str], *, keeps_temperature: bool) -> None:
    """Leaves out what an engine has refused. `max_tokens` gets the name that OpenAI's models want."""
    for member in refused_members:
        if member == "temperature" and keeps_temperature:
            continue
        value = body.pop(member, None)
        if member == "max_tokens" and value is not None:
            body["max_completion_tokens"] = value


def estimate_prompt_tokens(request: GenerationRequest) -> int:
    """Until the engine reports how many they are."""
    count = 1
    for message in request.messages:
        count += TOKENS_PER_MESSAGE
        for part in message.parts:
            match part:
                case Text(text):
                    count += estimate_text_tokens(text)
                case Image():
                    count += TOKENS_PER_IMAGE
                case Audio(samples, sample_rate):
                    count += 1 + len(samples) * TOKENS_PER_AUDIO_SECOND // sample_rate
    return count


def estimate_text_tokens(text: str) -> int:
    return -(-len(text.encode(errors="surrogatepass")) // BYTES_PER_TOKEN)


def has_media(request: GenerationRequest) -> bool:
    return any(not isinstance(part, Text) for message in request.messages for part in message.parts)


def _sampling(params: SamplingParams, config: RemoteConfig) -> Mapping[str, Any]:
    """Only what differs from OpenAI's defaults: not every engine knows every member."""
    fields: dict[str, Any] = {"temperature": 0.0 if params.is_greedy else params.temperature}
    if not params.is_greedy and params.top_p < 1:
        fields["top_p"] = params.top_p
    if "top_k" in config.abilities:
        fields["top_k"] = params.top_k if params.top_k > 0 else NO_TOP_K
    if params.frequency_penalty:
        fields["frequency_penalty"] = params.frequency_penalty
    if params.presence_penalty:
        fields["presence_penalty"] = params.presence_penalty
    if params.stop:
        fields["stop"] = list(params.stop)
    if params.seed is not None:
        fields["seed"] = params.seed
    if params.logit_bias:
        fields["logit_bias"] = {str(token_id): bias for token_id, bias in params.logit_bias}
    if params.logprobs is not None:
        fields["logprobs"] = True
        fields["top_logprobs"] = max(params.logprobs, 1)  # of 0 llama.cpp makes no log probabilities at all
    return fields


def _message(message: Message, config: RemoteConfig) -> dict[str, Any]:
    form: dict[str, Any] = {"role": message.role}
    if all(isinstance(part, Text) for part in message.parts):
        form["content"] = "".join(part.text for part in message.parts if isinstance(part, Text))
    else:
        form["content"] = [_part(part, config) for part in message.parts]
    if message.tool_calls:
        form["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        form["tool_call_id"] = message.tool_call_id
    return form


def _part(part: Part, config: RemoteConfig) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image():
            return {"type": "image_url", "image_url": {"url": picture_uri(part, config.picture_format)}}
        case Audio():
            return {"type": "input_audio", "input_audio": {"data": recording_text(part), "format": "wav"}}


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    parameters = dict(tool.parameters) or NO_PARAMETERS
    function: dict[str, Any] = {"name": tool.name, "parameters": parameters}
    if tool.description:
        function["description"] = tool.description
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def _tools(request: GenerationRequest) -> tuple[list[dict[str, Any]], str]:
    """The tools and the choice. llama.cpp ignores a choice that names a tool, so that is offered alone."""
    choice = request.tool_choice
    if isinstance(choice, NamedTool):
        return [_tool(tool) for tool in request.tools if tool.name == choice.name], "required"
    return list(map(_tool, request.tools)), choice


def _response_format(request: GenerationRequest) -> dict[str, Any]:
    match request.output_format:
        case JsonSchemaOutput(schema, strict):
            named = {"name": "response", "schema": dict(schema), "strict": strict}
            return {"type": "json_schema", "json_schema": named}
        case JsonObjectOutput():
            return {"type": "json_object"}
        case _:
            return {"type": "autoglm_action"}  # of this gateway
