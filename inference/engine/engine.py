"""The step loop of one device: encode new prompts, schedule, compute, sample, emit text.

One thread creates, steps and drops the engine, and calls `add` and `abort`. No asyncio, no locks.
"""

import logging
import math
import time
from collections.abc import Callable
from functools import partial

import torch

from inference.config import EngineConfig
from inference.constraints.bounds import check_logit_bias
from inference.constraints.grammar_cache import CompiledGrammar
from inference.engine.admission import admit, fit_to_context
from inference.engine.arrivals import Arrivals
from inference.engine.compilations import Compilations
from inference.engine.detokenizer import make_token_bytes
from inference.engine.grammars import Grammars
from inference.engine.kv_cache import BlockAllocator
from inference.engine.language_model import LanguageModel
from inference.engine.outcome import Outcome
from inference.engine.pending_step import PendingStep
from inference.engine.reasoning import TAGS, THINK
from inference.engine.recovery import Result, clear_blocks, forget_frames, recover, run_chunks
from inference.engine.sampler import NOT_FINITE
from inference.engine.scheduler import Chunk, Scheduler
from inference.engine.sequence import Sequence
from inference.engine.shared_prompts import SharedPrompts
from inference.engine.spare_cores import MANY_TOKENS, SpareCores
from inference.engine.step_executor import MakeExecutor, make_executor
from inference.engine.text_stream import Phase, Piece
from inference.errors import GenerationFailed, InferenceError
from inference.model_card import ModelCard, SpeechFit
from inference.models.audio_tower import ONE_SENTENCE
from inference.models.prompt import EncodedPrompt
from inference.types import Delta, FinishReason, GenerationRequest, TokenLogprob, Usage

logger = logging.getLogger(__name__)

CPU_TOWER_COST = 4.0  # operations of the decoder, in int8, that take as long as one of a tower, in floats


