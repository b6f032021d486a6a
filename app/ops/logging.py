"""Log lines for machines: one JSON object per record, on standard error.

Defines the format of lines, not what is logged. An exception is logged by its type and frames, since its
message may quote what a client sent; only our own errors, whose messages are ours, keep theirs.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

import orjson

from app.errors import GatewayError
from inference import InferenceError, describe_error

LogLevel = Literal["debug", "info", "warning", "error"]

OUR_LOGGERS: Final = ("app", "inference")
SERVER_LOGGERS: Final = ("uvicorn", "uvicorn.error", "uvicorn.access")
_STANDARD_ATTRIBUTES: Final = frozenset(
    {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message"}
)
_MESSAGES_OF_OURS: Final = (GatewayError, InferenceError, OSError)


class JSONFormatter(logging.Formatter):
    """`extra=` fields become members beside `time`, `level`, `logger` and `message`.

    `process` is the number of this one of several processes, whose lines share one log.
    """

    def __init__(self, process: int | None = None) -> None:
        super().__init__()
        self._members: dict[str, Any] = {} if process is None else {"process": process}

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name not in _STANDARD_ATTRIBUTES}
        if record.exc_info and record.exc_info[1] is not None:
            fields["exceptions"] = describe_error(record.exc_info[1], _MESSAGES_OF_OURS)
        at = datetime.fromtimestamp(record.created, UTC)
        return self.line(at, record.levelname.lower(), record.name, record.getMessage(), fields)

    def line(self, at: datetime, level: str, logger_name: str, message: str, fields: dict[str, Any]) -> str:
        members = {"time": at, "level": level, "logger": logger_name, "message": message}
        line = members | self._members | fields
        try:
            return orjson.dumps(line, default=repr).decode()
        except TypeError:  # a lone surrogate, which only ASCII escapes can carry
            return json.dumps(line, default=str)


class JSONHandler(logging.StreamHandler[TextIO]):
    """Writes records to standard error, and also what has no record."""

    def __init__(self, process: int | None = None) -> None:
        super().__init__(sys.stderr)
        self._formatter = JSONFormatter(process)
        self.setFormatter(self._formatter)

    def write_info(self, logger_name: str, message: str, fields: dict[str, Any]) -> None:
        try:
            line = self._formatter.line(datetime.now(UTC), "info", logger_name, message, fields)
            self.acquire()
            try:
                self.stream.write(line + self.terminator)
                self.stream.flush()
            finally:
                self.release()
        except (OSError, ValueError):  # as for records: a full disk or a closed stream loses the line alone
            self.handleError(logging.makeLogRecord({"name": logger_name, "msg": message}))


def log_info(logger: logging.Logger, message: str, fields: dict[str, Any]) -> None:
    """`logger.info(message, extra=fields)` for what is logged most often.

    Where our handler is the only one, it gets the fields without a LogRecord, which takes half the time.
    """
    handlers = logging.getLogger().handlers
    if len(handlers) == 1 and isinstance(handlers[0], JSONHandler):
        if logger.isEnabledFor(logging.INFO):
            handlers[0].write_info(logger.name, message, fields)
    else:
        logger.info(message, extra=fields)


def configure_logging(level: LogLevel, process: int | None = None) -> None:
    """Sends every logger's records through one handler; others' chatter below a warning is dropped.

    Calling it again changes the level alone. Servers' own access logs would repeat ours, with query
    strings in them, and are switched off.
    """
    # What no line of ours shows need not be looked up for every record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # the documented way to skip looking up the caller
    root = logging.getLogger()
    if not any(isinstance(handler.formatter, JSONFormatter) for handler in root.handlers):
        root.addHandler(JSONHandler(process))
    for name in SERVER_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)
    access_logger = logging.getLogger("uvicorn.access")
    access_logger.disabled = True
    access_logger.propagate = False  # without a handler to reach, uvicorn does not make its lines
    for name in OUR_LOGGERS:
        logging.getLogger(name).setLevel(level.upper())
