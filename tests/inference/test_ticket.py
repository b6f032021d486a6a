"""A ticket's states follow from what happens to its request."""

import asyncio
import itertools

import pytest

from inference.errors import GenerationFailed
from inference.ticket import ABORTED, BEGUN, REPLAYABLE, TRANSITIONS, Ticket, TicketState
from inference.types import Delta, Usage

BEGINNING = Delta(usage=Usage(1, 0))
TEXT = Delta("a")
REASONING = Delta(reasoning="a")
END = Delta(finish_reason="stop")

S = TicketState


@pytest.fixture
def ticket(make_request) -> Ticket:
    return Ticket(0, make_request())


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], S.QUEUED),
        ([BEGINNING], S.RUNNING),
        ([BEGINNING, BEGINNING], S.RUNNING),
        ([BEGINNING, TEXT], S.STREAMING),
        ([BEGINNING, REASONING, TEXT], S.STREAMING),
        ([TEXT], S.STREAMING),
        ([END], S.ENDED),
        ([BEGINNING, TEXT, END], S.ENDED),
        ([GenerationFailed()], S.ENDED),
        ([BEGINNING, GenerationFailed()], S.ENDED),
    ],
)
def test_events_move_a_ticket(ticket: Ticket, events: list[Delta], state: TicketState) -> None:
    for event in events:
        ticket.put(event)
    assert ticket.state is state
    assert ticket.is_released.is_set() == (state is S.ENDED)
    assert len(ticket.events) == len(events)


@pytest.mark.parametrize("event", [BEGINNING, TEXT])
def test_a_replay_that_has_begun_is_not_replayed_again(ticket: Ticket, event: Delta) -> None:
    ticket.move(S.REQUEUED)
    ticket.put(event)
    assert ticket.state is S.STREAMING
    assert ticket.state not in REPLAYABLE


@pytest.mark.parametrize(
    ("events", "state"), [([], S.WITHDRAWN), ([BEGINNING], S.STOPPING), ([BEGINNING, TEXT], S.STOPPING)]
)
def test_an_aborted_ticket_counts_as_it_did_before(
    ticket: Ticket, events: list[Delta], state: TicketState
) -> None:
    for event in events:
        ticket.put(event)
    had_begun = ticket.has_begun
    ticket.abort()
    ticket.abort()
    assert ticket.state is state
    assert ticket.has_begun == had_begun
    ticket.put(TEXT)
    assert ticket.state is S.STOPPING
    ticket.put(END)
    assert ticket.state is S.ENDED


@pytest.mark.parametrize(("old", "new"), list(itertools.permutations(TicketState, 2)))
def test_only_the_listed_transitions_are_allowed(ticket: Ticket, old: TicketState, new: TicketState) -> None:
    ticket.state = old
    if new in TRANSITIONS[old]:
        ticket.move(new)
        assert ticket.state is new
    else:
        with pytest.raises(AssertionError):
            ticket.move(new)
        assert ticket.state is old


def test_every_state_can_be_reached_and_leads_to_the_end() -> None:
    reached = {S.QUEUED}
    for _ in TicketState:
        reached |= {new for old in reached for new in TRANSITIONS[old]}
    assert reached == set(TicketState)
    assert all(S.ENDED in TRANSITIONS[state] for state in TicketState if state is not S.ENDED)
    assert not TRANSITIONS[S.ENDED]


def test_a_released_ticket_ends_for_its_caller_with_the_newest_usage(ticket: Ticket) -> None:
    ticket.put(Delta("a", usage=Usage(3, 1)))
    ticket.put(TEXT)
    ticket.abort()
    ticket.release()
    assert ticket.is_released.is_set()
    assert ticket.state is S.STOPPING
    assert asyncio.run(read_last(ticket)) == Delta(finish_reason="deadline", usage=Usage(3, 1))


async def read_last(ticket: Ticket) -> object:
    while len(ticket.events) > 1:
        await ticket.events.get()
    return await ticket.events.get()


def test_an_aborted_or_begun_replay_is_not_replayable() -> None:
    assert not REPLAYABLE & ABORTED
    assert not BEGUN & {S.QUEUED, S.REQUEUED, S.PARKED, S.WITHDRAWN}
