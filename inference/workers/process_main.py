"""The process of one worker: `python -m inference.workers.process_main FILE_DESCRIPTOR`.

Its main thread makes and steps the engine; another one receives commands, and ends the process when the
gateway has ended.
"""

import ctypes
import gc
import logging
import os
import pickle
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import NoReturn

from inference.engine.outcome import Outcome, is_last
from inference.error_description import describe_error
from inference.errors import BackendUnavailable, InferenceError
from inference.timeline import Timeline
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
)
from inference.workers.step_loop import Inbox, step_until_stopped
from inference.workers.worker import Steppable

logger = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
FAILED = 1


class LogForwarder(logging.Handler):
    """Sends records to the gateway, which logs them as its own. Of an exception it sends type and frames."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        values = vars(record) | {"msg": record.getMessage(), "args": None, "exc_info": None, "exc_text": None}
        if record.exc_info and record.exc_info[1] is not None:
            values["exceptions"] = describe_error(record.exc_info[1], (InferenceError, OSError))
        try:
            self._channel.send(Logged(logging.makeLogRecord(values)))
        except OSError:  # the gateway has ended
            os._exit(FAILED)
        except Exception:
            self.handleError(record)


class EngineProcess:
    """Made by `main`, used by both threads."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._inbox = Inbox()
        self._timelines: dict[int, Timeline] = {}  # of requests that have not ended
        self._blocks_used = 0  # that the gateway knows of

    def run(self) -> None:
        """Returns when the gateway says so. Raises what a step raises."""
        setup = self._channel.receive()
        assert isinstance(setup, Setup)
        _forward_logs(self._channel, setup.log_levels)
        try:
            load = self._channel.receive()
            assert isinstance(load, Load)
            threading.Thread(target=self._receive_commands, daemon=True).start()
            engine = load.make_engine()
        except BaseException as error:
            self._channel.send(Failed(_portable(error)))
            return
        gc.collect()
        gc.freeze()  # later collections would look at the hundreds of thousands of objects of the start
        self._channel.send(Loaded(engine.model_card, engine.blocks_total))
        try:
            step_until_stopped(engine, self._inbox, self._report)
        except BaseException as error:
            logger.critical("the engine of worker %s on %s failed", setup.name, setup.device, exc_info=error)
            raise

    def _report(self, engine: Steppable, outcomes: list[Outcome]) -> None:
        if not outcomes and engine.blocks_used == self._blocks_used:
            return
        self._blocks_used = engine.blocks_used
        ended = [key for key, event in outcomes if is_last(event)]
        timelines = {key: self._timelines.pop(key) for key in ended if key in self._timelines}
        self._channel.send(Stepped(engine.blocks_used, outcomes, timelines))

    # In the thread of commands

    def _receive_commands(self) -> None:
        try:
            while True:
                self._take(self._channel.receive())
        except (EOFError, OSError):  # the gateway has ended
            pass
        except BaseException as error:
            logger.critical("commands cannot be read", exc_info=error)
        finally:
            os._exit(FAILED)

    def _take(self, command: object) -> None:
        match command:
            case Add(key, request):
                if request.timeline is not None:
                    self._timelines[key] = request.timeline
                self._inbox.put(lambda engine: engine.add(key, request))
            case Abort(key):
                self._inbox.put(lambda engine: engine.abort(key))
            case Ping():
                self._inbox.put(lambda engine: self._channel.send(Pong()))
            case Stop():
                self._inbox.put(None)


def main() -> NoReturn:
    """Ends without a clean-up, which may hang after an error of the device: the system frees everything."""
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)  # compilers that a library starts must not keep it open
    _end_with_gateway()
    _ignore_termination()
    try:
        EngineProcess(Channel(Connection(descriptor))).run()
    except BaseException:
        os._exit(FAILED)
    os._exit(0)


def _end_with_gateway() -> None:
    """The thread of commands does the same, unless a library that hangs keeps it from running."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _ignore_termination() -> None:
    """A supervisor may send these to every process of a service, while the gateway drains."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _forward_logs(channel: Channel, levels: dict[str, int]) -> None:
    logging.getLogger().addHandler(LogForwarder(channel))
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def _portable(error: BaseException) -> Exception:
    """An error that the gateway can raise: this one, if it can be sent. It arrives without its frames."""
    if not isinstance(error, InferenceError):
        logger.error("a worker cannot be loaded", exc_info=error)
    if isinstance(error, Exception) and not isinstance(error, StopIteration):  # which no future can carry
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
            return error
        except Exception:
            logger.debug("%s cannot be sent", type(error).__name__)
    return BackendUnavailable(f"{type(error).__name__} while a worker was loaded")


if __name__ == "__main__":
    main()
