"""Another gateway process, for tests: admits one user many times at once and says how many passed.

Arguments: Redis URL, number of requests. Prints "ready", waits for a line, prints the number.
"""

import asyncio
import sys

from redis.asyncio import Redis

from app.errors import RateLimitExceeded
from app.limits.policy import LimitPolicy
from app.limits.redis.circuit_breaker import CircuitBreaker
from app.limits.redis.limiter import RedisLimiter


async def main(redis_url: str, requests: int) -> None:
    client = Redis.from_url(redis_url)
    breaker = CircuitBreaker(client, timeout_seconds=30.0)
    limiter = RedisLimiter(client, breaker)
    policy = LimitPolicy(requests_per_minute=10, concurrent_requests=1000)
    await client.ping()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    outcomes = await asyncio.gather(
        *(limiter.admit("usr_shared", policy) for _ in range(requests)), return_exceptions=True
    )
    refused = sum(isinstance(outcome, RateLimitExceeded) for outcome in outcomes)
    for outcome in outcomes:
        if not isinstance(outcome, BaseException):
            await outcome.release()
        elif not isinstance(outcome, RateLimitExceeded):
            raise outcome
    print(requests - refused, flush=True)
    await limiter.aclose()
    await breaker.aclose()
    await client.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
