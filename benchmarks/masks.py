"""What a constrained token costs: `python -m benchmarks.masks` (about two minutes).

The time of one mask, over random responses of each grammar, with the embedded model's vocabulary and with one
of 151,552 tokens as the 9B has, made of the embedded one's tokens and random pairs of them. Then the embedded
model's tokens per second on the CPU, with and without a grammar, in turns; what is given is the median of the
rounds' ratios.
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from inference.config import EMBEDDED_MODEL, EngineConfig
from inference.constraints.call_parser import BEGIN_CALL
from inference.constraints.glm_calls import GlmCalls
from inference.constraints.grammar_vocabulary import GrammarConstraint, GrammarVocabulary
from inference.constraints.json_grammar import json_object_rule, json_rule, quoted
from inference.constraints.phone_actions import ACTION_RULES
from inference.constraints.token_constraint import words_for
from inference.engine.detokenizer import make_token_bytes
from inference.engine.engine import Engine
from inference.engine.reasoning import TAGS
from inference.loading.loaded_model import LoadedModel
from inference.loading.registry import load_model
from inference.types import (
    Delta,
    GenerationRequest,
    JsonSchemaOutput,
    Message,
    OutputFormat,
    SamplingParams,
    Text,
    ToolDefinition,
)
from testbed.figures import print_figures
from testbed.hardware import hardware_and_versions

LARGE_VOCABULARY = 151_552
RESPONSE_TOKENS = 64
MICROSECONDS = 1e6
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "emails": {"type": "array", "items": {"type": "string", "format": "email"}},
        "address": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
    "required": ["name", "age", "emails"],
    "additionalProperties": False,
}
TOOLS = [ToolDefinition("save_person", "Saves a person", PERSON), ToolDefinition("list_people")]
GRAMMARS = {
    "json object": f"start: answer\nanswer: {json_object_rule()}",
    "json schema": f"start: answer\nanswer: {json_rule(PERSON)}",
    "phone action": f"start: action\n{ACTION_RULES}",
    "tool call": f"start: {quoted(BEGIN_CALL)} call\n{GlmCalls().call_rules(TOOLS, lambda regex: True)[0]}",
}
LETTERS = JsonSchemaOutput({"type": "string", "pattern": "^[a-z ]{2000}$"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--responses", type=int, default=100, help="of each grammar")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model(str(EMBEDDED_MODEL), "cpu", "int8", True)
    generator = random.Random(arguments.seed)
    figures: dict[str, float] = {}
    small = embedded_tokens(model)
    for name, tokens in (("embedded", small), ("151552", enlarged(small, generator))):
        started = time.perf_counter()
        vocabulary = GrammarVocabulary(tokens, model.tokenizer.all_special_ids, sorted(model.eos_token_ids))
        figures[f"{name}: vocabulary, s"] = round(time.perf_counter() - started, 2)
        for grammar, text in GRAMMARS.items():
            started = time.perf_counter()
            prototype = vocabulary.compile(text)
            figures[f"{name}: {grammar}: compilation, ms"] = round((time.perf_counter() - started) * 1e3, 1)
            seconds = sorted(
                second
                for _ in range(arguments.responses)
                for second in mask_seconds(prototype.fork(), len(tokens), model.eos_token_ids, generator)
            )
            for percent in (50, 99):
                value = seconds[len(seconds) * percent // 100] * MICROSECONDS
                figures[f"{name}: {grammar}: mask p{percent}, us"] = round(value, 1)
    for batch in (1, 8):
        ratios = [share(model, batch) for _ in range(arguments.rounds)]
        figures[f"tokens/s with a grammar / without, {batch} at once"] = round(statistics.median(ratios), 3)
    print_figures("The cost of a constrained token", figures)
    setting = {"responses": arguments.responses, "rounds": arguments.rounds, "seed": arguments.seed}
    print(json.dumps(figures | setting | {"hardware": hardware_and_versions("llguidance", "torch")}))


def embedded_tokens(model: LoadedModel) -> list[bytes]:
    token_bytes = make_token_bytes(model.tokenizer, shown=frozenset(TAGS))
    return [token_bytes(token_id) for token_id in range(model.config.vocab_size)]


def enlarged(tokens: list[bytes], generator: random.Random) -> list[bytes]:
    known = dict.fromkeys(tokens)
    while len(known) < LARGE_VOCABULARY - len(tokens) + len(set(tokens)):
        known[generator.choice(tokens) + generator.choice(tokens)] = None
    return tokens + list(known)[len(set(tokens)) :]


def mask_seconds(
    constraint: GrammarConstraint, vocab_size: int, eos: frozenset[int], generator: random.Random
) -> Iterator[float]:
    """Of the masks of one random response."""
    words: NDArray[np.int32] = np.zeros(words_for(vocab_size), dtype=np.int32)
    for _ in range(RESPONSE_TOKENS):
        started = time.perf_counter()
        constraint.fill_mask(words)
        yield time.perf_counter() - started
        allowed = np.flatnonzero(np.unpackbits(words.view(np.uint8), count=vocab_size, bitorder="little"))
        token_id = int(generator.choice(allowed))
        if token_id in eos:
            return
        constraint.consume(token_id)
        if constraint.is_complete:
            return


def share(model: LoadedModel, batch: int) -> float:
    """The rates take turns in one round, so that a noisy neighbour hits both."""
    free, constrained = tokens_per_second(model, batch, None), tokens_per_second(model, batch, LETTERS)
    return constrained / free


def tokens_per_second(model: LoadedModel, batch: int, output_format: OutputFormat | None) -> float:
    engine = Engine(model, torch.device("cpu"), EngineConfig(kv_cache_tokens=8192))
    engine.prepare_grammars()
    eos_biases = tuple((token_id, -100.0) for token_id in model.eos_token_ids)
    for key in range(batch):
        params = SamplingParams(RESPONSE_TOKENS, temperature=0.0, logit_bias=eos_biases)
        message = Message("user", (Text(f"open the app number {key}"),))
        engine.add(key, GenerationRequest("", (message,), params, output_format=output_format))
    begun_at, tokens = 0.0, 0
    while engine.has_work:
        for _, event in engine.step():
            assert isinstance(event, Delta)
            begun_at = begun_at or time.perf_counter()
            tokens += event.usage.completion_tokens if event.finish_reason and event.usage else 0
    return tokens / (time.perf_counter() - begun_at)


if __name__ == "__main__":
    main()
