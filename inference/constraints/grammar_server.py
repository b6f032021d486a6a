"""The process that makes compiling processes: it has read the vocabulary once and never sees a schema.

Started by `grammar_check.py`, with one socket for its input. Each job is a socket: a process of its own reads
an order from it, and writes JSON back. The kernel ends a process that takes too much, which closes its socket
without an answer. The next process is made from the same warm server.
"""

import gc
import json
import os
import pickle
import resource
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from inference.constraints.call_parser import ToolFormat
from inference.constraints.grammar_check import LENGTH_BYTES
from inference.constraints.grammar_refusal import TOO_COMPLEX, Refusal, core_of, explain, refusal_of
from inference.constraints.grammar_vocabulary import GrammarVocabulary
from inference.constraints.request_grammar import GrammarOrder, write_grammar
from inference.constraints.schema_fault import TrySchema
from inference.errors import InvalidGrammar

CPU_SECONDS: Final = 1.0
WALL_SECONDS: Final = 10.0  # for a process that waits for a processor
EXPLAINING_SECONDS: Final = 0.25  # of a processor, for the place of the cause
GRAMMAR_BYTES: Final = 128 << 20  # of address space, beside the vocabulary's
MAX_GRAMMAR_CHARACTERS: Final = 2 << 20

_MEMORY: Final = Path("/proc/self/statm")  # pages of address space, and of memory
_PIECE: Final = 1 << 16


def main() -> None:
    """Returns when the gateway has closed its end."""
    with socket.socket(fileno=0) as control:
        length = int.from_bytes(_read(control, LENGTH_BYTES), "big")
        tokens, special_token_ids, eos_token_ids, tool_format = pickle.loads(  # noqa: S301 - the gateway's
            _read(control, length)
        )
        vocabulary = GrammarVocabulary(tokens, special_token_ids, eos_token_ids)
        gc.collect()
        gc.freeze()  # what is shared stays untouched
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nothing is left of children that ended
        while True:
            message, jobs, _, _ = socket.recv_fds(control, 1, 1)
            if not message:
                return
            if os.fork() == 0:
                control.close()
                _run(socket.socket(fileno=jobs[0]), vocabulary, tool_format)
            os.close(jobs[0])


def answers_of(
    order: GrammarOrder, vocabulary: GrammarVocabulary, tool_format: ToolFormat
) -> Iterator[list[Any]]:
    """Yields JSON: the field, reason and path of a refusal, or None; the grammar, the types of arguments, and
    the bytes that it took. A later answer is better: it has the place of the cause."""
    before = _memory_bytes()
    try:
        text, types = write_grammar(order, tool_format, vocabulary.is_regex)
    except InvalidGrammar as error:
        yield _refused(error.field, Refusal(error.reason, error.path))
        return
    if len(text) > MAX_GRAMMAR_CHARACTERS:
        yield _refused(order.field, Refusal(TOO_COMPLEX))
        return
    message = vocabulary.try_grammar(text)
    if message is not None:
        yield _refused(order.field, refusal_of(message))
        signal.setitimer(signal.ITIMER_PROF, 2 * EXPLAINING_SECONDS)
        yield _refused(order.field, explain(message, text, _try_until(vocabulary, EXPLAINING_SECONDS)))
        return
    named = {
        tool: [{name: sorted(each) for name, each in of_tool.named.items()}, sorted(of_tool.others)]
        for tool, of_tool in types.items()
    }
    yield [None, text, named, max(_memory_bytes() - before, len(text))]


def _refused(field: str, refusal: Refusal) -> list[Any]:
    return [[field, refusal.reason, refusal.path], "", {}, 0]


def _try_until(vocabulary: GrammarVocabulary, seconds: float) -> TrySchema:
    """What it returns raises TimeoutError when it is called after so many seconds of the processor."""
    end = time.process_time() + seconds

    def try_schema(schema: Mapping[str, Any]) -> str | None:
        if time.process_time() > end:
            raise TimeoutError
        message = vocabulary.try_grammar(f"start: %json {json.dumps(schema)}")
        return None if message is None else core_of(message)

    return try_schema


def _run(job: socket.socket, vocabulary: GrammarVocabulary, tool_format: ToolFormat) -> None:
    """The whole life of a child. Does not return."""
    try:
        _limit()
        order = GrammarOrder.from_text(_read(job).decode())
        for answer in answers_of(order, vocabulary, tool_format):
            job.sendall(json.dumps(answer).encode() + b"\n")
    finally:
        os._exit(0)


def _limit() -> None:
    """The kernel ends the process, by a signal's default action, if it takes more."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    if _MEMORY.exists():
        most = int(_MEMORY.read_text().split()[0]) * resource.getpagesize() + GRAMMAR_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _memory_bytes() -> int:
    if not _MEMORY.exists():
        return 0
    return int(_MEMORY.read_text().split()[1]) * resource.getpagesize()


def _read(connection: socket.socket, length: int | None = None) -> bytes:
    """Reads so many bytes, or to the end."""
    data = bytearray()
    while length is None or len(data) < length:
        piece = connection.recv(_PIECE if length is None else min(_PIECE, length - len(data)))
        if not piece:
            break
        data += piece
    return bytes(data)


if __name__ == "__main__":
    main()
