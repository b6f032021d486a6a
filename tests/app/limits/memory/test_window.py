from app.limits.memory.window import MemoryWindow

from ..conftest import FakeClock


def enter(window: MemoryWindow, user_id: str, limit: int, now: float) -> bool:
    return window.enter(user_id, limit, now)[0]


def remaining(window: MemoryWindow, user_id: str, limit: int, now: float) -> int:
    return window.state(user_id, limit, now).remaining


def test_expired_windows_are_dropped_while_others_are_used(clock: FakeClock):
    window = MemoryWindow()
    for number in range(50):
        assert enter(window, f"usr_{number}", 10, clock.now)
    assert len(window) == 50
    clock.advance(61)
    for _ in range(50):
        assert enter(window, "usr_busy", 100, clock.now)
    assert len(window) == 1


def test_the_number_of_windows_is_bounded(clock: FakeClock):
    window = MemoryWindow(max_windows=5)
    for number in range(20):
        enter(window, f"usr_{number}", 10, clock.now)
    assert len(window) == 5
    assert remaining(window, "usr_19", 10, clock.now) == 9
    assert remaining(window, "usr_0", 10, clock.now) == 10


def test_a_clock_set_back_does_not_block(clock: FakeClock):
    window = MemoryWindow()
    assert enter(window, "usr_a", 1, clock.now)
    assert not enter(window, "usr_a", 1, clock.now)
    clock.advance(-3600)
    assert enter(window, "usr_a", 1, clock.now)


def test_a_refused_request_takes_nothing(clock: FakeClock):
    window = MemoryWindow()
    assert not enter(window, "usr_a", 0, clock.now)
    assert len(window) == 0
    assert enter(window, "usr_a", 1, clock.now)
    has_entered, state = window.enter("usr_a", 1, clock.now)
    assert not has_entered
    assert (state.remaining, state.reset_seconds) == (0, 60)


def test_giving_back_what_has_expired_does_nothing(clock: FakeClock):
    window = MemoryWindow()
    entered_at = clock.now
    enter(window, "usr_a", 2, clock.now)
    clock.advance(61)
    enter(window, "usr_a", 2, clock.now)
    window.give_back("usr_a", 2, entered_at)
    window.give_back("usr_b", 2, entered_at)
    assert remaining(window, "usr_a", 2, clock.now) == 1


def test_a_window_without_requests_is_not_kept(clock: FakeClock):
    window = MemoryWindow()
    enter(window, "usr_a", 2, clock.now)
    window.give_back("usr_a", 2, clock.now)
    assert len(window) == 0
    enter(window, "usr_a", 2, clock.now)
    clock.advance(61)
    assert remaining(window, "usr_a", 2, clock.now) == 2
    assert len(window) == 0


def test_a_window_ends_a_minute_after_its_oldest_request(clock: FakeClock):
    window = MemoryWindow()
    enter(window, "usr_a", 2, clock.now)
    clock.advance(20)
    enter(window, "usr_a", 2, clock.now)
    assert window.state("usr_a", 2, clock.now).reset_seconds == 40
