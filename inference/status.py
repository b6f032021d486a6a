"""What a backend reports about its workers and devices. Plain frozen dataclasses, no torch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """The state of one device. `waiting_batch` of those that wait have that priority.

    `kv_used` and `kv_total` count cache blocks. `served` and `failed` count the attempts to have a remote
    engine serve a request; None where a worker is no engine.
    """

    worker: str
    device: str
    healthy: bool
    running: int
    waiting: int
    kv_used: int
    kv_total: int
    waiting_batch: int = 0
    served: int | None = None
    failed: int | None = None


@dataclass(frozen=True, slots=True)
class DeviceLoad:
    """An accelerator as its driver reports it, including other processes. `utilization` is 0 to 1."""

    worker: str
    device: str
    memory_used_bytes: int
    memory_total_bytes: int
    utilization: float | None  # None: the driver does not report it


@dataclass(frozen=True, slots=True)
class BackendStatus:
    """`workers` run the model. `speech_workers` transcribe recordings for a model that takes no audio."""

    workers: tuple[WorkerStatus, ...]
    speech_workers: tuple[WorkerStatus, ...] = ()

    @property
    def is_ready(self) -> bool:
        return any(worker.healthy for worker in self.workers)

    @property
    def running(self) -> int:
        return sum(worker.running for worker in (*self.workers, *self.speech_workers))

    @property
    def waiting(self) -> int:
        return sum(worker.waiting for worker in (*self.workers, *self.speech_workers))
