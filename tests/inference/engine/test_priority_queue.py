"""The order of the queue that the scheduler, the pool and others share."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from inference.engine.priority_queue import BATCH_SHARE, PriorityQueue
from inference.types import GenerationRequest, Priority


@dataclass(frozen=True, eq=False)
class Item:
    name: str
    request: GenerationRequest
    prompt_tokens: int = 1


def item(name: str, user: str = "ann", priority: Priority = "interactive") -> Item:
    return Item(name, GenerationRequest("", (), fairness_key=user, priority=priority))


def pop_all(queue: PriorityQueue[Item]) -> list[Item]:
    popped = []
    while (priority := queue.next_priority) is not None:
        first = queue.peek(priority)
        assert queue.pop(priority) is first
        popped.append(first)
    return popped


def test_one_of_eight_is_batch_while_both_wait() -> None:
    queue = PriorityQueue[Item]()
    for index in range(20):
        queue.push(item(f"i{index}"))
        queue.push(item(f"b{index}", priority="batch"))
    order = [each.request.priority for each in pop_all(queue)]
    turn = ["interactive"] * (BATCH_SHARE - 1) + ["batch"]
    assert order == turn * 2 + ["interactive"] * 6 + ["batch"] * 18


arrivals = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["interactive", "batch"]), st.integers(0, 2)),
    max_size=40,
)


@given(arrivals)
def test_the_order_is_foreseen(arrivals: list[tuple[str, Priority, int]]) -> None:
    queue, mirror = PriorityQueue[Item](), PriorityQueue[Item]()
    for number, (user, priority, pops) in enumerate(arrivals):
        added = item(str(number), user, priority)
        queue.push(added)
        mirror.push(added)
        for _ in range(min(pops, len(queue))):
            assert queue.next_priority is not None
            mirror.take(queue.pop(queue.next_priority))
    foreseen = [list(queue.in_order()), list(mirror.in_order())]
    assert [pop_all(queue)] * 2 == foreseen
    assert queue.prompt_tokens == 0
