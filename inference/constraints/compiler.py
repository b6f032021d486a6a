"""Compiles the grammars of requests in threads of its own, so that neither steps nor other requests wait.

A grammar that is new is compiled in a child process first (`grammar_check.py`).
"""

import weakref
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock

from inference.constraints.grammar_check import GrammarCheck
from inference.constraints.grammar_refusal import EXHAUSTED, Refusal
from inference.constraints.grammar_vocabulary import GrammarConstraint, GrammarVocabulary
from inference.constraints.token_constraint import TokenConstraint
from inference.errors import InvalidGrammar

CACHED_GRAMMARS = 16  # each may have as many bytes as `grammar_check` allows
_Parts = tuple[GrammarVocabulary, GrammarCheck]
Write = Callable[[], tuple[str, str] | None]


class GrammarCompiler:
    """Created by an engine. Its threads and the child process end when it is dropped."""

    def __init__(
        self,
        token_bytes: Callable[[], list[bytes]],
        special_token_ids: list[int],
        eos_token_ids: list[int],
        encode: Callable[[str], list[int]],
    ) -> None:
        """`token_bytes` returns the bytes of every token; it is called once, in a thread."""
        self._cache = _Cache()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="grammar")
        self._prepare = partial(_prepare, token_bytes, special_token_ids, eos_token_ids, encode)
        self._parts: list[Future[_Parts]] = []  # at most one
        self._finalizer = weakref.finalize(self, _close, self._threads, self._parts)

    def close(self) -> None:
        """Ends them now. May be called twice."""
        self._finalizer()

    def prepare(self) -> Future[_Parts]:
        """Begins to read the vocabulary, if nothing has done so. The creator's thread calls it."""
        if not self._parts:
            self._parts.append(self._threads.submit(self._prepare))
        return self._parts[0]

    def compile(self, write: Write) -> Future[TokenConstraint | None]:
        """`write` returns the field and the grammar, or None; it is called in a thread.

        The future raises what `write` raises, and `InvalidGrammar`. The creator's thread calls it.
        """
        return self._threads.submit(_compile, self._cache, self.prepare(), write)


class _Cache:
    """Compiled grammars, or the reasons why they were refused; the oldest is dropped. Any thread."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, GrammarConstraint | Refusal] = OrderedDict()
        self._lock = Lock()

    def get(self, grammar: str) -> GrammarConstraint | Refusal | None:
        with self._lock:
            found = self._found.get(grammar)
            if found is not None:
                self._found.move_to_end(grammar)
            return found

    def put(self, grammar: str, found: GrammarConstraint | Refusal) -> None:
        with self._lock:
            self._found[grammar] = found
            while len(self._found) > CACHED_GRAMMARS:
                self._found.popitem(last=False)


def _compile(cache: _Cache, parts: Future[_Parts], write: Write) -> TokenConstraint | None:
    """Not a method: it would keep a compiler alive that nobody needs any more."""
    written = write()
    if written is None:
        return None
    field, grammar = written
    found = cache.get(grammar)
    if found is None:
        vocabulary, check = parts.result()
        found = check.check(grammar) or vocabulary.compile(grammar)
        if found != EXHAUSTED:  # perhaps the machine was busy
            cache.put(grammar, found)
    if isinstance(found, Refusal):
        raise InvalidGrammar(field, found.reason, found.path)
    return found.fork()


def _close(threads: ThreadPoolExecutor, parts: list[Future[_Parts]]) -> None:
    threads.shutdown(wait=False, cancel_futures=True)
    for each in parts:
        each.add_done_callback(_close_check)


def _close_check(parts: Future[_Parts]) -> None:
    if not parts.cancelled() and parts.exception() is None:
        parts.result()[1].close()


def _prepare(
    token_bytes: Callable[[], list[bytes]],
    special_token_ids: list[int],
    eos_token_ids: list[int],
    encode: Callable[[str], list[int]],
) -> _Parts:
    tokens = token_bytes()
    return (
        GrammarVocabulary(tokens, special_token_ids, eos_token_ids, encode),
        GrammarCheck(tokens, special_token_ids, eos_token_ids),
    )
