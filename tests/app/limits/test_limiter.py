"""What every limiter guarantees, in memory and in Redis."""

import asyncio

import pytest

from app.errors import (
    ConcurrencyLimitExceeded,
    DailyTokensExceeded,
    DatabaseUnavailable,
    RateLimitExceeded,
    TokensAboveQuota,
)
from app.limits.limiter import Limiter
from app.user_limits import UserLimits

from .conftest import FakeClock, MakeLimiter

pytestmark = pytest.mark.anyio

HALF_A_DAY = 43_200


async def spend(limiter: Limiter, limits: UserLimits, times: int, user_id: str = "usr_a") -> None:
    for _ in range(times):
        await (await limiter.admit(user_id, limits)).release()


async def test_of_100_parallel_requests_exactly_10_pass(limiter: Limiter):
    limits = UserLimits(requests_per_minute=10, concurrent_requests=1000)
    outcomes = await asyncio.gather(
        *(limiter.admit("usr_a", limits) for _ in range(100)), return_exceptions=True
    )
    refusals = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(refusals) == 90
    assert all(isinstance(refusal, RateLimitExceeded) for refusal in refusals)
    for outcome in outcomes:
        if not isinstance(outcome, BaseException):
            await outcome.release()


async def test_users_do_not_share_a_window(limiter: Limiter):
    limits = UserLimits(1, 1)
    await spend(limiter, limits, 1, "usr_a")
    await spend(limiter, limits, 1, "usr_b")


async def test_token_with_a_rate_of_its_own_has_a_window_of_its_own(limiter: Limiter):
    of_user = UserLimits(1, 1)
    of_token = of_user.with_token_rate("tok_1", 3)
    await spend(limiter, of_user, 1)
    await spend(limiter, of_token, 3)
    with pytest.raises(RateLimitExceeded) as caught:
        await limiter.admit("usr_a", of_token)
    assert caught.value.headers["RateLimit-Policy"] == '"requests";q=3;w=60'
    await spend(limiter, of_user.with_token_rate("tok_2", 3), 1)
    running = await limiter.admit("usr_a", of_user.with_token_rate("tok_2", 3))
    with pytest.raises(ConcurrencyLimitExceeded):  # slots are the user's
        await limiter.admit("usr_a", of_user.with_token_rate("tok_3", 3))
    await running.give_back()
    await spend(limiter, of_user.with_token_rate("tok_2", 3), 2)


async def test_the_window_moves_with_each_entry(limiter: Limiter, clock: FakeClock):
    limits = UserLimits(2, 2)
    await spend(limiter, limits, 1)
    clock.advance(40)
    await spend(limiter, limits, 1)
    clock.advance(21)  # the first is no longer in the window, the second is
    await spend(limiter, limits, 1)
    with pytest.raises(RateLimitExceeded):
        await limiter.admit("usr_a", limits)


async def test_headers_say_what_is_left(limiter: Limiter, clock: FakeClock):
    limits = UserLimits(10, 2)
    first = await limiter.admit("usr_a", limits)
    assert first.headers == {
        "RateLimit-Policy": '"requests";q=10;w=60',
        "RateLimit": '"requests";r=9;t=60',
    }
    clock.advance(20.5)
    second = await limiter.admit("usr_a", limits)
    assert second.headers["RateLimit"] == '"requests";r=8;t=40'
    await first.release()
    await second.release()


async def test_a_refusal_for_running_requests_says_how_long_they_take(limiter: Limiter, clock: FakeClock):
    limits = UserLimits(requests_per_minute=1000, concurrent_requests=2)
    for _ in range(80):
        admission = await limiter.admit("ann", limits)
        clock.advance(30)
        await admission.release()
    running = [await limiter.admit("ann", limits) for _ in range(2)]
    with pytest.raises(ConcurrencyLimitExceeded) as refusal:
        await limiter.admit("ann", limits)
    assert refusal.value.retry_after_seconds == 15, "two run, so one ends twice as often"
    for admission in running:
        await admission.release()


