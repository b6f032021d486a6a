"""What the embedded model can do, on held-out examples: `python -m training.evaluate [options]`.

Asks the bare engine (`--model DIR`, repeatable) or the running gateway (`--gateway`: it starts one,
sends JPEG, HEIC, m4a and opus files over HTTP). Prints a table, then one JSON line.
"""

import argparse
import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from inference.config import EMBEDDED_MODEL
from testbed.hardware import hardware_and_versions
from training.held_out import GROUPS, Item, held_out_items
from training.respondents import EngineRespondent, GatewayRespondent, Respondent
from training.scoring import Score, score

Results = dict[str, dict[str, Score]]  # respondent -> group -> score


async def answer_all(respondent: Respondent, items: Sequence[Item], concurrency: int) -> list[str]:
    """Asks everything at once, `concurrency` at a time."""
    gate = asyncio.Semaphore(concurrency)

    async def ask(item: Item) -> str:
        async with gate:
            return await respondent.ask(item)

    return await asyncio.gather(*(ask(item) for item in items))


async def ask_all(respondent: Respondent, items: Sequence[Item], concurrency: int) -> dict[str, Score]:
    answers = await answer_all(respondent, items, concurrency)
    by_group: dict[str, list[tuple[Item, str]]] = defaultdict(list)
    for item, answer in zip(items, answers, strict=True):
        by_group[item.group].append((item, answer))
    return {group: score(group, by_group[group]) for group in GROUPS if group in by_group}


def respondents(options: argparse.Namespace) -> list[Respondent]:
    """New ones."""
    engines: list[Respondent] = [
        EngineRespondent(str(model), options.device, quantization, options.thinking)
        for model in options.model
        for quantization in options.quantization
    ]
    return engines + ([GatewayRespondent(options.seed)] if options.gateway else [])


async def evaluate(options: argparse.Namespace) -> Results:
    """One group after the other: the pictures of all together would not fit into memory."""
    results: Results = defaultdict(dict)
    for group in options.groups:
        items = held_out_items(options.count, options.seed, [group])
        for respondent in respondents(options):  # tokens of the gateway live for minutes
            started = time.monotonic()
            async with respondent:
                scores = await ask_all(respondent, items, options.concurrency)
            seconds = time.monotonic() - started
            for found in scores.values():
                print(f"{respondent.name}, {group}: {found.value:.1f} % in {seconds:.0f} s", flush=True)
                del found.wrong[options.errors :]  # with their pictures
            results[respondent.name] |= scores
        del items  # before the next group's are made
    return results


def print_table(results: Results) -> None:
    names = list(results)
    print(f"\n{'held-out':34}{'n':>6}{'asked':>9}" + "".join(f"{name[-22:]:>24}" for name in names))
    for group, goal in GROUPS.items():
        rows = [results[name].get(group) for name in names]
        found = next((row for row in rows if row), None)
        if found is None:
            continue
        cells = "".join(f"{row.value:>22.1f} %" if row else f"{'-':>24}" for row in rows)
        print(f"{group:34}{found.count:>6}{goal:>9}{cells}")
    for name in names:
        for group, result in results[name].items():
            for kind, (right, count) in result.kinds.items():
                print(f"    {name[-22:]:24}{group:26}{kind:28}{100 * right / count:6.1f} %  of {count}")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", type=Path, action="append", default=[], help="default: the embedded one")
    parser.add_argument(
        "--quantization", nargs="*", default=["none"], choices=["none", "int8"], help="none: as it is saved"
    )
    parser.add_argument("--gateway", action="store_true", help="over HTTP, and with phones' file formats")
    parser.add_argument("--thinking", action="store_true", help="of bare models: after a thought")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--count", type=int, default=500, help="questions of each group")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--groups", nargs="*", default=list(GROUPS), choices=list(GROUPS))
    parser.add_argument("--errors", type=int, default=0, help="wrong answers to print of each group")
    options = parser.parse_args()
    if not options.model and not options.gateway:
        options.model = [EMBEDDED_MODEL]
    return options


def main() -> None:
    options = parse_options()
    results = asyncio.run(evaluate(options))
    print_table(results)
    for name, groups in results.items():
        for group, result in groups.items():
            for item, answer in result.wrong[: options.errors]:
                print(f"  {name} {group}: {item.question!r} -> {answer!r}, not {item.turn.answer!r}")
    record = {
        "benchmark": "embedded_model",
        "results": {
            name: {group: [round(result.value, 2), result.count] for group, result in groups.items()}
            for name, groups in results.items()
        },
        "seed": options.seed,
        **hardware_and_versions("torch", "tokenizers"),
    }
    print(json.dumps(record, ensure_ascii=False))


if __name__ == "__main__":
    main()
