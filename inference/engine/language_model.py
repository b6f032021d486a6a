"""What the engine needs of a model: the interfaces that `inference.loading` and the tests' fakes fill."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from inference.constraints.call_parser import ToolFormat
from inference.kernels.forward_batch import ForwardBatch, KVCaches
from inference.model_card import ImageFit
from inference.models.config import DecoderConfig
from inference.models.prompt import EncodedPrompt
from inference.models.stages import Stage
from inference.stepwise import Stepwise
from inference.types import Message, Task, ToolDefinition


class CausalModel(Protocol):
    """Computes what follows each token. All rows are (tokens, hidden)."""

    @property
    def config(self) -> DecoderConfig: ...
    @property
    def stages(self) -> tuple[Stage, ...]:
        """Empty if all layers are on one device."""
        ...

    def embed(self, token_ids: Tensor) -> Tensor: ...

    def __call__(self, hidden: Tensor, batch: ForwardBatch, kv_caches: KVCaches) -> Tensor: ...

    def logits(self, hidden_rows: Tensor) -> Tensor: ...


class Vocabulary(Protocol):
    """The spelling of token ids, with the names that transformers' fast tokenizers have."""

    @property
    def all_special_ids(self) -> list[int]: ...

    def convert_ids_to_tokens(self, ids: int) -> str | None: ...

    def encode_text(self, text: str, is_reply: bool = False) -> list[int]:
        """Encodes special tokens as text, but tags such as <think> in the model's own reply as tokens."""
        ...


class LanguageModel(Protocol):
    """Encodes messages into prompts, and holds the decoder that continues them."""

    @property
    def name(self) -> str: ...
    @property
    def created(self) -> int:
        """Unix seconds."""
        ...

    @property
    def context_length(self) -> int:
        """In tokens."""
        ...

    @property
    def modalities(self) -> frozenset[str]: ...
    @property
    def image_fit(self) -> ImageFit | None: ...
    @property
    def eos_token_ids(self) -> frozenset[int]: ...
    @property
    def decoder(self) -> CausalModel: ...
    @property
    def tokenizer(self) -> Vocabulary: ...
    @property
    def tool_format(self) -> ToolFormat:
        """How it writes calls of tools."""
        ...

    @property
    def has_reasoning(self) -> bool:
        """Its chat template can ask for thoughts."""
        ...

    def encode_stepwise(
        self,
        messages: tuple[Message, ...],
        enable_thinking: bool,
        task: Task,
        admit: Callable[[int], None],
        tools: tuple[ToolDefinition, ...] = (),
    ) -> Stepwise[EncodedPrompt]:
        """Calls `admit` with the number of prompt tokens before it encodes media; `admit` may raise."""
        ...
