"""Writes and compiles grammars in child processes first, which a hostile schema can only exhaust.

Some schemas of a few bytes take a minute and gigabytes to compile (a `multipleOf` of seven digits), and a
compilation cannot be interrupted. `grammar_server.py` is started once, and makes a process for each grammar.
"""

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from threading import Lock
from typing import Final

from inference.constraints.call_parser import ArgumentTypes, ToolFormat
from inference.constraints.grammar_cache import Refused
from inference.constraints.grammar_refusal import TOO_COMPLEX
from inference.process_environment import process_environment

SERVER: Final = "inference.constraints.grammar_server"
LENGTH_BYTES: Final = 8  # before the vocabulary

_WALL_SECONDS: Final = 90.0  # the child ends itself sooner, once the server has read the vocabulary
_PIECE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class CheckedGrammar:
    """A grammar that can be compiled within the bounds. `num_bytes` is what the child took for it."""

    text: str
    types: dict[str, ArgumentTypes]
    num_bytes: int


class GrammarCheck:
    """Created by the compiler, closed with it. Any thread."""

    def __init__(
        self,
        token_bytes: list[bytes],
        special_token_ids: list[int],
        eos_token_ids: list[int],
        tool_format: ToolFormat,
    ) -> None:
        self._vocabulary = pickle.dumps((token_bytes, special_token_ids, eos_token_ids, tool_format))
        self._lock = Lock()  # of the server
        self._server: _Server | None = None
        self._is_closed = False

    @property
    def server_id(self) -> int | None:
        """The server's process."""
        return None if self._server is None else self._server.process.pid

    def start(self) -> None:
        """Starts the server, unless it runs. Does not wait until it has read the vocabulary."""
        with self._lock:
            if self._is_closed or (self._server is not None and self._server.process.poll() is None):
                return
            if self._server is not None:
                self._server.end()
            self._server = _Server()
        try:
            self._server.send_vocabulary(self._vocabulary)
        except OSError:  # it has ended
            return

    def check(self, order: str, field: str) -> CheckedGrammar | Refused:
        """Takes an order's text. `field` is named for what exhausts the child."""
        lines = self._ask(order).split(b"\n")[:-1]
        if not lines:
            return Refused(field, TOO_COMPLEX)
        refused, text, types, num_bytes = json.loads(lines[-1])
        if refused is not None:
            field, reason, path = refused
            return Refused(field, reason, None if path is None else tuple(path))
        return CheckedGrammar(text, {name: _types_of(*each) for name, each in types.items()}, num_bytes)

    def close(self) -> None:
        """Ends the server and its children, which may be at work. Later grammars exhaust them."""
        with self._lock:
            self._is_closed = True
            server, self._server = self._server, None
        if server is not None:
            server.end()

    def _ask(self, order: str) -> bytes:
        """Returns what the child wrote. The last line may be cut off."""
        self.start()
        server = self._server
        if server is None:
            return b""
        ours, childs = socket.socketpair()
        with ours:
            ours.settimeout(_WALL_SECONDS)
            try:
                with childs:
                    server.send_job(childs)
                ours.sendall(order.encode())
                ours.shutdown(socket.SHUT_WR)
                return _read_all(ours)
            except OSError:  # it died, or takes too long
                return b""


class _Server:
    def __init__(self) -> None:
        self._control, childs = socket.socketpair()
        self._lock = Lock()  # of what is sent
        with childs:
            self.process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                [sys.executable, "-m", SERVER],
                stdin=childs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # a terminal's Ctrl-C is for the gateway
                env=process_environment(),
            )

    def send_vocabulary(self, vocabulary: bytes) -> None:
        with self._lock:
            self._control.sendall(len(vocabulary).to_bytes(LENGTH_BYTES, "big") + vocabulary)

    def send_job(self, job: socket.socket) -> None:
        with self._lock:
            socket.send_fds(self._control, [b"j"], [job.fileno()])

    def end(self) -> None:
        """Kills the session: the server and its children."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._control.close()


def _read_all(connection: socket.socket) -> bytes:
    pieces = []
    while piece := connection.recv(_PIECE):
        pieces.append(piece)
    return b"".join(pieces)


def _types_of(named: dict[str, list[str]], others: list[str]) -> ArgumentTypes:
    return ArgumentTypes({name: frozenset(types) for name, types in named.items()}, frozenset(others))
