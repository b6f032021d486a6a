"""One engine: where it is, how many requests it has, whether it is healthy, and when it is tried again."""

import logging
import re
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit, urlunsplit

from inference.config import RemoteEndpoint
from inference.queue_place import Wait
from inference.queue_shares import most_of_batch
from inference.status import WorkerStatus
from inference.types import Priority
from inference.waitlist import MeanDuration, Queued, Waitlist

logger = logging.getLogger(__name__)

CHAT_PATH = "/chat/completions"
TRANSCRIPTION_PATH = "/audio/transcriptions"
FAILURES_IN_A_ROW = 3  # responses with an error of the engine; a lost connection is enough by itself
FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 60.0
FIRST_SILENCE_PAUSE_SECONDS = 5.0

_VERSION = re.compile(r"v\d+\w*")  # in the path of an address


class Endpoint:
    """Made by the backend, used in the event loop's thread. Healthy after the first check that succeeds."""

    def __init__(
        self, name: str, config: RemoteEndpoint, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self.url = config.url.rstrip("/").removesuffix("/v1")
        api_url, health_url = _addresses(config.url)
        query = f"?{config.query}" if config.query else ""
        self.health_url = health_url + query
        self.models_url = f"{api_url}/models{query}"
        self.chat_url = api_url + CHAT_PATH + query
        self.transcription_url = api_url + TRANSCRIPTION_PATH + query
        self.headers = dict(config.headers)
        if config.key is not None and "authorization" not in map(str.lower, self.headers):
            self.headers["Authorization"] = f"Bearer {config.key}"
        self.configured_model = config.model
        self.model = config.model
        self.listed_models: tuple[str, ...] = ()  # when they were last requested
        self.context_length: int | None = None
        self.refused_members: frozenset[str] = frozenset()  # of bodies: see `fit_body`
        self.requests = Waitlist[Queued](MeanDuration(), clock)  # outstanding ones
        self.served = self.failed = 0  # attempts
        self.is_healthy = False
        self.refuses_access = False  # said a request since the last success
        self.pause_seconds = FIRST_PAUSE_SECONDS  # until the next check, while it is not healthy
        self.trials = 0  # how often it has served again after requests made it unhealthy
        self._clock = clock
        self._busy_until = 0.0
        self._silence_pause_seconds = FIRST_SILENCE_PAUSE_SECONDS
        self._failures = 0  # of requests, in a row
        self._has_failed_check = False
        self._is_on_trial = False
        self._is_known = False  # healthy or not
        self._has_sent_only_end_of_thought = False

    @property
    def outstanding(self) -> int:
        return len(self.requests) + self.requests.running

    def has_place(self, priority: Priority, max_outstanding: int) -> bool:
        """For a request of that priority: batch leaves some places to interactive ones."""
        if self.outstanding >= max_outstanding:
            return False
        return priority != "batch" or self.requests.count("batch") < most_of_batch(max_outstanding)

    def wait_of(self, queued: Queued) -> Wait | None:
        """Without the position: the engine may have requests of others, and an order of its own."""
        wait = self.requests.wait_of(queued)
        return None if wait is None else Wait(expected_seconds=wait.expected_seconds)

    @property
    def is_busy(self) -> bool:
        """It refused a request for its load or let its time pass, and is chosen last for a while."""
        return self._clock() < self._busy_until

    def note_success(self) -> None:
        """Of a request, or of a check."""
        self._is_known = True
        if not self.is_healthy:
            logger.info("engine %s (%s) is healthy", self.name, self.url)
        self.is_healthy = True
        self.refuses_access = False
        self._is_on_trial = False
        self._failures = 0
        self._has_failed_check = False
        self.pause_seconds = FIRST_PAUSE_SECONDS

    def note_models(self, names: Sequence[str]) -> None:
        """Those that it serves. An engine that was started again may serve another one than before."""
        if tuple(names) != self.listed_models:
            self.listed_models = tuple(names)
            if not self.lists_its_model:
                logger.warning("engine %s (%s) does not list its `model`", self.name, self.url)
        if self.configured_model is None and names and self.model not in names:
            self.model = names[0]

    @property
    def lists_its_model(self) -> bool:
        """Ollama appends a tag to names, Google a folder before them."""
        model = self.configured_model
        return model is None or any(
            model == name or name.startswith(f"{model}:") or name.endswith(f"/{model}")
            for name in self.listed_models
        )

    def note_begun(self) -> None:
        """The first event of a request has arrived."""
        self.note_success()
        self.served += 1
        self._silence_pause_seconds = FIRST_SILENCE_PAUSE_SECONDS

    def note_trial(self) -> None:
        """It serves again, as a check has found right after requests made it unhealthy."""
        self.note_success()
        self._is_on_trial = True
        self.trials += 1

    def note_refused_members(self, members: frozenset[str]) -> None:
        """Of a request, which is sent again in the form that `fit_body` makes."""
        if not members <= self.refused_members:
            logger.warning("engine %s (%s) does not take %s", self.name, self.url, ", ".join(sorted(members)))
        self.refused_members |= members

    def note_only_end_of_thought(self) -> None:
        """A text had `</think>` without `<think>`. The log says it once."""
        if not self._has_sent_only_end_of_thought:
            self._has_sent_only_end_of_thought = True
            logger.warning(
                "engine %s (%s) sends thoughts as text, with </think> but without <think>; "
                "use its parser of thoughts, or set `starts_in_thought`",
                self.name,
                self.url,
            )

    def note_busy(self, retry_after_seconds: int | None) -> None:
        self._busy_until = self._clock() + (retry_after_seconds or 0)

    def note_silence(self) -> None:
        """A request's time was over before its first event: the engine may hang, although checks succeed."""
        self._busy_until = self._clock() + self._silence_pause_seconds
        self._silence_pause_seconds = min(self._silence_pause_seconds * 2, MAX_PAUSE_SECONDS)

    def note_error(self, reason: str) -> bool:
        """Of a request. Returns whether it must be checked now: see `note_lost`."""
        self._failures += 1
        return self._failures >= FAILURES_IN_A_ROW and self.note_lost(reason)

    def note_lost(self, reason: str) -> bool:
        """A request made it unhealthy. Returns whether it must be checked now, or after its pause.

        The latter if requests fail although the last check for this reason succeeded.
        `reason` is for the log, and contains nothing that the engine sent.
        """
        return self._fall(reason) and not self._is_on_trial

    def note_failed_check(self, reason: str) -> None:
        self._fall(reason)
        if self._has_failed_check:
            self.pause_seconds = min(self.pause_seconds * 2, MAX_PAUSE_SECONDS)
        self._has_failed_check = True

    def _fall(self, reason: str) -> bool:
        """Returns whether it was healthy. The first check of all that fails is logged, too."""
        was_healthy, self.is_healthy = self.is_healthy, False
        if was_healthy or not self._is_known:
            logger.warning("engine %s (%s) is not healthy: %s", self.name, self.url, reason)
        self._is_known = True
        return was_healthy

    def status(self, *, is_open: bool) -> WorkerStatus:
        return WorkerStatus(
            worker=self.name,
            device=self.url,
            healthy=self.is_healthy and is_open,
            running=self.requests.running,
            waiting=len(self.requests),
            waiting_batch=self.requests.waiting_of("batch"),
            kv_used=0,
            kv_total=0,
            served=self.served,
            failed=self.failed,
        )


def choose(endpoints: Sequence[Endpoint], without: Sequence[Endpoint], turn: int) -> Endpoint | None:
    """The healthy one with the fewest outstanding requests; in turns where they have equally many."""
    usable = [each for each in endpoints if each.is_healthy and each not in without]
    if len(usable) < 2:
        return usable[0] if usable else None
    first = turn % len(usable)
    return min(
        usable[first:] + usable[:first],
        key=lambda each: (each.is_busy, each.outstanding),
    )


def _addresses(url: str) -> tuple[str, str]:
    """Of the API, as OpenAI's SDK takes it, and of the check.

    The API is at `/v1`, unless the path has a version already, such as `/v1`, `/api/paas/v4` or
    `/v1beta/openai`, or ends with one of the API's routes. The check is at `/health` before the version.
    """
    parts = urlsplit(url.rstrip("/"))
    path = parts.path.removesuffix(CHAT_PATH).removesuffix(TRANSCRIPTION_PATH)
    steps = path.split("/")
    version = next((at for at, step in enumerate(steps) if _VERSION.fullmatch(step)), len(steps))
    if version == len(steps) and path == parts.path:
        steps.append("v1")
    api, check = "/".join(steps), "/".join([*steps[:version], "health"])
    return urlunsplit(parts._replace(path=api)), urlunsplit(parts._replace(path=check))