async def test_a_refusal_says_when_to_retry(limiter: Limiter, clock: FakeClock):
    limits = UserLimits(1, 2)
    await spend(limiter, limits, 1)
    clock.advance(12.25)
    with pytest.raises(RateLimitExceeded) as refusal:
        await limiter.admit("usr_a", limits)
    assert refusal.value.retry_after_seconds == 48
    assert refusal.value.headers["RateLimit"] == '"requests";r=0;t=48'
    clock.advance(48)
    await spend(limiter, limits, 1)


async def test_a_refused_request_spends_nothing_of_the_window(limiter: Limiter, clock: FakeClock):
    limits = UserLimits(1, 2)
    await spend(limiter, limits, 1)
    for _ in range(5):
        clock.advance(10)
        with pytest.raises(RateLimitExceeded):
            await limiter.admit("usr_a", limits)
    clock.advance(10.5)  # a minute after the admitted one
    await spend(limiter, limits, 1)


async def test_running_requests_are_bounded(limiter: Limiter):
    limits = UserLimits(10, 2)
    first, second = [await limiter.admit("usr_a", limits) for _ in range(2)]
    with pytest.raises(ConcurrencyLimitExceeded) as refusal:
        await limiter.admit("usr_a", limits)
    assert refusal.value.retry_after_seconds == 1
    assert refusal.value.headers["RateLimit"] == '"requests";r=8;t=60'
    await first.release()
    third = await limiter.admit("usr_a", limits)
    assert third.headers["RateLimit"] == '"requests";r=7;t=60'
    await second.release()
    await third.release()


async def test_a_request_refused_by_the_window_holds_no_slot(limiter: Limiter, clock: FakeClock):
    await spend(limiter, UserLimits(1, 1), 1)
    with pytest.raises(RateLimitExceeded):
        await limiter.admit("usr_a", UserLimits(1, 1))
    clock.advance(61)
    await spend(limiter, UserLimits(1, 1), 1)


async def test_releasing_twice_frees_one_slot(limiter: Limiter):
    limits = UserLimits(10, 2)
    first, second = [await limiter.admit("usr_a", limits) for _ in range(2)]
    await first.release()
    await first.release()
    await first.give_back()
    third = await limiter.admit("usr_a", limits)
    with pytest.raises(ConcurrencyLimitExceeded):
        await limiter.admit("usr_a", limits)
    await second.release()
    await third.release()


async def test_what_is_given_back_was_never_spent(limiter: Limiter, clock: FakeClock):
    limits = UserLimits(2, 2)
    kept = await limiter.admit("usr_a", limits)
    clock.advance(1)
    await (await limiter.admit("usr_a", limits)).give_back()
    clock.advance(1)
    again = await limiter.admit("usr_a", limits)
    assert again.headers["RateLimit"] == '"requests";r=0;t=58'
    await kept.release()
    await again.release()


async def test_a_request_gives_back_its_own_entry(limiter: Limiter, clock: FakeClock):
    limits = UserLimits(2, 2)
    older = await limiter.admit("usr_a", limits)
    clock.advance(30)
    newer = await limiter.admit("usr_a", limits)
    await older.give_back()
    clock.advance(31)  # the older would be out of the window by now; the newer is in it
    again = await limiter.admit("usr_a", limits)
    assert again.headers["RateLimit"] == '"requests";r=0;t=29'
    await newer.release()
    await again.release()


async def test_the_daily_quota_counts_what_was_used(limiter: Limiter):
    limits = UserLimits(100, 2, daily_tokens=100)
    admission = await limiter.admit("usr_a", limits)
    await admission.reserve_tokens(90)
    await admission.release(tokens_used=60)
    admission = await limiter.admit("usr_a", limits)
    await admission.reserve_tokens(40)
    await admission.release(tokens_used=40)
    with pytest.raises(DailyTokensExceeded) as refusal:
        await limiter.admit("usr_a", limits)
    assert refusal.value.retry_after_seconds == HALF_A_DAY
    assert refusal.value.headers["RateLimit"] == '"requests";r=98;t=60'


