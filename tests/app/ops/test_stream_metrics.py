"""What /metrics says of recorded responses."""

import pytest

from app.memory_budget import MemoryBudget
from app.ops.stream_metrics import StreamMetrics
from app.streams.bounds import OVERHEAD_BYTES, STEP_BYTES, StreamBounds
from app.streams.recordings import Keeping, Recordings

pytestmark = pytest.mark.anyio


async def test_recordings_and_their_readers_are_counted() -> None:
    least = OVERHEAD_BYTES + STEP_BYTES
    budget = MemoryBudget(2**20, 2**20, stream_bytes=2 * least)
    recordings = Recordings(StreamBounds(budget.streams, least, 2 * least), Keeping(60, 300))
    running, ended, refused = (recordings.begin("usr_1", "/chat", lambda _: None) for _ in range(3))
    assert running is not None
    assert ended is not None
    assert refused is None
    ended.end(is_complete=True)
    with running.reading():
        samples = {
            (sample.name, *sample.labels.values()): sample.value
            for family in StreamMetrics(recordings).collect()
            for sample in family.samples
        }
    assert samples == {
        ("gateway_streams", "running"): 1,
        ("gateway_streams", "ended"): 1,
        ("gateway_stream_readers",): 1,
        ("gateway_streams_not_recorded_total",): 1,
        ("gateway_streams_degraded",): 0,
    }
    await recordings.aclose()
