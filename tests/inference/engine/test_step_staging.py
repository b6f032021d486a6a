"""The host's inputs of a step, number by number, with the CPU as the device."""

import numpy as np
import pytest
import torch

from inference.engine.counter_rows import CounterRows
from inference.engine.scheduler import Chunk
from inference.engine.sequence import Sequence
from inference.engine.step_staging import StepStaging
from inference.engine.text_stream import TextStream
from inference.models.cuda.inputs import InputLayout, StepInputs
from inference.models.prompt import EncodedPrompt, multimodal_positions
from inference.types import GenerationRequest, SamplingParams

BLOCK_SIZE = 4
LAYOUT = InputLayout(rows=64, tiles=32, sequences=8, blocks=16, vocab_size=200)


def make_sequence(tokens: int, blocks: list[int], **fields: object) -> Sequence:
    positions = fields.pop("positions", None)
    params = SamplingParams(**({"temperature": 0.0, "max_tokens": 9} | fields))
    stream = TextStream(lambda token_id: b"", (), is_reasoning=False)
    prompt = EncodedPrompt(tuple(range(100, 100 + tokens)), positions=positions)
    sequence = Sequence(0, GenerationRequest("", (), params), prompt, stream, BLOCK_SIZE)
    sequence.append_blocks(blocks)
    return sequence


@pytest.fixture
def inputs() -> StepInputs:
    inputs = StepInputs(LAYOUT, torch.device("cpu"))
    inputs.numbers.fill_(-99)
    return inputs


@pytest.fixture
def counter_rows() -> CounterRows:
    return CounterRows(torch.zeros(3, 200, dtype=torch.int32))


@pytest.fixture
def staging(inputs: StepInputs, counter_rows: CounterRows) -> StepStaging:
    return StepStaging(inputs, counter_rows)


def part(inputs: StepInputs, name: str, count: int) -> list[int]:
    return inputs.part(name)[:count].tolist()


def test_a_decode_writes_its_token_or_the_row_that_drew_it(inputs: StepInputs, staging: StepStaging) -> None:
    known, ahead = make_sequence(5, [7, 3]), make_sequence(8, [1, 2, 9], temperature=0.7, seed=5, top_k=3)
    staging.write_decode([Chunk(known, 4, 5), Chunk(ahead, 8, 9)], 4, {ahead: 6})
    assert part(inputs, "ids", 4) == [104, -7, 0, 0]
    assert part(inputs, "lengths", 4) == [5, 9, 0, 0]
    positions = inputs.part("positions").view(3, -1)[:, :2]
    assert positions.tolist() == [[4, 8]] * 3
    assert part(inputs, "table_stride", 1) == [3]
    assert part(inputs, "tables", 6)[:2] == [7, 3]
    assert part(inputs, "tables", 6)[3:] == [1, 2, 9]
    sampling = inputs.sampling
    assert sampling.temperatures[:4].tolist() == pytest.approx([0, 0.7, 0, 0])
    assert sampling.uniforms[1].item() == pytest.approx(ahead.draw_uniform())
    assert sampling.top_k[:2].tolist() == [0, 3]
    assert part(inputs, "prefill_ids", 1) == [-99], "a decode copies nothing of a prefill"


def test_the_random_number_of_a_token_in_flight_depends_on_its_position() -> None:
    sequence = make_sequence(3, [0], seed=1, temperature=1.0)
    first = sequence.draw_uniform()
    sequence.num_in_flight = 1
    ahead = sequence.draw_uniform()
    sequence.num_in_flight = 0
    sequence.token_ids.append(1)
    assert sequence.draw_uniform() == ahead != first


def test_positions_after_a_picture_continue_from_its_longer_side(
    inputs: StepInputs, staging: StepStaging
) -> None:
    sequence = make_sequence(8, [0, 1, 2], positions=multimodal_positions(8, [(1, 2, 3)]))
    sequence.token_ids += [1, 2]
    staging.write_decode([Chunk(sequence, 9, 10)], 1, {})
    assert inputs.part("positions").view(3, -1)[:, 0].tolist() == [6, 6, 6]  # 0, 1 to 3, 4, 5, 6
    staging.write_prefill([Chunk(sequence, 2, 9)], 8, 8, 4)
    expected = [[1, 1, 1, 1, 1, 4, 5], [1, 1, 2, 2, 2, 4, 5], [2, 3, 1, 2, 3, 4, 5]]
    assert inputs.part("prefill_positions").view(3, -1)[:, :7].tolist() == expected


def test_tiles_with_most_keys_come_first_in_a_prefill(inputs: StepInputs, staging: StepStaging) -> None:
    prompt, chunk = make_sequence(6, [4, 5]), make_sequence(12, [8, 6, 7])
    staging.write_prefill([Chunk(prompt, 0, 6), Chunk(chunk, 9, 12)], 16, 8, 4)
    assert part(inputs, "prefill_ids", 9) == [100, 101, 102, 103, 104, 105, 109, 110, 111]
    assert part(inputs, "slots", 16) == [16, 17, 18, 19, 20, 21, 29, 30, 31] + [-1] * 7
    names = ("tile_sequences", "tile_rows", "tile_counts", "tile_places")
    tiles = np.array([part(inputs, name, 3) for name in names]).T.tolist()
    assert tiles == [[1, 6, 3, 9], [0, 4, 2, 4], [0, 0, 4, 0]]
    assert part(inputs, "tile_counts", 8)[3:] == [0] * 5
    assert part(inputs, "table_stride", 1) == [3]
    assert [part(inputs, "tables", 6)[index] for index in (0, 1, 3, 4, 5)] == [4, 5, 8, 6, 7]


