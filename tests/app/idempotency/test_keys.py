"""One run for each key, over several gateways, restarts and outages of the database."""

import asyncio

import pytest

from app.errors import IdempotencyKeyReused, IdempotencyUnavailable, ResponseNotStored
from app.idempotency.key import IdempotencyKey
from app.idempotency.keys import IdempotencyKeys, KeyedRequest, Run
from app.idempotency.sealed_response import StoredResponse
from app.persistence.database import Database
from app.persistence.migrations import upgrade_database
from testbed.servers import PostgresServer

from .conftest import MakeKeys

pytestmark = pytest.mark.anyio

RESPONSE = StoredResponse(200, (("content-type", "application/json"),), b'{"content": "a secret"}')


def request_of(body: str = "body", user_id: str = "usr_alice", key: str = "random-key") -> KeyedRequest:
    made = IdempotencyKey.of([key], user_id)
    return KeyedRequest(made, made.fingerprint(body.encode()))


async def finished(keys: IdempotencyKeys, response: StoredResponse | None = RESPONSE) -> KeyedRequest:
    run = Run(request_of(), "run")
    assert await keys.claim(run)
    await keys.finish(run, response)
    return run.request


async def until_stored(keys: IdempotencyKeys) -> None:
    while keys.unstored:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0.001)


async def test_of_concurrent_requests_to_two_gateways_one_runs(
    database: Database, make_keys: MakeKeys
) -> None:
    gateways = [make_keys(database), make_keys(database)]
    runs = [Run(request_of(), f"run{number}") for number in range(20)]
    claims = await asyncio.gather(*(gateways[number % 2].claim(run) for number, run in enumerate(runs)))
    assert sum(claims) == 1
    assert await gateways[0].find(request_of()) == f"run{claims.index(True)}"


async def test_response_is_found_by_another_gateway_after_a_restart(
    database: Database, make_keys: MakeKeys
) -> None:
    request = await finished(make_keys(database))
    assert await make_keys(database).find(request) == RESPONSE


async def test_other_body_is_refused_and_other_users_are_independent(
    database: Database, make_keys: MakeKeys
) -> None:
    keys = make_keys(database)
    await finished(keys)
    with pytest.raises(IdempotencyKeyReused):
        await keys.find(request_of("another body"))
    assert await keys.find(request_of(user_id="usr_bob")) is None
    assert await keys.find(request_of(key="another-key")) is None


async def test_failed_request_releases_its_key(database: Database, make_keys: MakeKeys) -> None:
    keys = make_keys(database)
    run = Run(request_of(), "failed")
    assert await keys.claim(run)
    await keys.release(run)
    assert await keys.find(request_of()) is None
    assert await keys.claim(Run(request_of("another body"), "second"))


async def test_key_of_a_killed_gateway_is_free_after_its_lease_and_of_a_living_one_is_not(
    database: Database, make_keys: MakeKeys
) -> None:
    killed, living = make_keys(database, lease_seconds=-1), make_keys(database)
    assert await killed.claim(Run(request_of(), "killed"))
    assert await living.claim(Run(request_of(), "second"))
    await living.renew()
    assert not await killed.claim(Run(request_of(), "third"))


async def test_lease_is_renewed_while_the_request_runs(database: Database, make_keys: MakeKeys) -> None:
    keys = make_keys(database, lease_seconds=-1)
    assert await keys.claim(Run(request_of(), "run"))
    assert await keys.find(request_of()) is None
    keys.lease_seconds = 60
    await keys.renew()
    assert await keys.find(request_of()) == "run"


@pytest.mark.parametrize(
    ("settings", "response"),
    [({"responses": "none"}, RESPONSE), ({"max_response_bytes": 5}, RESPONSE), ({}, None)],
)
async def test_retry_learns_that_the_response_is_not_stored(
    database: Database, make_keys: MakeKeys, settings: dict[str, object], response: StoredResponse | None
) -> None:
    keys = make_keys(database, **settings)
    request = await finished(keys, response)
    with pytest.raises(ResponseNotStored):
        await keys.find(request)
    assert not await keys.claim(Run(request, "second"))


async def test_responses_beyond_the_bound_are_deleted_and_their_keys_stay(
    database: Database, make_keys: MakeKeys
) -> None:
    keys = make_keys(database, max_stored_bytes=0)
    request = await finished(keys)
    assert await keys.find(request) == RESPONSE
    await keys.clean()
    with pytest.raises(ResponseNotStored):
        await keys.find(request)


async def test_cancelled_claim_leaves_no_key(database: Database, make_keys: MakeKeys) -> None:
    """Also if the database commits it: 40 are cancelled at different points."""
    keys = make_keys(database)
    for passes in range(40):
        claim = asyncio.create_task(keys.claim(Run(request_of(key=f"key{passes}"), "run")))
        for _ in range(passes):
            await asyncio.sleep(0)
        claim.cancel()
        is_claimed = (await asyncio.gather(claim, return_exceptions=True))[0] is True
        await until_stored(keys)
        assert (await keys.find(request_of(key=f"key{passes}")) == "run") == is_claimed


@pytest.mark.servers
async def test_without_a_database_nothing_runs_and_what_ended_is_stored_later(
    postgres_server: PostgresServer, postgres_url: str, make_keys: MakeKeys
) -> None:
    await upgrade_database(postgres_url)
    database = Database(postgres_url)
    keys = make_keys(database)
    succeeded, failed = Run(request_of(), "succeeded"), Run(request_of(key="another-key"), "failed")
    assert await keys.claim(succeeded)
    assert await keys.claim(failed)
    postgres_server.stop()
    endings = [
        asyncio.create_task(keys.finish(succeeded, RESPONSE)),
        asyncio.create_task(keys.release(failed)),
    ]
    with pytest.raises(IdempotencyUnavailable):
        await keys.claim(Run(request_of(key="new"), "new"))
    with pytest.raises(IdempotencyUnavailable):
        await keys.find(succeeded.request)
    postgres_server.start()
    await asyncio.gather(*endings)
    await until_stored(keys)
    assert await keys.find(succeeded.request) == RESPONSE
    assert await keys.find(failed.request) is None
    assert await keys.find(request_of(key="new")) is None
    await database.aclose()
