"""What the gateway and a worker's process send each other, over a connection of `multiprocessing`.

Arrays (pictures, recordings) are not pickled: they follow their message as they are. Both ends are ours.
"""

import logging
import pickle
import struct
import threading
from io import BytesIO
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from inference.engine.outcome import Outcome
from inference.model_card import ModelCard
from inference.timeline import Timeline
from inference.types import GenerationRequest
from inference.workers.worker import MakeEngine

PROTOCOL = 5  # the first with buffers outside of the pickle
COUNT = struct.Struct("!I")


class Setup(NamedTuple):
    """The first message to a process. `log_levels` are those of the gateway's loggers."""

    name: str
    device: str
    log_levels: dict[str, int]


class Load(NamedTuple):
    """The second one. Unpickling it imports what makes the engine."""

    make_engine: MakeEngine


class Add(NamedTuple):
    key: int
    request: GenerationRequest


class Abort(NamedTuple):
    key: int


class Ping(NamedTuple):
    """To be answered between two steps."""


class Stop(NamedTuple):
    """To end after the current step."""


class Loaded(NamedTuple):
    model_card: ModelCard
    blocks_total: int


class Failed(NamedTuple):
    """The engine could not be made."""

    error: Exception


class Stepped(NamedTuple):
    """After a step. `timelines` are those of the requests that have ended."""

    blocks_used: int
    outcomes: list[Outcome]
    timelines: dict[int, Timeline]


class Pong(NamedTuple):
    pass


class Logged(NamedTuple):
    record: logging.LogRecord


ToProcess = Setup | Load | Add | Abort | Ping | Stop
FromProcess = Loaded | Failed | Stepped | Pong | Logged


class Channel:
    """One end of the connection. `send` may be called by several threads, `receive` by one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending = threading.Lock()

    def send(self, message: ToProcess | FromProcess) -> None:
        """Raises OSError if the other process has ended, and what pickling raises."""
        pickled, buffers = _pickle(message)
        with self._sending:
            self._connection.send_bytes(pickled)
            for buffer in buffers:
                self._connection.send_bytes(buffer)

    def receive(self) -> Any:
        """Returns the next message. Raises EOFError or OSError if the other process has ended."""
        data = memoryview(self._connection.recv_bytes())
        (count,) = COUNT.unpack_from(data)
        buffers = [bytearray(self._connection.recv_bytes()) for _ in range(count)]  # arrays stay writable
        return pickle.loads(data[COUNT.size :], buffers=buffers)  # noqa: S301 - of our own process

    def close(self) -> None:
        self._connection.close()


def _pickle(message: ToProcess | FromProcess) -> tuple[memoryview, list[memoryview]]:
    buffers: list[pickle.PickleBuffer] = []
    stream = BytesIO(COUNT.pack(0))
    stream.seek(COUNT.size)
    pickler = pickle.Pickler(stream, PROTOCOL, buffer_callback=buffers.append)
    pickler.dump(message)
    data = stream.getbuffer()
    COUNT.pack_into(data, 0, len(buffers))
    return data, [buffer.raw() for buffer in buffers]
