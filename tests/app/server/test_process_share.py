"""What each of several processes may take."""

from pathlib import Path

from pydantic import SecretStr

from app.server.process_share import share_of_process
from app.settings import LimitSettings, MediaSettings, RemoteSettings, Settings


def settings(processes: int, tmp_path: Path) -> Settings:
    return Settings(
        _env_file=None,
        data_dir=tmp_path,
        backend=("scripted",),
        redis_url=SecretStr("redis://localhost:1/0"),
        processes=processes,
        limits=LimitSettings(max_in_flight=64, requests_per_minute=10),
        remote=RemoteSettings(max_outstanding=255),
        media=MediaSettings(decoding_processes=2, max_waiting_files=64),
    )


def test_processes_divide_what_protects_engines_and_processors(tmp_path: Path) -> None:
    share = share_of_process(settings(3, tmp_path))
    assert share.limits.max_in_flight == 22
    assert share.remote.max_outstanding == 85
    assert (share.media.decoding_processes, share.media.max_waiting_files) == (1, 22)


def test_limits_of_users_and_memory_stay_whole(tmp_path: Path) -> None:
    whole = settings(3, tmp_path)
    share = share_of_process(whole)
    assert share.limits.requests_per_minute == 10
    assert share.memory_budget_bytes == whole.memory_budget_bytes


def test_one_process_has_all(tmp_path: Path) -> None:
    whole = settings(1, tmp_path)
    assert share_of_process(whole) == whole
