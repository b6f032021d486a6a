"""Another gateway process, for tests: admits one user many times at once and prints how many were admitted.

Arguments: Redis URL, number of requests. Prints "ready", waits for a line, prints the number.
"""

import asyncio
import sys

from redis.asyncio import Redis

from app.errors import RateLimitExceeded
from app.limits.redis.limiter import RedisLimiter
from app.redis.circuit_breaker import CircuitBreaker
from app.redis.shared_redis import SharedRedis
from app.user_limits import UserLimits


async def main(redis_url: str, requests: int) -> None:
    client = Redis.from_url(redis_url)
    redis = SharedRedis(redis_url, client, CircuitBreaker(client, timeout_seconds=30.0))
    limiter = RedisLimiter(redis)
    limits = UserLimits(requests_per_minute=10, concurrent_requests=1000)
    await client.ping()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    outcomes = await asyncio.gather(
        *(limiter.admit("usr_shared", limits) for _ in range(requests)), return_exceptions=True
    )
    refused = sum(isinstance(outcome, RateLimitExceeded) for outcome in outcomes)
    for outcome in outcomes:
        if not isinstance(outcome, BaseException):
            await outcome.release()
        elif not isinstance(outcome, RateLimitExceeded):
            raise outcome
    print(requests - refused, flush=True)
    await limiter.aclose()
    await redis.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