def test_only_the_sampled_rows_are_picked(inputs: StepInputs, staging: StepStaging) -> None:
    sequences = [make_sequence(6, [4, 5], temperature=0.5), make_sequence(3, [1], top_p=0.5, temperature=1.0)]
    staging.write_picked(sequences, [5, 8], 4)
    assert part(inputs, "picked", 4) == [5, 8, 0, 0]
    assert inputs.sampling.top_p[:2].tolist() == [1.0, 0.5]


def test_token_counts_follow_a_sequence_through_repeated_steps(
    inputs: StepInputs, staging: StepStaging, counter_rows: CounterRows
) -> None:
    counts = counter_rows.counts
    sequences = [make_sequence(3, [index], frequency_penalty=0.5) for index in range(3)]
    sequences[1].token_ids += [7, 7, 9]
    staging.write_picked(sequences, [0, 1, 2], 4)
    rows = inputs.sampling.counters[:3].tolist()
    assert sorted(rows) == [0, 1, 2]
    assert (counts[rows[1], 7], counts[rows[1], 9], counts.sum()) == (2, 1, 3)
    counts[rows[1], 9] += 1  # what the device does when it draws
    sequences[1].token_ids.append(9)
    staging.write_picked(sequences, [0, 1, 2], 4)
    assert counts[rows[1], 9] == 2, "counted once"
    staging.write_picked(sequences[1:2], [1], 4)
    assert counts[rows[1], 9] == 2, "a repeated step counts again"
    newcomer = make_sequence(3, [5], frequency_penalty=0.1)
    staging.write_picked([newcomer, *sequences[1:]], [0, 1, 2], 4)
    assert inputs.sampling.counters[:3].tolist() == [rows[0], *rows[1:]], (
        "a sequence that is in no step loses its row"
    )
    assert counts[rows[0]].sum() == 0
    sequences[0].token_ids.append(8)
    staging.write_picked([sequences[0]], [0], 4)
    assert counts[inputs.sampling.counters[0], 8] == 1, "its tokens are counted again when it returns"


def test_devices_that_share_the_layers_get_the_same_inputs(
    inputs: StepInputs, counter_rows: CounterRows
) -> None:
    more = [StepInputs(LAYOUT, torch.device("cpu")) for _ in range(2)]
    staging = StepStaging(inputs, counter_rows, tuple(more))
    staging.write_decode([Chunk(make_sequence(5, [7, 3], temperature=0.5, seed=1), 4, 5)], 1, {})
    start = LAYOUT.offsets()["ids"]
    end = LAYOUT.offsets()["tables"] + 2
    for each in more:
        assert torch.equal(each.numbers[start:end], inputs.numbers[start:end])
        assert each.part("lengths")[0] == 5


class Guided:
    is_active = True

    def __init__(self, words: list[int]) -> None:
        self._words = np.array(words, dtype=np.int32)

    def mask(self):
        return self._words


def test_masks_biases_and_rows_that_are_kept_are_written_for_those_that_have_them(
    inputs: StepInputs, staging: StepStaging
) -> None:
    plain, biased = make_sequence(3, [0]), make_sequence(3, [1], logit_bias=((7, 1.5), (9, -2.0)), logprobs=0)
    guided = make_sequence(3, [2])
    guided.guide = Guided([5, 0, 0, 0, 0, 0, -1])
    staging.write_picked([plain, guided, biased], [0, 1, 2], 4)
    names = ("masks", "biases", "bias_counts", "kept", "counters")
    assert [part(inputs, name, 4) for name in names] == [
        [-1, 0, -1, -1],
        [-1, -1, 0, -1],
        [0, 0, 2, 0],
        [-1, -1, 0, -1],
        [-1] * 4,
    ]
    tables = inputs.tables_of_some
    assert tables.masks[0].tolist() == [5, 0, 0, 0, 0, 0, -1]
    assert tables.bias_ids[0, :2].tolist() == [7, 9]
    assert tables.bias_values[0, :2].tolist() == [1.5, -2.0]
    staging.write_picked([plain], [0], 4)
    assert part(inputs, "masks", 4) == part(inputs, "biases", 4) == [-1] * 4


def test_nothing_is_drawn_for_a_token_that_is_followed_by_known_ones(
    inputs: StepInputs, staging: StepStaging, counter_rows: CounterRows
) -> None:
    forced = make_sequence(3, [0], frequency_penalty=0.5, temperature=1.0)
    forced.guide = Guided([1] * 7)
    forced.append_forced(5)
    staging.write_decode([Chunk(forced, 2, 3)], 1, {})
    assert part(inputs, "ids", 1) == [102]
    for name in ("counters", "masks"):
        assert part(inputs, name, 1) == [-1]
    assert inputs.sampling.temperatures[0] == 0


def test_a_top_p_of_0_is_greedy_and_a_negative_top_k_is_off(inputs: StepInputs, staging: StepStaging) -> None:
    sequences = [
        make_sequence(3, [0], temperature=1.0, top_p=0.0),
        make_sequence(3, [1], temperature=1.0, top_k=-1),
    ]
    staging.write_picked(sequences, [0, 1], 2)
    assert inputs.sampling.temperatures[:2].tolist() == [0.0, 1.0]
    assert inputs.sampling.top_k[:2].tolist() == [0, 0]
