"""The order of requests. The scheduler runs alone, with made-up tokens instead of a model's."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.engine.kv_cache import BlockAllocator, blocks_for
from inference.engine.scheduler import Chunk, Scheduler
from inference.engine.sequence import Sequence
from inference.engine.text_stream import TextStream
from inference.models.prompt import EncodedPrompt
from inference.types import GenerationRequest, Priority, SamplingParams

BLOCK_SIZE = 4


def make_sequence(
    key: int, prompt: list[int], max_tokens: int = 4, user: str = "", priority: Priority = "interactive"
) -> Sequence:
    request = GenerationRequest("", (), SamplingParams(max_tokens), fairness_key=user, priority=priority)
    text_stream = TextStream(lambda token_id: b"", (), is_reasoning=False)
    return Sequence(key, request, EncodedPrompt(tuple(prompt)), text_stream, BLOCK_SIZE)


@dataclass
class Simulation:
    """Steps a scheduler; every sampled token is 7; a sequence ends at its max_tokens."""

    num_blocks: int = 64
    max_running: int = 4
    chunk_tokens: int = 16

    def __post_init__(self) -> None:
        self.allocator = BlockAllocator(self.num_blocks)
        self.scheduler = Scheduler(self.allocator, BLOCK_SIZE, self.max_running, self.chunk_tokens)
        self.finished: list[int] = []

    def add(self, *sequences: Sequence) -> None:
        for sequence in sequences:
            self.scheduler.add(sequence)

    def step(self) -> list[Chunk]:
        chunks = self.scheduler.schedule()
        for chunk in chunks:
            sequence = chunk.sequence
            self.scheduler.advance(chunk)
            if chunk.end == len(sequence.token_ids):
                sequence.token_ids.append(7)
                if sequence.output_tokens == sequence.request.sampling_params.max_tokens:
                    self.scheduler.remove(sequence)
                    self.finished.append(sequence.key)
        return chunks

    def run(self, max_steps: int = 10_000) -> None:
        for _ in range(max_steps):
            if not self.scheduler.has_work:
                return
            assert self.step(), "nothing is scheduled, although there is work"
        raise AssertionError("somebody does not finish")


def lengths(chunks: list[Chunk]) -> dict[int, int]:
    return {chunk.sequence.key: chunk.end - chunk.start for chunk in chunks}


def test_sequences_join_and_leave_a_running_batch() -> None:
    simulation = Simulation()
    simulation.add(make_sequence(0, [1, 2, 3], max_tokens=2), make_sequence(1, [4, 5], max_tokens=4))
    assert lengths(simulation.step()) == {0: 3, 1: 2}
    simulation.add(make_sequence(2, [6, 6, 6]))
    assert lengths(simulation.step()) == {0: 1, 1: 1, 2: 3}
    assert lengths(simulation.step()) == {1: 1, 2: 1}


def test_a_long_prompt_is_cut_and_delays_decoding_by_no_more_than_a_chunk() -> None:
    simulation = Simulation(chunk_tokens=8)
    simulation.add(make_sequence(0, [1], max_tokens=20))
    simulation.step()
    simulation.add(make_sequence(1, [2] * 30))
    steps = [lengths(simulation.step()) for _ in range(5)]
    assert all(step[0] == 1 for step in steps)
    assert all(sum(step.values()) <= 8 for step in steps)
    assert [step[1] for step in steps] == [7, 7, 7, 7, 2]


def test_tower_work_reduces_the_prefill_budget_while_a_sequence_decodes() -> None:
    simulation = Simulation(chunk_tokens=8)
    simulation.add(make_sequence(0, [1], max_tokens=20))
    simulation.step()
    simulation.add(make_sequence(1, [2] * 30))
    assert lengths(simulation.scheduler.schedule(spent_tokens=2)) == {0: 1, 1: 5}
    assert lengths(simulation.scheduler.schedule(spent_tokens=50)) == {0: 1, 1: 3}, "half at most"


def test_tower_work_does_not_reduce_the_prefill_budget_while_no_sequence_decodes() -> None:
    simulation = Simulation(chunk_tokens=8)
    simulation.add(make_sequence(0, [2] * 30))
    assert lengths(simulation.scheduler.schedule(spent_tokens=50)) == {0: 8}


def test_a_short_prompt_does_not_wait_for_a_long_one() -> None:
    simulation = Simulation(chunk_tokens=8, num_blocks=200)
    simulation.add(make_sequence(0, [1] * 300), make_sequence(1, [2] * 4))
    assert lengths(simulation.step()) == {0: 4, 1: 4}


def test_a_long_prompt_progresses_while_short_ones_arrive() -> None:
    simulation = Simulation(chunk_tokens=8, num_blocks=200, max_running=8)
    simulation.add(make_sequence(0, [1] * 40, max_tokens=1))
    for key in range(1, 60):
        simulation.add(make_sequence(key, [key] * 8, max_tokens=1))
        simulation.step()
    assert 0 in simulation.finished


def test_users_take_turns() -> None:
    simulation = Simulation(max_running=1)
    simulation.add(*(make_sequence(key, [key], max_tokens=1, user="ann") for key in range(4)))
    simulation.add(*(make_sequence(key, [key], max_tokens=1, user="bob") for key in range(10, 12)))
    simulation.run()
    assert simulation.finished == [0, 10, 1, 11, 2, 3]


def test_two_users_of_equal_demand_get_equal_tokens_although_one_came_in_a_burst() -> None:
    simulation = Simulation(max_running=4, num_blocks=400)
    simulation.add(*(make_sequence(key, [key], max_tokens=20, user="ann") for key in range(40)))
    simulation.step()
    simulation.add(*(make_sequence(key, [key], max_tokens=20, user="bob") for key in range(100, 140)))
    for _ in range(20):  # steps before the other arrived do not count
        simulation.step()
    tokens: Counter[str] = Counter()
    for _ in range(200):
        for chunk in simulation.step():
            tokens[chunk.sequence.request.fairness_key] += 1
    assert tokens["ann"] == pytest.approx(tokens["bob"], rel=0.1)


def test_interactive_requests_go_before_batch_ones() -> None:
    simulation = Simulation(max_running=1)
    simulation.add(make_sequence(0, [1], max_tokens=1, priority="batch"))
    simulation.add(make_sequence(1, [2], max_tokens=1))
    simulation.run()
    assert simulation.finished == [1, 0]


def test_batch_requests_take_no_blocks_that_an_interactive_request_waits_for() -> None:
    simulation = Simulation(num_blocks=6)
    simulation.add(make_sequence(0, [1] * 8, max_tokens=4))
    simulation.step()
    interactive, batch = (
        make_sequence(1, [2] * 12, max_tokens=1),
        make_sequence(2, [3], max_tokens=1, priority="batch"),
    )
    simulation.add(interactive, batch)
    while 0 not in simulation.finished:
        simulation.step()
        assert 2 not in simulation.finished
    simulation.run()
    assert sorted(simulation.finished) == [0, 1, 2]


def test_an_interactive_request_takes_the_place_of_the_youngest_batch_request() -> None:
    simulation = Simulation(max_running=2)
    batch = [make_sequence(key, [key], max_tokens=50, priority="batch") for key in range(3)]
    simulation.add(*batch)
    simulation.step()
    simulation.add(make_sequence(10, [9], max_tokens=2))
    assert 10 in lengths(simulation.step())
    assert simulation.scheduler.running[0] is batch[0]
    assert batch[1].output_tokens == 1, "what it wrote so far is not lost"
    simulation.run()
    assert simulation.finished == [10, 0, 1, 2]


def test_an_interactive_request_takes_blocks_of_batch_requests_if_that_is_enough() -> None:
    simulation = Simulation(num_blocks=8, max_running=8)
    batch = make_sequence(0, [1] * 12, max_tokens=8, priority="batch")
    simulation.add(batch)
    simulation.step()
    simulation.add(make_sequence(1, [2] * 20, max_tokens=2))
    assert 1 in lengths(simulation.step())
    assert batch not in simulation.scheduler.running
    simulation.run()
    assert simulation.finished == [1, 0]


def test_no_batch_request_is_preempted_in_vain() -> None:
    simulation = Simulation(num_blocks=12, max_running=8)
    batch = make_sequence(0, [1] * 8, max_tokens=40, priority="batch")
    simulation.add(make_sequence(1, [2] * 20, max_tokens=4), batch)
    simulation.step()
    simulation.add(make_sequence(2, [3] * 40, max_tokens=1))
    simulation.step()
    assert batch in simulation.scheduler.running


@pytest.mark.parametrize("max_running", [1, 4, 16])
def test_batch_requests_get_a_share_under_a_flood_of_interactive_ones(max_running: int) -> None:
    simulation = Simulation(num_blocks=400, max_running=max_running, chunk_tokens=64)
    batch = [make_sequence(key, [key], max_tokens=8, priority="batch") for key in range(400)]
    simulation.add(*batch)
    key = 1000
    for _ in range(600):
        while simulation.scheduler.waiting_prompt_tokens_of("interactive") < 20:
            simulation.add(make_sequence(key, [key], max_tokens=8, user=f"user {key % 5}"))
            key += 1
        simulation.step()
    finished = len([each for each in simulation.finished if each < 1000])
    assert finished / len(simulation.finished) == pytest.approx(1 / 8, rel=0.25)


def test_a_flood_of_batch_requests_does_not_keep_the_places_of_interactive_ones() -> None:
    simulation = Simulation(num_blocks=4000, max_running=8, chunk_tokens=64)
    simulation.add(*(make_sequence(key, [key], 200, f"user {key}", "batch") for key in range(100)))
    steps_to_first_token = []
    for key in range(1000, 1040):  # each preempts for itself, and some let batch keep a place
        sequence = make_sequence(key, [key], max_tokens=3)
        simulation.add(sequence)
        steps = 0
        while not sequence.output_tokens:
            simulation.step()
            steps += 1
        steps_to_first_token.append(steps)
        simulation.step()
    assert set(steps_to_first_token) == {1}
    assert sum(each.keeps_place for each in simulation.scheduler.running) <= 1


def test_interactive_prompts_come_before_those_of_batch_in_a_step() -> None:
    simulation = Simulation(chunk_tokens=16, num_blocks=200)
    simulation.add(make_sequence(0, [1] * 100, priority="batch"))
    simulation.step()
    simulation.add(make_sequence(1, [2] * 100))
    assert lengths(simulation.step()) == {1: 14, 0: 2}


def test_the_youngest_sequence_is_preempted_when_no_block_is_free() -> None:
    simulation = Simulation(num_blocks=5)
    old, young = make_sequence(0, [1] * 8, max_tokens=8), make_sequence(1, [2] * 4, max_tokens=8)
    simulation.add(old, young)
    while young in simulation.scheduler.running or not young.output_tokens:
        simulation.step()
    assert old in simulation.scheduler.running
    assert young.num_blocks == 0
    assert young.output_tokens > 0
    simulation.run()
    assert simulation.finished == [0, 1]
    assert simulation.allocator.num_used == 0


def test_a_preempted_sequence_is_admitted_before_those_that_never_ran() -> None:
    simulation = Simulation(num_blocks=6, max_running=2)
    old, preempted = make_sequence(0, [1] * 8, max_tokens=9), make_sequence(1, [2] * 8, max_tokens=9)
    later = make_sequence(2, [3], max_tokens=1)
    simulation.add(old, preempted)
    simulation.step()
    simulation.add(later)
    while preempted in simulation.scheduler.running:
        simulation.step()
    while preempted not in simulation.scheduler.running:
        assert later.key not in simulation.finished
        simulation.step()


def test_batch_requests_are_preempted_first() -> None:
    simulation = Simulation(num_blocks=6)
    batch = make_sequence(0, [1] * 8, max_tokens=10, priority="batch")
    simulation.add(batch)
    simulation.step()
    simulation.add(make_sequence(1, [2] * 8, max_tokens=10))
    simulation.run()
    assert simulation.finished == [1, 0]


def test_a_cached_prefix_is_not_computed_again() -> None:
    simulation = Simulation()
    prompt = list(range(10))
    simulation.add(make_sequence(0, prompt, user="ann"))
    simulation.run()
    simulation.add(make_sequence(1, prompt, user="ann"))
    assert lengths(simulation.step()) == {1: 2}


def test_a_prefix_of_another_user_is_computed_again() -> None:
    simulation = Simulation()
    prompt = list(range(10))
    simulation.add(make_sequence(0, prompt, user="ann"))
    simulation.run()
    simulation.add(make_sequence(1, prompt, user="bob"))
    assert lengths(simulation.step()) == {1: 10}


def test_the_last_token_of_a_fully_cached_prompt_is_computed() -> None:
    simulation = Simulation()
    simulation.add(make_sequence(0, list(range(8))))
    simulation.run()
    simulation.add(make_sequence(1, list(range(8))))
    assert lengths(simulation.step()) == {1: 4}


def test_a_waiting_sequence_can_be_removed() -> None:
    simulation = Simulation(max_running=1)
    running, waiting = make_sequence(0, [1]), make_sequence(1, [2])
    simulation.add(running, waiting)
    simulation.step()
    simulation.scheduler.remove(waiting)
    assert simulation.scheduler.waiting_prompt_tokens == 0
    simulation.run()
    assert simulation.finished == [0]


Arrival = tuple[int, int, str, Priority, int]  # prompt tokens, max_tokens, user, class, steps before it
arrivals = st.lists(
    st.tuples(
        st.integers(1, 30),
        st.integers(1, 12),
        st.sampled_from(["ann", "bob", "eve"]),
        st.sampled_from(["interactive", "batch"]),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(
    arrivals=arrivals,
    spare_blocks=st.integers(0, 6),
    max_running=st.integers(1, 6),
    chunk_tokens=st.integers(6, 20),
    removals=st.sets(st.integers(0, 11)),
)
def test_every_sequence_finishes_and_no_block_is_lost_or_shared_by_mistake(
    arrivals: list[Arrival], spare_blocks: int, max_running: int, chunk_tokens: int, removals: set[int]
) -> None:
    largest = max(blocks_for(prompt + max_tokens, BLOCK_SIZE) for prompt, max_tokens, *_ in arrivals)
    simulation = Simulation(largest + spare_blocks, max_running, chunk_tokens)
    removed = set()
    for key, (prompt, max_tokens, user, priority, pause) in enumerate(arrivals):
        sequence = make_sequence(key, [key % 2] * prompt, max_tokens, user, priority)
        simulation.add(sequence)
        for _ in range(pause):
            chunks = simulation.step()
            check_step(simulation, chunks)
        if key in removals and key not in simulation.finished:
            simulation.scheduler.remove(sequence)
            removed.add(key)
    while simulation.scheduler.has_work:
        chunks = simulation.step()
        assert chunks
        check_step(simulation, chunks)
    assert sorted([*simulation.finished, *removed]) == list(range(len(arrivals)))
    assert simulation.allocator.num_used == 0
    assert simulation.scheduler.waiting_prompt_tokens == 0


def check_step(simulation: Simulation, chunks: list[Chunk]) -> None:
    running = simulation.scheduler.running
    assert len(running) <= simulation.max_running
    assert sum(chunk.end - chunk.start for chunk in chunks) <= simulation.chunk_tokens
    held = [block for sequence in running for block in sequence.block_table.tolist()]
    assert simulation.allocator.num_used == len(set(held))
    writers: Counter[int] = Counter()
    for sequence in running:
        writers.update(sequence.block_table[sequence.num_published :].tolist())
    published = {block for each in running for block in each.block_table[: each.num_published].tolist()}
    assert all(count == 1 for count in writers.values()), "two sequences write to one block"
    assert not published & set(writers), "a published block is still written to"