async def test_tokens_reserved_by_running_requests_are_not_left_for_others(limiter: Limiter):
    limits = UserLimits(100, 3, daily_tokens=100)
    first = await limiter.admit("usr_a", limits)
    second = await limiter.admit("usr_a", limits)
    await first.reserve_tokens(70)
    with pytest.raises(DailyTokensExceeded):
        await second.reserve_tokens(31)
    third = await limiter.admit("usr_a", limits)
    await third.reserve_tokens(30)
    with pytest.raises(DailyTokensExceeded):
        await limiter.admit("usr_a", limits)
    await first.release()
    await third.release()


async def test_a_reservation_says_what_is_left_for_its_request(limiter: Limiter):
    limits = UserLimits(100, 3, daily_tokens=100)
    first = await limiter.admit("usr_a", limits)
    assert await first.reserve_tokens(10) == 100
    second = await limiter.admit("usr_a", limits)
    assert await second.reserve_tokens(20) == 90
    assert await first.reserve_tokens(30) == 80, "its own are replaced"
    await first.release(tokens_used=40)
    assert await second.reserve_tokens(20) == 60
    await second.release()
    without = await limiter.admit("usr_b", UserLimits(100, 3))
    assert await without.reserve_tokens(10) is None
    await without.release()


async def test_a_refused_reservation_gives_everything_back(limiter: Limiter):
    limits = UserLimits(3, 1, daily_tokens=101)
    await (await limiter.admit("usr_a", limits)).release(tokens_used=1)
    for _ in range(3):
        admission = await limiter.admit("usr_a", limits)
        with pytest.raises(DailyTokensExceeded) as refusal:
            await admission.reserve_tokens(101)
        assert refusal.value.headers["RateLimit"] == '"requests";r=2;t=60'
        await admission.release(tokens_used=50)  # does nothing: it no longer holds anything
    admission = await limiter.admit("usr_a", limits)
    await admission.reserve_tokens(100)
    assert admission.headers["RateLimit"] == '"requests";r=1;t=60'
    await admission.release()


async def test_more_than_a_whole_quota_can_never_be_reserved(limiter: Limiter):
    limits = UserLimits(100, 1, daily_tokens=100)
    admission = await limiter.admit("usr_a", limits)
    with pytest.raises(TokensAboveQuota, match="up to 101 tokens, more than the daily token quota of 100"):
        await admission.reserve_tokens(101)
    await admission.release()
    admission = await limiter.admit("usr_a", limits)
    await admission.reserve_tokens(100)
    await admission.release()


async def test_a_second_reservation_replaces_the_first(limiter: Limiter):
    limits = UserLimits(100, 2, daily_tokens=100)
    admission = await limiter.admit("usr_a", limits)
    await admission.reserve_tokens(60)
    await admission.reserve_tokens(100)
    await admission.release()
    await spend(limiter, limits, 1)


async def test_a_user_without_a_quota_may_reserve_any_number_of_tokens(limiter: Limiter):
    admission = await limiter.admit("usr_a", UserLimits(10, 2))
    await admission.reserve_tokens(10**9)
    await admission.release(tokens_used=10**9)
    await spend(limiter, UserLimits(10, 2), 1)


async def test_the_quota_starts_again_with_the_utc_day(limiter: Limiter, clock: FakeClock):
    limits = UserLimits(100, 2, daily_tokens=100)
    over_midnight = await limiter.admit("usr_a", limits)
    await over_midnight.reserve_tokens(100)
    clock.advance(HALF_A_DAY)
    today = await limiter.admit("usr_a", limits)
    await today.reserve_tokens(100)
    await over_midnight.release(tokens_used=100)  # counts for the day that admitted it
    await today.release(tokens_used=99)
    await spend(limiter, limits, 1)


