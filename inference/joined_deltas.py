"""Joins pieces of a response that are there together, which takes less time than sending each of them."""

from collections.abc import Sequence

from inference.types import Delta

Order = tuple[int, int]


class DeltaJoiner:
    """Of one generation. The order of text, reasoning and tool calls stays as it is."""

    def __init__(self) -> None:
        self._pieces: list[Delta] = []

    def add(self, piece: Delta) -> Delta | None:
        """Returns what goes out before the piece, which has output, because it cannot be joined with it."""
        before = self.take() if self._pieces and not may_follow(self._pieces[-1], piece) else None
        self._pieces.append(piece)
        return before

    def take(self) -> Delta | None:
        """All pieces since the last one that was returned; None if there are none."""
        pieces, self._pieces = self._pieces, []
        if not pieces:
            return None
        return pieces[0] if len(pieces) == 1 else join(pieces)


def is_piece(delta: Delta) -> bool:
    """Whether it has output, and is not the last one."""
    return delta.has_output and delta.finish_reason is None


def may_follow(delta: Delta, following: Delta) -> bool:
    """Whether two pieces can be one: a Delta has reasoning before text, and text before tool calls."""
    return _kinds(delta)[1] <= _kinds(following)[0]


def join(deltas: Sequence[Delta]) -> Delta:
    """Each may follow the one before."""
    return Delta(
        text="".join([delta.text for delta in deltas]),
        reasoning="".join([delta.reasoning for delta in deltas]),
        usage=next((delta.usage for delta in reversed(deltas) if delta.usage is not None), None),
        tool_calls=tuple(call for delta in deltas for call in delta.tool_calls),
        logprobs=tuple(token for delta in deltas for token in delta.logprobs),
    )


def _kinds(delta: Delta) -> Order:
    """The first and the last kind of output that a Delta has."""
    if not (delta.reasoning or delta.tool_calls):
        return (1, 1)  # log probabilities alone belong to the text
    kinds = [kind for kind, part in enumerate((delta.reasoning, delta.text, delta.tool_calls)) if part]
    return (kinds[0], kinds[-1])
