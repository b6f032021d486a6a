"""What /ops shows of devices."""

from app.ops.dashboard import loads_by_worker
from inference.status import DeviceLoad


def test_devices_that_share_a_model_count_as_one() -> None:
    first = DeviceLoad("0", "cuda:0", 7, 24, 0.25)
    second = DeviceLoad("0", "cuda:1", 5, 16, 0.75)
    other = DeviceLoad("1", "cuda:2", 1, 8, None)
    assert loads_by_worker([first, second, other]) == {
        "0": DeviceLoad("0", "cuda:0,cuda:1", 12, 40, 0.5),
        "1": other,
    }
    assert loads_by_worker([]) == {}
