"""A worker in a process of its own: what breaks the process, such as an error of its device, stays there.

The process is started by `subprocess`, not by `multiprocessing`, which would hand it the environment with
all secrets. The system frees its memory, on the device too, when it ends, however it ends.
"""

import asyncio
import logging
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from multiprocessing import Pipe
from queue import SimpleQueue

from inference.engine.outcome import Outcome, is_last
from inference.errors import BackendUnavailable, GenerationFailed
from inference.model_card import ModelCard
from inference.process_environment import process_environment
from inference.timeline import Timeline
from inference.types import GenerationRequest
from inference.workers.event_loop import post
from inference.workers.messages import (
    Abort,
    Add,
    Channel,
    Failed,
    Load,
    Loaded,
    Logged,
    Ping,
    Pong,
    Setup,
    Stepped,
    Stop,
    ToProcess,
)
from inference.workers.worker import MakeEngine, WorkerListener

logger = logging.getLogger(__name__)

STOP_SECONDS = 10.0  # for the current step, before the process is killed
EXIT_SECONDS = 5.0  # for the system to end a process
JOIN_SECONDS = 1.0  # for threads, which outlast a process that even a kill does not end
PINGS = 4  # that a process may leave unanswered
LOGGERS = ("", "inference")


class ProcessWorker:
    """See `Worker`. `make_engine` is pickled.

    A process that answers no ping for `patience_seconds` is killed: its device hangs. None: it may take as
    long as it likes, as on a CPU.
    """

    def __init__(
        self,
        name: str,
        device: str,
        make_engine: MakeEngine,
        listener: WorkerListener,
        patience_seconds: float | None = None,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self.name = name
        self.device = device
        self.is_healthy = False
        self.blocks_used = 0
        self.blocks_total = 0
        self._make_engine = make_engine
        self._listener = listener
        self._patience_seconds = patience_seconds
        self._stop_seconds = stop_seconds
        self._outbox: SimpleQueue[ToProcess | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._loaded: asyncio.Future[ModelCard] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._error: Exception | None = None  # of loading
        self._reason = ""  # why it was killed
        self._is_stopping = False
        self._timelines: dict[int, Timeline] = {}
        self._unanswered = 0
        self._next_ping: asyncio.TimerHandle | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._threads: list[threading.Thread] = []

    @property
    def process_id(self) -> int | None:
        """None before the start."""
        return None if self._process is None else self._process.pid

    async def start(self) -> ModelCard:
        """See `Worker`. Raises OSError if the system cannot start a process."""
        ours, theirs = Pipe()
        with theirs:
            try:
                # Here, since the process ends with the thread that starts it; it takes a millisecond.
                self._process = _launch(theirs.fileno())
            except BaseException:
                ours.close()
                raise
        self._channel = Channel(ours)
        levels = {name: logging.getLogger(name).getEffectiveLevel() for name in LOGGERS}
        self._outbox.put(Setup(self.name, self.device, levels))
        self._outbox.put(Load(self._make_engine))
        self._threads = [
            threading.Thread(target=run, args=(self._channel, self._process), daemon=True)
            for run in (self._send_commands, self._receive_outcomes)
        ]
        for thread in self._threads:
            thread.start()
        return await asyncio.shield(self._loaded)

    def add(self, key: int, request: GenerationRequest) -> None:
        if request.timeline is not None:
            self._timelines[key] = request.timeline
        self._outbox.put(Add(key, request))

    def abort(self, key: int) -> None:
        self._outbox.put(Abort(key))

    async def stop(self) -> None:
        """Ends the process after the current step, and kills it if it loads or takes longer."""
        if self._process is None or self._channel is None:
            return
        self._is_stopping = True
        if self._loaded.done():
            self._outbox.put(Stop())
            await asyncio.wait([self._ended], timeout=self._stop_seconds)
        self._kill("it did not stop")
        await asyncio.shield(self._ended)
        for thread in self._threads:
            thread.join(JOIN_SECONDS)
        if not any(thread.is_alive() for thread in self._threads):
            self._channel.close()

    def _kill(self, reason: str) -> None:
        """Does nothing if it has ended. Its end is noticed as every end is."""
        if self._process is not None and not self._ended.done():
            self._reason = reason
            self._process.kill()

    # In the threads

    def _send_commands(self, channel: Channel, process: "subprocess.Popen[bytes]") -> None:
        """Pickling a picture takes milliseconds, in which the event loop does other work."""
        with suppress(OSError):  # it has ended
            while (command := self._outbox.get()) is not None:
                try:
                    channel.send(command)
                except OSError:
                    raise
                except Exception as error:
                    post(self._loop, self._note_unsent, command, error)

    def _receive_outcomes(self, channel: Channel, process: "subprocess.Popen[bytes]") -> None:
        try:
            while True:
                message = channel.receive()
                if isinstance(message, Logged):
                    _log(message.record)
                else:
                    post(self._loop, self._note, message)
        except (EOFError, OSError):
            pass
        except Exception as error:
            logger.error("worker %s sent what cannot be read", self.name, exc_info=error)
        self._outbox.put(None)
        post(self._loop, self._note_end, _wait(process))

    # In the event loop's thread

    def _note(self, message: Loaded | Failed | Stepped | Pong) -> None:
        self._unanswered = 0
        match message:
            case Loaded(model_card, blocks_total):
                self.is_healthy = True
                self.blocks_total = blocks_total
                self._loaded.set_result(model_card)
                self._ping()
            case Failed(error):
                self._error = error
            case Stepped(blocks_used, outcomes, timelines):
                self.blocks_used = blocks_used
                self._note_timelines(outcomes, timelines)
                if outcomes:
                    self._listener.on_outcomes(self, outcomes)

    def _note_timelines(self, outcomes: list[Outcome], timelines: dict[int, Timeline]) -> None:
        """Copies what the process recorded into the timelines of the callers."""
        for key, event in outcomes:
            if is_last(event):
                timeline = self._timelines.pop(key, None)
                if timeline is not None and key in timelines:
                    timeline.copy_steps(timelines[key])

    def _note_unsent(self, command: ToProcess, error: Exception) -> None:
        logger.error("a command cannot be sent to worker %s", self.name, exc_info=error)
        if isinstance(command, Add):
            self._timelines.pop(command.key, None)
            self._listener.on_outcomes(
                self, [(command.key, GenerationFailed("it cannot be sent to its worker"))]
            )
        elif isinstance(command, Load):
            self._error = error
            self._kill("its engine cannot be sent")

    def _note_end(self, code: int | None) -> None:
        was_healthy, self.is_healthy = self.is_healthy, False
        self.blocks_used = 0
        self._timelines.clear()
        if self._next_ping is not None:
            self._next_ping.cancel()
        self._ended.set_result(None)
        if not self._loaded.done():
            reason = self._reason or _describe(code)
            self._loaded.set_exception(self._error or BackendUnavailable(f"the worker ended: {reason}"))
            self._loaded.exception()  # marks it as retrieved, since `start` may have been cancelled
        elif was_healthy and not self._is_stopping:
            reason = self._reason or _describe(code)
            logger.critical("worker %s on %s died: %s", self.name, self.device, reason)
            self._listener.on_death(self)

    def _ping(self) -> None:
        """Counts pings instead of seconds: a gateway that was stopped itself has sent none."""
        if self._patience_seconds is None or self._ended.done():
            return
        if self._unanswered >= PINGS:
            self._kill(f"it did not respond for {self._patience_seconds:g} s")
            return
        self._unanswered += 1
        self._outbox.put(Ping())
        self._next_ping = self._loop.call_later(self._patience_seconds / PINGS, self._ping)


def _launch(descriptor: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - this interpreter and a number of our own
        [sys.executable, "-P", "-m", "inference.workers.process_main", str(descriptor)],
        env=process_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # what libraries write to the standard error goes where the gateway's does
        pass_fds=(descriptor,),
        start_new_session=True,  # signals of the terminal are for the gateway
    )


def _wait(process: "subprocess.Popen[bytes]") -> int | None:
    """Returns the exit code, or None if even a killed process does not end: its driver hangs."""
    for _ in range(2):
        with suppress(subprocess.TimeoutExpired):
            return process.wait(EXIT_SECONDS)
        process.kill()
    return None


def _describe(code: int | None) -> str:
    if code is None:
        return "its connection broke, and it cannot be killed"
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def _log(record: logging.LogRecord) -> None:
    target = logging.getLogger(record.name)
    if target.isEnabledFor(record.levelno):
        target.handle(record)
