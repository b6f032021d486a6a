"""Compiles the grammars of requests in threads of its own, so that neither steps nor other requests wait.

A grammar that is new is written and compiled in a child process first (`grammar_check.py`). The engine gets
finished plain data. What was compiled before does not wait for what is being compiled, and users take turns.
"""

import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from threading import Lock

from inference.constraints.bounds import check_bounds
from inference.constraints.call_parser import ToolFormat
from inference.constraints.grammar_cache import CompiledGrammar, GrammarCache, KeptGrammar, Refused
from inference.constraints.grammar_check import GrammarCheck
from inference.constraints.grammar_vocabulary import GrammarVocabulary
from inference.constraints.request_grammar import order_of
from inference.constraints.turns import Turns
from inference.types import GenerationRequest

COMPILING_THREADS = 2  # of which one user takes at most one

_Parts = tuple[GrammarVocabulary, GrammarCheck]
Compilation = Future[CompiledGrammar | None]


@dataclass(frozen=True, slots=True)
class Model:
    """What the compiler knows of a model. `token_bytes` returns the bytes of every token; it is called once,
    in a thread. `encode` writes text as the model would."""

    token_bytes: Callable[[], list[bytes]]
    special_token_ids: list[int]
    eos_token_ids: list[int]
    encode: Callable[[str], list[int]]
    tool_format: ToolFormat


class GrammarCompiler:
    """Created by an engine. Its threads and the child processes end when it is dropped."""

    def __init__(self, model: Model, cache_bytes: int) -> None:
        self._work = _Work(model, cache_bytes)
        self._finalizer = weakref.finalize(self, self._work.close)

    def close(self) -> None:
        """Ends them now, also in the middle of a compilation. May be called twice."""
        self._finalizer()

    def prepare(self) -> Future[_Parts]:
        """Begins to read the vocabulary, if nothing has done so."""
        return self._work.prepare()

    def compile(self, request: GenerationRequest) -> Compilation:
        """The future has None for a response that is free. It raises `InvalidGrammar`."""
        return self._work.begin(request)


@dataclass(frozen=True, slots=True)
class _Job:
    order: str
    field: str
    key: bytes
    future: Compilation


class _Work:
    """What the threads share. It does not know the compiler, whose end is theirs."""

    def __init__(self, model: Model, cache_bytes: int) -> None:
        self._cache = GrammarCache(cache_bytes)
        self._lock = Lock()  # of the cache and the parts
        self._turns: Turns[_Job] = Turns()
        self._checking = ThreadPoolExecutor(1, thread_name_prefix="grammar-orders")
        self._compiling = ThreadPoolExecutor(COMPILING_THREADS, thread_name_prefix="grammars")
        self._prepare = partial(_prepare, model)
        self._parts: Future[_Parts] | None = None

    def prepare(self) -> Future[_Parts]:
        with self._lock:
            if self._parts is None:
                self._parts = self._compiling.submit(self._prepare)
            return self._parts

    def begin(self, request: GenerationRequest) -> Compilation:
        self.prepare()
        future: Compilation = Future()
        checking = self._checking.submit(self._check, request, future)
        checking.add_done_callback(lambda done: done.cancelled() and future.cancel())
        return future

    def close(self) -> None:
        self._checking.shutdown(wait=False, cancel_futures=True)
        self._compiling.shutdown(wait=False, cancel_futures=True)
        while (turn := self._turns.take()) is not None:
            turn[1].future.cancel()
            self._turns.finish(turn[0])
        if self._parts is not None:
            self._parts.add_done_callback(_close_check)

    def _check(self, request: GenerationRequest, future: Compilation) -> None:
        """Costs a few steps per byte of the request."""
        try:
            check_bounds(request)
            order = order_of(request)
            if order is None:
                _end(future, None)
                return
            text = order.to_text()
        except Exception as error:  # of this request alone
            _end(future, error)
            return
        job = _Job(text, order.field, blake2b(text.encode(), digest_size=32).digest(), future)
        if not self._end_known(job):
            self._turns.add(request.fairness_key, job)
            self._compiling.submit(self._compile_next)

    def _end_known(self, job: _Job) -> bool:
        with self._lock:
            known = self._cache.get(job.key)
        if known is not None:
            _end(job.future, known)
        return known is not None

    def _compile_next(self) -> None:
        """Also what had to wait for the end of a user's other compilation."""
        while (turn := self._turns.take()) is not None:
            user, job = turn
            try:
                if not (job.future.cancelled() or self._end_known(job)):
                    self._compile(job)
            except Exception as error:  # of this request alone
                _end(job.future, error)
            finally:
                self._turns.finish(user)

    def _compile(self, job: _Job) -> None:
        vocabulary, check = self.prepare().result()
        checked = check.check(job.order, job.field)
        if isinstance(checked, Refused):
            with self._lock:
                self._cache.refuse(job.key, checked)
            _end(job.future, checked)
            return
        constraint = vocabulary.compile(checked.text, job.field)
        grammar = KeptGrammar(constraint.fork, checked.types, checked.num_bytes)
        with self._lock:
            self._cache.keep(job.key, grammar)
        _end(job.future, grammar)


def _end(future: Compilation, result: KeptGrammar | Refused | Exception | None) -> None:
    """Does nothing for a request that was aborted."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        compiled = result.begin() if isinstance(result, KeptGrammar) else None
    except Exception as error:
        result = error
    if isinstance(result, Refused):
        result = result.to_error()
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(compiled)


def _close_check(parts: Future[_Parts]) -> None:
    if not parts.cancelled() and parts.exception() is None:
        parts.result()[1].close()


def _prepare(model: Model) -> _Parts:
    tokens, special, eos = model.token_bytes(), model.special_token_ids, model.eos_token_ids
    check = GrammarCheck(tokens, special, eos, model.tool_format)
    check.start()  # it reads the vocabulary while this process does
    try:
        return GrammarVocabulary(tokens, special, eos, model.encode), check
    except BaseException:
        check.close()
        raise
