"""Computes chunks although some of them fail: which one causes an error is found by halving the batch."""

import torch

from inference.engine.scheduler import Chunk
from inference.engine.step_executor import StepExecutor

Result = int | Exception | None  # of a chunk: its next token, its error, or None where it is not sampled


def run_chunks(executor: StepExecutor, chunks: list[Chunk], is_retry: bool = False) -> list[Result]:
    """Returns one result per chunk. A batch that fails is computed again by halves."""
    try:
        return [*executor.run(chunks)]
    except Exception as error:
        caught = error
    return recover(executor, chunks, caught, is_retry)


def recover(
    executor: StepExecutor, chunks: list[Chunk], error: Exception, is_retry: bool = False
) -> list[Result]:
    """Computes chunks that failed together by halves. A single one is tried again if memory ran out."""
    is_out_of_memory = isinstance(error, MemoryError | torch.OutOfMemoryError)
    if len(chunks) == 1 and (is_retry or not is_out_of_memory):
        return [error]
    forget_frames(error)  # they hold the tensors of the step that failed
    executor.release_memory()
    if len(chunks) == 1:
        return run_chunks(executor, chunks, is_retry=True)
    half = len(chunks) // 2
    return run_chunks(executor, chunks[:half]) + run_chunks(executor, chunks[half:])


def clear_blocks(executor: StepExecutor, blocks: list[int]) -> None:
    """Tries again after memory ran out."""
    if not blocks:
        return
    try:
        executor.clear(blocks)
    except (MemoryError, torch.OutOfMemoryError):
        executor.release_memory()
        executor.clear(blocks)


def forget_frames(error: BaseException) -> None:
    """Frees what an error's frames hold, prompts and tensors. The frames hold the error, too: a cycle."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__context__
