"""The step loop of one device: encode what arrived, schedule, compute, sample, hand out text.

Created, stepped and dropped by one thread, which also calls `add` and `abort`. No asyncio, no locks.
"""

import logging
import time
from collections.abc import Callable
from functools import partial

import torch

from inference.config import EngineConfig
from inference.engine.arrivals import Arrivals
from inference.engine.detokenizer import make_token_bytes
from inference.engine.kv_cache import BlockAllocator
from inference.engine.language_model import LanguageModel
from inference.engine.outcome import Outcome
from inference.engine.pending_step import PendingStep
from inference.engine.reasoning import TAGS, THINK
from inference.engine.sampler import NOT_FINITE
from inference.engine.scheduler import Chunk, Scheduler
from inference.engine.sequence import Sequence
from inference.engine.step_executor import MakeExecutor, make_executor
from inference.engine.text_stream import TextStream
from inference.errors import GenerationFailed, InferenceError, PromptRefused, PromptTooLong, QueueFull
from inference.model_card import ModelCard
from inference.models.prompt import EncodedPrompt
from inference.stepwise import finish
from inference.types import Delta, FinishReason, GenerationRequest, Message, Text, Usage

logger = logging.getLogger(__name__)

CPU_TOWER_COST = 4.0  # the decoder's operations, in int8, that take as long as one of a tower's, in floats


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
        )
        self._pending: PendingStep | None = None
        self._token_bytes = make_token_bytes(model.tokenizer, shown=frozenset(TAGS))
        self._context_length = min(model.context_length, num_blocks * block_size)
        self._shared_prefixes = {text: self._encode_shared(text) for text in config.shared_system_prompts}
        # Knows not the engine, which shall be freed when it is dropped.
        admit = partial(_admit, self._scheduler, self._context_length, config.max_waiting_prompt_tokens)
        self._arrivals = Arrivals(
            lambda request: model.encode_stepwise(
                request.messages, request.enable_thinking, request.task, partial(admit, request)
            ),
            self._executor.release_memory,
        )
        self._sequences: dict[int, Sequence] = {}
        self._outcomes: list[Outcome] = []

    @property
    def model_card(self) -> ModelCard:
        model = self._model
        return ModelCard(model.name, self._context_length, model.modalities, model.created, model.image_fit)

    @property
    def has_work(self) -> bool:
        return bool(self._arrivals or self._sequences or self._outcomes or self._pending)

    @property
    def blocks_used(self) -> int:
        return self._allocator.num_used

    @property
    def blocks_total(self) -> int:
        return self._allocator.num_blocks

    def add(self, key: int, request: GenerationRequest) -> None:
        """`key` is the caller's own and unique; request ids are a client's and need not be."""
        self._arrivals.add(key, request)

    def abort(self, key: int) -> None:
        """Ends a request now. Does nothing when it has ended already."""
        self._end(key, "aborted")

    def step(self) -> list[Outcome]:
        """Does one step and returns what happened since the last one.

        Where the device works on by itself, the step that is launched here is the next call's to
        finish, and while nothing but decoding goes on, one follows another without a pause.

        Raises only when the device is lost; what a single request causes becomes its own error.
        """
        self._end_overdue()
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
                if chunk.sequence.request.timeline is not None:
                    chunk.sequence.request.timeline.begin(self._clock(), cached_tokens=chunk.start)
                self._outcomes.append((chunk.sequence.key, Delta(usage=chunk.sequence.usage)))
        if not chunks:
            return
        self._clear_blocks()
        if not self._executor.max_ahead_sequences:
            self._settle(chunks, self._run(chunks))
            return
        try:
            self._pending = self._launch(chunks)
            return
        except Exception as error:
            caught = error
        self._settle(chunks, self._recover(chunks, caught))

    # Arrival

    def _encode_arrivals(self) -> float:
        """Encodes about one step's worth, so that neither a burst of arrivals nor a picture stalls streams.

        A prompt that is refused ends it, too: it cost as much as one that is not.
        Returns the tokens whose prefill would have taken as long as the towers took: at most half a
        chunk and a piece while others have work, so that prefills go on.
        """
        most = self._chunk_tokens
        most_of_towers = most / 2 if self._scheduler.has_work else most
        text_tokens, tower_tokens = 0, 0.0
        while self._arrivals and text_tokens < most and tower_tokens < most_of_towers:
            arrival, result = self._arrivals.advance()
            if isinstance(result, float):
                tower_tokens += result / self._flops_per_token
                continue
            try:
                if isinstance(result, Exception):
                    raise result
                sequence = self._make_sequence(arrival.key, arrival.request, result)
            except Exception as error:
                self._fail(arrival.key, error)
                if not isinstance(error, InferenceError):
                    self._executor.probe()
                break
            text_tokens += sequence.prompt_tokens
            self._sequences[arrival.key] = sequence
            self._scheduler.add(sequence)
        return tower_tokens

    def _make_sequence(self, key: int, request: GenerationRequest, prompt: EncodedPrompt) -> Sequence:
        is_reasoning = prompt.generation_prompt.rstrip().endswith(THINK)
        stream = TextStream(self._token_bytes, request.sampling_params.stop, is_reasoning)
        shared_tokens = self._count_shared_tokens(request, prompt)
        return Sequence(key, request, prompt, stream, self._config.block_size, shared_tokens)

    def _encode_shared(self, text: str) -> tuple[int, ...]:
        with torch.inference_mode():
            message = Message("system", (Text(text),))
            return finish(
                self._model.encode_stepwise((message,), False, "chat", lambda prompt_tokens: None)
            ).token_ids

    def _count_shared_tokens(self, request: GenerationRequest, prompt: EncodedPrompt) -> int:
        """Returns how many leading tokens come from a system prompt that the operator calls public."""
        match request.messages:
            case (Message("system", (Text(text),)), *_) if text in self._shared_prefixes:
                pairs = zip(self._shared_prefixes[text], prompt.token_ids, strict=False)
                return next((index for index, (a, b) in enumerate(pairs) if a != b), len(prompt.token_ids))
        return 0

    # Computing

    def _launch(self, chunks: list[Chunk]) -> PendingStep:
        pending = self._executor.launch(chunks)
        for chunk in chunks:
            chunk.sequence.num_in_flight += chunk.is_sampled
        return pending

    def _launch_ahead(self) -> PendingStep | None:
        if self._arrivals or len(self._scheduler.running) > self._executor.max_ahead_sequences:
            return None
        chunks = self._scheduler.schedule_ahead()
        if not chunks:
            return None
        self._clear_blocks()
        try:
            return self._launch(chunks)
        except Exception as error:  # it is launched once more when the tokens are known
            logger.warning("a step cannot be launched ahead: %s", type(error).__name__)
            return None

    def _finish_step(self, pending: PendingStep) -> None:
        results: list[int | Exception | None]
        try:
            results = [*pending.wait()]
        except Exception as error:
            results = [error] * len(pending.chunks)
        for chunk in pending.chunks:
            chunk.sequence.num_in_flight -= chunk.is_sampled
        self._settle(pending.chunks, results)

    def _settle(self, chunks: list[Chunk], results: list[int | Exception | None]) -> None:
        errors = [result for result in results if isinstance(result, Exception)]
        if len(errors) == len(chunks):
            self._executor.probe()
        for chunk, result in zip(chunks, results, strict=True):
            if self._sequences.get(chunk.sequence.key) is not chunk.sequence:
                continue  # it has ended while the step was computed
            if isinstance(result, Exception):
                self._fail(chunk.sequence.key, result)
                continue
            try:
                self._advance(chunk, result)
            except Exception as error:
                self._fail(chunk.sequence.key, error)

    def _clear_blocks(self) -> None:
        allocated = self._allocator.take_allocated()
        if not allocated:
            return
        try:
            self._executor.clear(allocated)
        except (MemoryError, torch.OutOfMemoryError):
            self._executor.release_memory()
            self._executor.clear(allocated)

    def _run(self, chunks: list[Chunk], is_retry: bool = False) -> list[int | Exception | None]:
        """Returns a token, None or an error per chunk. A batch that fails is halved until it is one."""
        try:
            return [*self._executor.run(chunks)]
        except Exception as error:
            caught = error
        return self._recover(chunks, caught, is_retry)

    def _recover(
        self, chunks: list[Chunk], error: Exception, is_retry: bool = False
    ) -> list[int | Exception | None]:
        """Runs chunks that failed together by halves; one alone once more where memory ran out."""
        is_out_of_memory = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if len(chunks) == 1 and (is_retry or not is_out_of_memory):
            return [error]
        forget_frames(error)  # they hold the tensors of what failed
        self._executor.release_memory()
        if len(chunks) == 1:
            return self._run(chunks, is_retry=True)
        half = len(chunks) // 2
        return self._run(chunks[:half]) + self._run(chunks[half:])

    def _advance(self, chunk: Chunk, token_id: int | None) -> None:
        sequence = chunk.sequence
        if token_id == NOT_FINITE:
            self._scheduler.distrust(sequence)
            raise GenerationFailed("the logits are not finite")
        self._scheduler.advance(chunk)
        timeline = sequence.request.timeline
        if timeline is not None:
            timeline.note_step(self._clock(), chunk.end - chunk.start, has_token=token_id is not None)
        if token_id is None:
            return
        sequence.token_ids.append(token_id)
        if token_id in self._model.eos_token_ids:
            self._end(sequence.key, "stop")
            return
        if sequence.sampling_params.frequency_penalty:
            self._executor.note_token(sequence, token_id)
        text_stream = sequence.text_stream
        self._say(sequence, *text_stream.push(token_id))
        if text_stream.is_stopped:
            self._end(sequence.key, "stop")
        elif sequence.output_tokens >= sequence.sampling_params.max_tokens:
            self._end(sequence.key, "length")

    # Ending

    def _end_overdue(self) -> None:
        now = self._clock()
        overdue = self._arrivals.overdue(now)
        overdue += [key for key, each in self._sequences.items() if each.request.deadline <= now]
        for key in overdue:
            self._end(key, "deadline")

    def _end(self, key: int, finish_reason: FinishReason) -> None:
        usage = Usage(0, 0)
        if not self._arrivals.remove(key):
            sequence = self._sequences.pop(key, None)
            if sequence is None:
                return
            self._scheduler.remove(sequence)
            self._say(sequence, *sequence.text_stream.flush(is_cut_off=finish_reason != "stop"))
            usage = sequence.usage
        self._outcomes.append((key, Delta(finish_reason=finish_reason, usage=usage)))

    def _fail(self, key: int, error: Exception) -> None:
        """Ends one request with an error; the others do not notice."""
        sequence = self._sequences.pop(key, None)
        if sequence is not None:
            self._scheduler.remove(sequence)
        if not isinstance(error, InferenceError):
            logger.error("a request failed: %s", type(error).__name__, exc_info=error)
            forget_frames(error)
            error = GenerationFailed(f"{type(error).__name__} while it was executed")
        self._outcomes.append((key, error.with_traceback(None)))  # frames would keep the prompt alive

    def _say(self, sequence: Sequence, text: str, reasoning: str) -> None:
        if text or reasoning:
            self._outcomes.append((sequence.key, Delta(text, reasoning, None, sequence.usage)))


def _admit(
    scheduler: Scheduler,
    context_length: int,
    max_waiting_prompt_tokens: int,
    request: GenerationRequest,
    prompt_tokens: int,
) -> None:
    """Refuses a prompt, `PromptTooLong` or `QueueFull`, before its pictures and recordings cost anything."""
    if prompt_tokens + request.sampling_params.max_tokens > context_length:
        raise PromptTooLong(prompt_tokens, request.sampling_params.max_tokens, context_length)
    if not prompt_tokens:
        raise PromptRefused("it writes nothing for them")
    waiting_tokens = scheduler.waiting_prompt_tokens
    if scheduler.has_backlog and waiting_tokens + prompt_tokens > max_waiting_prompt_tokens:
        raise QueueFull(f"{waiting_tokens} prompt tokens are waiting")


def forget_frames(error: BaseException) -> None:
    """Frees what the frames hold, prompt and tensors: they hold the error as well, so nothing else would."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__context__


def tower_cost(device: torch.device) -> float:
    """Returns how many of the decoder's operations take as long as one of a tower's."""
    return CPU_TOWER_COST if device.type == "cpu" else 1.0
