"""Compiles a grammar in a child process first, which a hostile one can only exhaust: it is killed.

Some schemas of a few bytes take a minute and gigabytes to compile (a `multipleOf` of seven digits), and a
compilation cannot be interrupted. The child is this module run as a program. It reads one line of JSON per
grammar and writes one back, and after a refusal another one, with the place of the cause.
"""

import contextlib
import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock, Timer
from typing import Any

from inference.constraints.grammar_refusal import EXHAUSTED, Refusal, core_of, explain, refusal_of
from inference.constraints.grammar_vocabulary import GrammarVocabulary
from inference.constraints.schema_fault import TrySchema
from inference.process_environment import process_environment

logger = logging.getLogger(__name__)

CPU_SECONDS = 1.0
WALL_SECONDS = 10.0  # for a child that waits for a processor
GRAMMAR_BYTES = 128 << 20  # of address space, beside the vocabulary's
EXPLAINING_SECONDS = 0.25  # of a processor, for the place of the cause
FIRST_LINE_SECONDS = 60.0  # the vocabulary is read
ACCEPTED = "null\n"


class GrammarCheck:
    """Created by the compiler, closed with it. One grammar at a time; any thread."""

    def __init__(
        self, token_bytes: list[bytes], special_token_ids: list[int], eos_token_ids: list[int]
    ) -> None:
        tokens = [token.decode("latin-1") for token in token_bytes]
        self._vocabulary = json.dumps([tokens, special_token_ids, eos_token_ids])
        self._lock = Lock()
        self._process: subprocess.Popen[str] | None = None
        self._is_closed = False

    def check(self, grammar: str) -> Refusal | None:
        """Returns None for a grammar that can be compiled within the bounds."""
        with self._lock:
            if self._is_closed:
                return EXHAUSTED
            if self._process is not None and self._process.poll() is not None:
                self._stop()  # it died while it was idle
            process = self._start() if self._process is None else self._process
            with _killed_after(process, WALL_SECONDS):
                line = _exchange(process, json.dumps(grammar))
                if line == ACCEPTED:
                    return None
                explained = _next_line(process)
            if not explained:  # the child died
                self._stop()
            return _refusal_of(explained or line)

    def close(self) -> None:
        """Ends the child, which may be at work. Later grammars exhaust it."""
        self._is_closed = True
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._stop()

    def _start(self) -> subprocess.Popen[str]:
        process = self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # a terminal's Ctrl-C is for the server
            env=process_environment(),
        )
        with _killed_after(process, FIRST_LINE_SECONDS):
            if self._is_closed:
                process.kill()
            _exchange(process, self._vocabulary)
        return process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        with process, contextlib.suppress(OSError):  # closes its pipes; it may not have read all
            if process.stdin is not None:
                process.stdin.close()


def _exchange(process: subprocess.Popen[str], line: str) -> str:
    """Returns the child's next line, which is empty if it died."""
    assert process.stdin is not None
    try:
        process.stdin.write(line + "\n")
        process.stdin.flush()
    except OSError:
        return ""
    return _next_line(process)


def _next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    try:
        return process.stdout.readline()
    except OSError:
        return ""


def _refusal_of(line: str) -> Refusal:
    if not line:
        return EXHAUSTED
    reason, path = json.loads(line)
    return Refusal(reason, None if path is None else tuple(path))


@contextlib.contextmanager
def _killed_after(process: subprocess.Popen[str], seconds: float) -> Iterator[None]:
    timer = Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def main() -> None:
    """The child's loop, until its input ends."""
    tokens, special_token_ids, eos_token_ids = json.loads(sys.stdin.readline())
    token_bytes = [token.encode("latin-1") for token in tokens]
    vocabulary = GrammarVocabulary(token_bytes, special_token_ids, eos_token_ids)
    _limit_memory()
    print("ready", flush=True)
    for line in sys.stdin:
        grammar = json.loads(line)
        with _limited_cpu(CPU_SECONDS):
            message = vocabulary.try_grammar(grammar)
        if message is None:
            print(ACCEPTED, end="", flush=True)
            continue
        _print(refusal_of(message))
        with _limited_cpu(2 * EXPLAINING_SECONDS):
            _print(explain(message, grammar, _try_until(vocabulary, EXPLAINING_SECONDS)))


def _print(refusal: Refusal) -> None:
    print(json.dumps([refusal.reason, refusal.path]), flush=True)


def _try_until(vocabulary: GrammarVocabulary, seconds: float) -> TrySchema:
    """What it returns raises TimeoutError when it is called after so many seconds of the processor."""
    end = time.process_time() + seconds

    def try_schema(schema: Mapping[str, Any]) -> str | None:
        if time.process_time() > end:
            raise TimeoutError
        message = vocabulary.try_grammar(f"start: %json {json.dumps(schema)}")
        return None if message is None else core_of(message)

    return try_schema


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    status = Path("/proc/self/statm")
    if status.exists():
        most = int(status.read_text().split()[0]) * resource.getpagesize() + GRAMMAR_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


@contextlib.contextmanager
def _limited_cpu(seconds: float) -> Iterator[None]:
    """The process ends, by a signal's default action, if the body takes more."""
    import signal

    if not hasattr(signal, "setitimer"):  # Windows
        yield
        return
    signal.setitimer(signal.ITIMER_PROF, seconds)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)


if __name__ == "__main__":
    main()
