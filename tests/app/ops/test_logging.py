import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import GatewayError
from app.ops.logging import JSONFormatter


def formatted(message: str, *args: object, error: BaseException | None = None, **extra: object) -> dict:
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    record = logging.LogRecord("app.x", logging.INFO, __file__, 1, message, args, exc_info)
    vars(record).update(extra)
    text = JSONFormatter().format(record)
    assert "\n" not in text
    return json.loads(text)


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def test_line_has_time_level_logger_and_message():
    line = formatted("%d workers", 2)
    assert line["message"] == "2 workers"
    assert line["level"] == "info"
    assert line["logger"] == "app.x"
    assert line["time"].endswith("+00:00")


def test_extra_fields_are_members_of_the_line():
    line = formatted("request", request_id="req_1", status=200)
    assert (line["request_id"], line["status"]) == ("req_1", 200)


def test_newlines_in_a_value_do_not_make_a_second_line():
    assert formatted("a\nb", note="c\nd")["note"] == "c\nd"


def test_a_value_that_json_has_no_word_for_is_logged_by_its_repr():
    assert formatted("x", value=set)["value"] == "<class 'set'>"


def test_message_of_a_foreign_exception_is_not_logged():
    line = formatted("failed", error=raised(ValueError("the user's prompt")))
    assert "the user's prompt" not in json.dumps(line)
    assert line["exceptions"][0]["type"] == "builtins.ValueError"
    assert "raised" in line["exceptions"][0]["frames"][-1]


def test_message_of_our_own_exception_is_logged():
    line = formatted("failed", error=raised(GatewayError("The sentence.")))
    assert line["exceptions"][0]["message"] == "The sentence."


def test_causes_are_logged_with_the_outermost_first():
    line = formatted("failed", error=raised(GatewayError("Outer."), raised(KeyError("secret"))))
    assert [entry["type"].rpartition(".")[2] for entry in line["exceptions"]] == ["GatewayError", "KeyError"]
    assert "secret" not in json.dumps(line)


def test_a_lone_surrogate_does_not_lose_the_line():
    assert formatted("x", value="\ud800")["message"] == "x"


@pytest.mark.parametrize(
    ("logger", "level", "is_written"),
    [
        ("app.x", "info", True),
        ("app.x", "debug", False),
        ("inference.x", "info", True),
        ("httpx", "info", False),
        ("httpx", "warning", True),
        ("uvicorn.access", "error", False),
        ("uvicorn.error", "error", True),
    ],
)
def test_configured_loggers_write_one_json_line_or_nothing(logger, level, is_written):
    script = f"""
import logging, logging.config, uvicorn.config
logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
from app.ops.logging import configure_logging
configure_logging("info")
configure_logging("info")
logging.getLogger({logger!r}).{level}("hello %s", "there")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    lines = (done.stdout + done.stderr).splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["hello there"] * is_written


def test_the_server_makes_no_access_log_of_its_own():
    """It makes a line for each request once its logger has any handler, even if the line is dropped."""
    script = """
import logging
from app.ops.logging import configure_logging
configure_logging("info")
print(logging.getLogger("uvicorn.access").hasHandlers())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def written_by(script: str, level: str = "info", process: int | None = None) -> list[dict]:
    """The lines on standard error of a process that logs nothing but this."""
    start = f"""
import logging
from app.ops.logging import configure_logging, log_info
configure_logging({level!r}, {process!r})
logger = logging.getLogger("app.x")
"""
    done = subprocess.run([sys.executable, "-c", start + script], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_line_without_a_record_is_the_same_as_with_one():
    """In the order of the calls, whichever way they take."""
    lines = written_by(
        """
for fields in ({"status": 200, "total_ms": 1.5, "finish_reason": None}, {"value": set, "text": "\\ud800"}):
    log_info(logger, "request", fields)
    logger.info("request", extra=fields)
""",
        process=2,
    )
    assert [line["status"] for line in lines[:2]] == [200, 200]
    for without, with_record in (lines[:2], lines[2:]):
        assert list(without) == list(with_record)
        assert without["time"] <= with_record["time"]
        assert without | {"time": None} == with_record | {"time": None}
        assert (without["logger"], without["level"], without["process"]) == ("app.x", "info", 2)


@pytest.mark.parametrize("switch", ["", "logging.disable()", "logger.disabled = True"])
def test_line_without_a_record_respects_levels(switch):
    lines = written_by(f"{switch}\nlog_info(logger, 'request', {{}})", level="info" if switch else "warning")
    assert lines == []


def test_another_handler_gets_records():
    lines = written_by(
        """
class Handler(logging.Handler):
    def emit(self, record):
        logger.warning("seen") if record.levelname == "INFO" and record.status == 200 else None
logging.getLogger().addHandler(Handler())
log_info(logger, "request", {"status": 200})
"""
    )
    assert [line["message"] for line in lines] == ["request", "seen"]


def test_a_full_disk_loses_the_line_alone():
    script = """
from app.ops.logging import configure_logging, log_info
import logging
configure_logging("info")
log_info(logging.getLogger("app.x"), "request", {"status": 200})
print("continues")
"""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=full, text=True, check=False
        )
    assert done.stdout == "continues\n"
