"""Whose turn it is: round-robin over users, first come first served within one user's requests."""

from collections import OrderedDict, deque

from inference.engine.sequence import Sequence


class FairQueue:
    """Waiting sequences of one priority class. The first user in `_users` is next."""

    def __init__(self) -> None:
        self._users: OrderedDict[str, deque[Sequence]] = OrderedDict()
        self.prompt_tokens = 0

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self._users.values())

    def push(self, sequence: Sequence) -> None:
        """A user who was not waiting comes after all who are."""
        self._users.setdefault(sequence.request.fairness_key, deque()).append(sequence)
        self.prompt_tokens += sequence.prompt_tokens

    def push_front(self, sequence: Sequence) -> None:
        """For a preempted sequence, which has had its turn already."""
        fairness_key = sequence.request.fairness_key
        self._users.setdefault(fairness_key, deque()).appendleft(sequence)
        self._users.move_to_end(fairness_key, last=False)
        self.prompt_tokens += sequence.prompt_tokens

    def peek(self) -> Sequence | None:
        for waiting in self._users.values():
            return waiting[0]
        return None

    def pop(self) -> Sequence:
        """Takes what `peek` returned, and passes the turn on."""
        fairness_key, waiting = next(iter(self._users.items()))
        sequence = waiting.popleft()
        self._users.move_to_end(fairness_key)
        self._forget_if_empty(fairness_key)
        self.prompt_tokens -= sequence.prompt_tokens
        return sequence

    def remove(self, sequence: Sequence) -> None:
        """Raises ValueError when it does not wait here."""
        fairness_key = sequence.request.fairness_key
        self._users.get(fairness_key, deque()).remove(sequence)
        self._forget_if_empty(fairness_key)
        self.prompt_tokens -= sequence.prompt_tokens

    def _forget_if_empty(self, fairness_key: str) -> None:
        if not self._users[fairness_key]:
            del self._users[fairness_key]