async def test_the_quota_starts_from_the_usage_table(make_limiter: MakeLimiter):
    read_for: list[str] = []

    async def tokens_used_today(user_id: str) -> int:
        read_for.append(user_id)
        return 90

    limiter = make_limiter(tokens_used_today)
    limits = UserLimits(100, 2, daily_tokens=100)
    admission = await limiter.admit("usr_a", limits)
    with pytest.raises(DailyTokensExceeded):
        await admission.reserve_tokens(11)
    admission = await limiter.admit("usr_a", limits)
    await admission.reserve_tokens(10)
    await admission.release(tokens_used=10)
    with pytest.raises(DailyTokensExceeded):
        await limiter.admit("usr_a", limits)
    assert read_for == ["usr_a"]


async def test_the_usage_table_is_not_read_for_users_without_a_quota(make_limiter: MakeLimiter):
    async def tokens_used_today(user_id: str) -> int:
        raise AssertionError("read")

    await spend(make_limiter(tokens_used_today), UserLimits(10, 2), 1)


async def test_the_quota_starts_from_zero_while_the_database_is_unavailable(make_limiter: MakeLimiter):
    async def tokens_used_today(user_id: str) -> int:
        raise DatabaseUnavailable

    limits = UserLimits(10, 2, daily_tokens=100)
    admission = await make_limiter(tokens_used_today).admit("usr_a", limits)
    await admission.reserve_tokens(100)
    await admission.release()


async def test_a_limiter_that_works_is_not_degraded(limiter: Limiter):
    await spend(limiter, UserLimits(10, 2), 1)
    assert not limiter.is_degraded


@pytest.mark.parametrize("step", [-3600, 24 * 3600, -24 * 3600])
async def test_window_starts_again_at_most_when_the_clock_jumps(
    limiter: Limiter, clock: FakeClock, step: int
) -> None:
    limits = UserLimits(3, 10)
    await spend(limiter, limits, 3)
    clock.advance(step)
    await spend(limiter, limits, 3)
    with pytest.raises(RateLimitExceeded) as refusal:
        await limiter.admit("usr_a", limits)
    assert refusal.value.retry_after_seconds is not None
    assert refusal.value.retry_after_seconds <= 60
    clock.advance(-step)
    await spend(limiter, limits, 3)


async def test_small_step_back_of_the_clock_does_not_start_the_window_again(
    limiter: Limiter, clock: FakeClock
) -> None:
    limits = UserLimits(3, 10)
    await spend(limiter, limits, 1)
    clock.advance(20)
    await spend(limiter, limits, 2)
    clock.advance(-5)
    with pytest.raises(RateLimitExceeded):
        await limiter.admit("usr_a", limits)


@pytest.mark.parametrize("step", [-3600, 24 * 3600])
async def test_running_requests_are_counted_after_the_clock_has_jumped(
    limiter: Limiter, clock: FakeClock, step: int
) -> None:
    limits = UserLimits(100, 2)
    admissions = [await limiter.admit("usr_a", limits) for _ in range(2)]
    clock.advance(step)
    for admission in admissions:
        await admission.release()
    admissions = [await limiter.admit("usr_a", limits) for _ in range(2)]
    with pytest.raises(ConcurrencyLimitExceeded):
        await limiter.admit("usr_a", limits)
    for admission in admissions:
        await admission.release()


@pytest.mark.parametrize("step", [-3600, 24 * 3600])
async def test_quota_starts_again_at_most_when_the_clock_jumps(
    make_limiter: MakeLimiter, clock: FakeClock, step: int
) -> None:
    """As the usage table has it: used tokens belong to the day that the clock showed."""
    day = clock() // 86_400
    used: dict[float, int] = {}

    async def tokens_used_today(user_id: str) -> int:
        return used.get(clock() // 86_400, 0)

    limiter, limits = make_limiter(tokens_used_today), UserLimits(100, 10, daily_tokens=10)

    async def use(tokens: int) -> None:
        admission = await limiter.admit("usr_a", limits)
        await admission.reserve_tokens(tokens)
        await admission.release(tokens)
        used[clock() // 86_400] = used.get(clock() // 86_400, 0) + tokens

    await use(4)
    clock.advance(step)
    await use(6)
    clock.advance(-step)
    left = 10 - used[day]
    if left:
        await use(left)
    with pytest.raises(DailyTokensExceeded):
        await limiter.admit("usr_a", limits)