class Engine:
    def __init__(
        self,
        model: LanguageModel,
        device: torch.device,
        config: EngineConfig,
        clock: Callable[[], float] = time.monotonic,
        make_executor: MakeExecutor = make_executor,
    ) -> None:
        self._model = model
        self._config = config
        self._clock = clock
        block_size = config.block_size
        self._flops_per_token = model.decoder.config.flops_per_token / tower_cost(device)
        self._executor = make_executor(model.decoder, device, config, model.context_length)
        num_blocks = self._executor.num_blocks
        self._allocator = BlockAllocator(num_blocks)
        most = self._executor.max_step_tokens
        self._chunk_tokens = config.chunk_tokens if most is None else min(config.chunk_tokens, most)
        self._scheduler = Scheduler(
            self._allocator,
            block_size,
            config.max_running_requests,
            self._chunk_tokens,
            self._executor.idle_chunk_tokens,
            self._executor.min_forced_chunk,
        )
        self._pending: PendingStep | None = None
        self._token_bytes = make_token_bytes(model.tokenizer, shown=frozenset(TAGS))
        self._context_length = min(model.context_length, num_blocks * block_size)
        self._grammars = Grammars(model, self._token_bytes, config.grammar_cache_bytes)
        self._compilations = Compilations(self._grammars.begin)
        self._compiled: dict[int, CompiledGrammar] = {}  # of arrivals
        self._shared_prompts = SharedPrompts(model, config.shared_system_prompts)
        # Holds no reference to the engine, so that the engine is freed when its worker drops it.
        admitted = partial(admit, self._scheduler, self._context_length, config.max_waiting_prompt_tokens)
        self._arrivals = Arrivals(
            lambda request: model.encode_stepwise(
                request.messages,
                request.enable_thinking,
                request.task,
                partial(admitted, request),
                request.tools if request.tool_choice != "none" else (),
            ),
            self._executor.release_memory,
        )
        self._spare_cores = SpareCores(device)
        self._sequences: dict[int, Sequence] = {}
        self._next_deadline = math.inf  # no sequence has an earlier one
        self._outcomes: list[Outcome] = []

    @property
    def model_card(self) -> ModelCard:
        model = self._model
        speech_fit = ONE_SENTENCE if "audio" in model.modalities else SpeechFit()
        return ModelCard(
            model.name,
            self._context_length,
            model.modalities,
            model.created,
            model.image_fit,
            speech_fit=speech_fit,
            has_reasoning=model.has_reasoning,
            has_tools=True,
        )

    @property
    def has_work(self) -> bool:
        return bool(self._compilations or self._has_steps)

    @property
    def _has_steps(self) -> bool:
        return bool(self._arrivals or self._sequences or self._outcomes or self._pending)

    @property
    def blocks_used(self) -> int:
        return self._allocator.num_used

    @property
    def blocks_total(self) -> int:
        return self._allocator.num_blocks

    def add(self, key: int, request: GenerationRequest) -> None:
        """`key` is chosen by the caller and unique. Request ids come from clients and need not be unique."""
        if not self._compilations.add(key, request):
            self._arrivals.add(key, request)

    def prepare_grammars(self) -> None:
        """Reads the vocabulary for constrained responses now, instead of with the first of them."""
        self._grammars.prepare()

    def abort(self, key: int) -> None:
        """Ends a request at once. Does nothing if it has ended already."""
        self._end(key, "aborted")

    def step(self) -> list[Outcome]:
        """Does one step and returns what happened since the last one.

        On a device that computes asynchronously, the next call finishes the step that this call launches.
        While all sequences decode, the following step is launched before that, so the device has no pause.

        Raises only when the device is lost. An error of a single request is an outcome of that request.
        """
        self._end_overdue()
        self._take_compiled()
        if self._pending is not None:
            pending, self._pending = self._pending, self._launch_ahead()
            self._finish_step(pending)
        if self._pending is None:
            self._compute_next()
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def _compute_next(self) -> None:
        encoded_tokens = self._encode_arrivals()
        chunks = self._scheduler.schedule(int(encoded_tokens))
        for chunk in chunks:
            if not chunk.sequence.has_begun:
                chunk.sequence.has_begun = True
                chunk.sequence.cached_tokens = chunk.start
                if chunk.sequence.request.timeline is not None:
                    chunk.sequence.request.timeline.begin(self._clock(), cached_tokens=chunk.start)
                self._outcomes.append((chunk.sequence.key, Delta(usage=chunk.sequence.usage)))
        if not chunks:
            return
        clear_blocks(self._executor, self._allocator.take_allocated())
        if not self._executor.max_ahead_sequences:
            with self._spare_cores.lent(is_alone=self._prefills_alone(chunks)):
                results = run_chunks(self._executor, chunks)
            self._settle(chunks, results)
            return
        try:
            self._pending = self._launch(chunks)
            return
        except Exception as error:
            caught = error
        self._settle(chunks, recover(self._executor, chunks, caught))

    # Arrival

    def _take_compiled(self) -> None:
        """Requests whose grammars are compiled arrive. While there is no other work, waits a little."""
        for key, request, result in self._compilations.take_done(may_wait=not self._has_steps):
            if isinstance(result, Exception):
                self._fail(key, result)
            else:
                if result is not None:
                    self._compiled[key] = result
                self._arrivals.add(key, request)

    def _encode_arrivals(self) -> float:
        """Encodes about one step's worth, so that neither a burst of arrivals nor a picture stalls streams.

        A prompt that is refused ends the loop, too: it costs as much as any other. Returns the cost of the
        towers, in tokens whose prefill takes as long: at most half a chunk and one piece while other
        requests have work, so that prefills go on.
        """
        most = self._chunk_tokens
        most_of_towers = most / 2 if self._scheduler.has_work else most
        text_tokens, tower_tokens = 0, 0.0
        while self._arrivals and text_tokens < most and tower_tokens < most_of_towers:
            with self._spare_cores.lent(is_alone=self._encodes_alone):
                arrival, result = self._arrivals.advance()
            if isinstance(result, float):
                tower_tokens += result / self._flops_per_token
                continue
            try:
                if isinstance(result, Exception):
                    raise result
                sequence = self._make_sequence(arrival.key, arrival.request, result)
            except Exception as error:
                self._compiled.pop(arrival.key, None)
                self._fail(arrival.key, error)
                if not isinstance(error, InferenceError):
                    self._executor.probe()
                break
            text_tokens += sequence.prompt_tokens
            self._sequences[arrival.key] = sequence
            self._next_deadline = min(self._next_deadline, arrival.request.deadline)
            self._scheduler.add(sequence)
        return tower_tokens

    def _make_sequence(self, key: int, request: GenerationRequest, prompt: EncodedPrompt) -> Sequence:
        request = fit_to_context(request, len(prompt.token_ids), self._context_length)
        check_logit_bias(request, self._model.decoder.config.vocab_size)
        is_reasoning = prompt.generation_prompt.rstrip().endswith(THINK)
        compiled, guide = self._compiled.pop(key, None), None
        types = {} if compiled is None else compiled.types
        stream = self._grammars.make_stream(request, types, is_reasoning=is_reasoning)
        if compiled is not None:
            guide = self._grammars.make_guide(request, compiled.constraint, stream)
        shared_tokens = self._shared_prompts.count_tokens(request, prompt)
        sequence = Sequence(key, request, prompt, stream, self._config.block_size, shared_tokens, guide)
        self._go_on(sequence)
        return sequence

    @property
    def _encodes_alone(self) -> bool:
        """There is one request, without recordings."""
        if self._sequences or len(self._arrivals) != 1:
            return False
        return not self._arrivals.requests[0].recordings

    # Computing

    def _prefills_alone(self, chunks: list[Chunk]) -> bool:
        is_large = len(chunks) == 1 and chunks[0].end - chunks[0].start >= MANY_TOKENS
        return is_large and len(self._sequences) == 1 and not self._arrivals

    def _launch(self, chunks: list[Chunk]) -> PendingStep:
        pending = self._executor.launch(chunks)
        for chunk in chunks:
            chunk.sequence.num_in_flight += chunk.is_sampled
            chunk.sequence.num_launched += 1
        return pending

    def _launch_ahead(self) -> PendingStep | None:
        if self._arrivals or len(self._scheduler.running) > self._executor.max_ahead_sequences:
            return None
        chunks = self._scheduler.schedule_ahead()
        if not chunks:
            return None
        clear_blocks(self._executor, self._allocator.take_allocated())
        try:
            return self._launch(chunks)
        except Exception as error:  # the step is launched again when the tokens are known
            logger.warning("a step cannot be launched ahead: %s", type(error).__name__)
            return None

    def _finish_step(self, pending: PendingStep) -> None:
        results: list[Result]
        try:
            results = [*pending.wait()]
        except Exception as error:
            results = [error] * len(pending.chunks)
        chunks, valid = [], []
        for chunk, is_sampled, result in zip(pending.chunks, pending.are_sampled, results, strict=True):
            sequence = chunk.sequence
            sequence.num_in_flight -= is_sampled
            sequence.num_launched -= 1
            if sequence.num_stale:
                sequence.num_stale -= 1
            else:
                chunks.append(chunk)
                valid.append(result)
        self._settle(chunks, valid)

    def _settle(self, chunks: list[Chunk], results: list[Result]) -> None:
        errors = [result for result in results if isinstance(result, Exception)]
        if errors and len(errors) == len(chunks):
            self._executor.probe()
        for chunk, result in zip(chunks, results, strict=True):
            if self._sequences.get(chunk.sequence.key) is not chunk.sequence:
                continue  # it ended while the step was computed
            if isinstance(result, Exception):
                self._fail(chunk.sequence.key, result)
                continue
            try:
                self._advance(chunk, result)
            except Exception as error:
                self._fail(chunk.sequence.key, error)

    def _advance(self, chunk: Chunk, token_id: int | None) -> None:
        sequence = chunk.sequence
        if token_id == NOT_FINITE:
            self._scheduler.invalidate_blocks(sequence)
            raise GenerationFailed("the logits are not finite")
        self._scheduler.advance(chunk)
        timeline = sequence.request.timeline
        if timeline is not None:
            timeline.note_step(self._clock(), chunk.end - chunk.start, has_token=token_id is not None)
        if token_id is None:
            return
        self._take_token(sequence, token_id)
        if sequence.guide is not None and self._sequences.get(sequence.key) is sequence:
            self._go_on(sequence)

    def _take_token(self, sequence: Sequence, token_id: int, *, is_forced: bool = False) -> None:
        """A drawn or forced token becomes part of the response, which may end with it."""
        if token_id in self._model.eos_token_ids:
            end_of_thought = self._grammars.end_of_thought
            if not sequence.is_thinking_first or end_of_thought is None:
                sequence.token_ids.append(token_id)
                self._end(sequence.key, "stop")
                return
            token_id = end_of_thought  # the answer is still to come
            sequence.num_stale = sequence.num_in_flight
        if is_forced:
            sequence.append_forced(token_id)
        else:
            sequence.token_ids.append(token_id)
        if sequence.has_penalty:
            self._executor.note_token(sequence, token_id)
        guide = sequence.guide
        if guide is None:
            piece = sequence.text_stream.push(token_id)
        else:
            was_masked = sequence.is_masked
            piece = guide.push(token_id)
            if sequence.is_masked and not was_masked:
                sequence.num_stale = sequence.num_in_flight
        if sequence.sampled_logprobs is not None:
            sequence.note_logprobs(self._token_bytes, token_id)
        self._emit(sequence, piece)
        if sequence.text_stream.is_stopped or (guide is not None and guide.is_complete):
            self._end(sequence.key, "stop")
        elif len(sequence.token_ids) >= sequence.most_tokens:
            self._end(sequence.key, "length")

    def _go_on(self, sequence: Sequence) -> None:
        """Takes the tokens that are forced next, and begins to compute the mask of the one after them."""
        guide = sequence.guide
        if guide is None or not guide.is_active:
            return
        if sequence.sampling_params.logprobs is None and sequence.output_tokens:
            for token_id in guide.forced_tokens():
                self._take_token(sequence, token_id, is_forced=True)
                if self._sequences.get(sequence.key) is not sequence:
                    return
        guide.prepare(self._grammars.mask_threads.executor)

    # Ending

    def _end_overdue(self) -> None:
        now = self._clock()
        overdue = self._arrivals.overdue(now) if self._arrivals else []
        if self._compilations:
            overdue += self._compilations.overdue(now)
        if self._next_deadline <= now:
            overdue += [key for key, each in self._sequences.items() if each.request.deadline <= now]
            left = [each.request.deadline for each in self._sequences.values()]
            self._next_deadline = min((each for each in left if each > now), default=math.inf)
        for key in overdue:
            self._end(key, "deadline")

    def _end(self, key: int, finish_reason: FinishReason) -> None:
        usage = Usage(0, 0)
        if self._arrivals.remove(key):
            self._compiled.pop(key, None)
        elif not self._compilations.remove(key):
            sequence = self._sequences.pop(key, None)
            if sequence is None:
                return
            self._scheduler.remove(sequence)
            self._emit(sequence, sequence.text_stream.flush(is_cut_off=finish_reason != "stop"), is_last=True)
            usage = sequence.usage
            if finish_reason == "stop" and sequence.text_stream.has_calls:
                finish_reason = "tool_calls"
        self._outcomes.append((key, Delta(finish_reason=finish_reason, usage=usage)))

    def _fail(self, key: int, error: Exception) -> None:
        """Ends one request with an error. The others go on."""
        sequence = self._sequences.pop(key, None)
        if sequence is not None:
            self._scheduler.remove(sequence)
        if not isinstance(error, InferenceError):
            logger.error("a request failed: %s", type(error).__name__, exc_info=error)
            forget_frames(error)
            error = GenerationFailed(f"{type(error).__name__} while it was executed")
        self._outcomes.append((key, error.with_traceback(None)))  # frames would keep the prompt alive

    def _emit(self, sequence: Sequence, piece: Piece, *, is_last: bool = False) -> None:
        stream = sequence.text_stream
        text, reasoning, tool_calls = piece
        logprobs: tuple[TokenLogprob, ...] = ()
        if sequence.logprobs and (text or (is_last and not stream.has_dropped_end)):
            logprobs = sequence.take_logprobs()
        if text or reasoning or tool_calls or logprobs:
            delta = Delta(text, reasoning, None, sequence.usage, tool_calls, logprobs)
            self._outcomes.append((sequence.key, delta))
        if is_last or stream.phase is Phase.CALLS:
            sequence.logprobs.clear()  # of what was cut away, or began a tag


def tower_cost(device: torch.device) -> float:
    """Returns how many operations of the decoder take as long as one of a tower."""
    return CPU_TOWER_COST if device.type == "cpu" else 1.0
