from app.work_pace import WorkPace


def test_retry_follows_the_measured_mean_within_bounds() -> None:
    pace = WorkPace(first_seconds=1.0)
    assert pace.retry_after_seconds(3) == 3
    for _ in range(100):
        pace.add(4.0)
    assert pace.retry_after_seconds(2.5) == 10
    assert (pace.retry_after_seconds(0), pace.retry_after_seconds(1000)) == (1, 60)
    for _ in range(200):
        pace.add(-5.0)  # a clock was set back
    assert pace.retry_after_seconds(2.5) == 1
