"""Every command but `serve` and `doctor`."""

import json
import os
import stat
import time
from pathlib import Path

import pytest
from jose import jwt

from tests.app.cli.conftest import Run


def claims_of(access_token: str) -> dict[str, object]:
    return dict(jwt.get_unverified_claims(access_token))


def is_one_sentence(text: str) -> bool:
    return text.startswith("gateway: ") and text.count("\n") == 1 and text.endswith(".\n")


def test_issue_prints_the_access_token_alone_and_creates_the_user(run: Run) -> None:
    issued = run("token", "issue", "--user", "bob", "--scope", "chat vision speech")
    assert (issued.code, issued.err) == (0, "")
    (line,) = issued.out.splitlines()
    assert claims_of(line)["scope"] == "chat speech vision"
    listed = run("user", "list")
    assert "bob" in listed.out
    assert line not in run("token", "list").out


def test_issue_with_refresh_and_json_gives_the_pair(run: Run) -> None:
    issued = run(
        "token", "issue", "--user", "bob", "--scope", "chat", "--lifetime", "60", "--refresh", "--json"
    )
    pair = json.loads(issued.out)
    assert (pair["token_type"], pair["expires_in"], pair["scope"]) == ("Bearer", 60, "chat")
    assert pair["refresh_token"].startswith("rt_")
    assert claims_of(pair["access_token"])["fam"] == pair["family_id"]
    lines = run("token", "issue", "--user", "bob", "--refresh").out.splitlines()
    assert [line[:3] for line in lines] == ["eyJ", "rt_"]


def test_issue_gives_a_static_key_with_a_rate(run: Run) -> None:
    arguments = ("--user", "agent", "--lifetime", "90d", "--requests-per-minute", "120")
    claims = claims_of(run("token", "issue", *arguments).out.strip())
    assert claims["exp"] - claims["iat"] == 90 * 86_400
    assert claims["rpm"] == 120
    assert "120/min" in run("token", "list").out
    issued = json.loads(run("token", "issue", *arguments, "--json").out)
    assert (issued["expires_in"], issued["requests_per_minute"]) == (90 * 86_400, 120)


def test_issue_gives_a_token_for_batch_work(run: Run) -> None:
    issued = json.loads(run("token", "issue", "--user", "night", "--priority", "batch", "--json").out)
    assert issued["priority"] == claims_of(issued["access_token"])["pri"] == "batch"
    assert "batch" in run("token", "list").out
    assert "pri" not in claims_of(run("token", "issue", "--user", "day").out.strip())


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("15m", 900), ("12h", 43_200), ("1w", 604_800)])
def test_lifetimes_have_units(run: Run, text: str, seconds: int) -> None:
    issued = run("token", "issue", "--user", "bob", "--lifetime", text, "--json")
    assert json.loads(issued.out)["expires_in"] == seconds


def test_secrets_are_readable_by_their_owner_alone(run: Run, tmp_path: Path) -> None:
    run("token", "issue", "--user", "bob")
    data = tmp_path / "data"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    files = [path for path in data.rglob("*") if path.is_file()]
    assert len(files) >= 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_user_is_created_disabled_enabled_and_listed(run: Run) -> None:
    created = run("user", "create", "bob", "--daily-tokens", "5000", "--note", "[beta] of bob")
    assert created.out.startswith("usr_")
    assert run("user", "disable", "bob").code == 0
    (line,) = [line for line in run("user", "list").out.splitlines() if "bob" in line]
    for shown in ("disabled", "5000", "[beta] of bob", created.out.strip()):
        assert shown in line
    refused = run("token", "issue", "--user", "bob")
    assert (refused.code, refused.out) == (1, "")
    assert is_one_sentence(refused.err)
    assert run("user", "enable", "bob").code == 0
    assert run("token", "issue", "--user", "bob").code == 0


def test_revoked_tokens_are_listed_as_such(run: Run) -> None:
    pairs = [
        json.loads(run("token", "issue", "--user", user, "--refresh", "--json").out)
        for user in ("bob", "bob", "carol", "dan")
    ]
    by_id, by_family, by_user, untouched = pairs
    assert run("token", "revoke", by_id["token_id"]).code == 0
    assert run("token", "revoke", "--family", by_family["family_id"]).code == 0
    assert run("token", "revoke", "--user", "carol").code == 0
    lines = run("token", "list").out.splitlines()
    for pair in (by_id, by_family, by_user, untouched):
        (line,) = [line for line in lines if pair["token_id"] in line]
        assert ("valid" if pair is untouched else "revoked") in line
    assert untouched["token_id"] not in run("token", "list", "--user", "bob").out


def test_keys_are_listed_with_what_they_do(run: Run, tmp_path: Path) -> None:
    old, new, newest = (run("keys", "rotate").out.strip() for _ in range(3))
    now = time.time()
    for key_id, age in ((old, 300), (new, 200), (newest, 100)):
        path = tmp_path / "data" / "keys" / f"{key_id}.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"created_at": int(now - age)}))
    listed = run("keys", "list", GATEWAY_AUTH__KEY_SIGNING_DELAY="PT150S").out
    rows = [line.split("│") for line in listed.splitlines() if line.startswith("│")]
    states = {row[1].strip(): row[3].strip() for row in rows}
    assert states == {old: "verifies", new: "signs", newest: "will sign"}


def test_first_key_is_made_once_where_that_is_asked_for(run: Run, tmp_path: Path) -> None:
    made = [run("keys", "rotate", "--if-none") for _ in range(2)]
    assert {result.out for result in made} == {f"{path.stem}\n" for path in tmp_path.glob("data/keys/*.json")}
    assert len({result.out for result in made}) == 1


def test_unreadable_secrets_file_is_reported_in_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "gateway_redis_url").write_bytes(b"redis://:\xff@localhost")
    failed = run("doctor", GATEWAY_SECRETS_DIR=str(tmp_path))
    assert failed.code == 1
    assert "A file in GATEWAY_SECRETS_DIR, or .env, cannot be read" in failed.out


def test_production_is_prepared_with_three_commands(run: Run, tmp_path: Path) -> None:
    production = {"GATEWAY_ENV": "production", "GATEWAY_BACKEND": "in_process"}
    production["GATEWAY_AUTH__KEYS_DIR"] = str(tmp_path / "keys")
    assert run("db", "upgrade", **production).code == 0
    assert run("keys", "rotate", **production).code == 0
    unknown = run("token", "issue", "--user", "bob", **production)
    assert (unknown.code, unknown.err) == (1, "gateway: There is no user of that name.\n")
    assert run("user", "create", "bob", **production).code == 0
    assert run("token", "issue", "--user", "bob", **production).out.startswith("eyJ")


def test_upgrade_may_be_repeated(run: Run, tmp_path: Path) -> None:
    for _ in range(2):
        upgraded = run("db", "upgrade")
        assert upgraded.code == 0
        assert str(tmp_path / "data" / "gateway.db") in upgraded.out


def test_version_is_printed(run: Run) -> None:
    assert run("--version").out == "gateway 0.1.0\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "disable", "nobody"),
        ("user", "create", "two words"),
        ("token", "issue", "--user", "bob", "--scope", "root"),
        ("token", "issue", "--user", "bob", "--scope", ""),
        ("token", "issue", "--user", "bob", "--lifetime", "99999999"),
        ("token", "issue", "--user", "bob", "--lifetime", "91d"),
        ("token", "issue", "--user", "bob", "--requests-per-minute", "60", "--refresh"),
        ("token", "issue", "--user", "bob", "--requests-per-minute", "1000001"),
        ("user", "create", "bob", "--note", "x" * 501),
        ("token", "issue", "--user", "bob", "--note", os.fsdecode(b"not UTF-8: \xff")),
        ("token", "list", "--user", "nobody"),
        ("token", "revoke", "tok_nothing"),
    ],
)
def test_command_that_fails_says_why_in_one_sentence(run: Run, arguments: tuple[str, ...]) -> None:
    failed = run(*arguments)
    assert (failed.code, failed.out) == (1, "")
    assert is_one_sentence(failed.err), failed.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("token", "issue"),
        ("token", "issue", "--user", "bob", "--lifetime", "long"),
        ("token", "revoke"),
        ("token", "revoke", "tok_1", "--user", "bob"),
        ("serve", "--port", "65536"),
    ],
)
def test_command_that_is_called_wrongly_exits_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    failed = run(*arguments)
    assert (failed.code, failed.out) == (2, "")
    assert "Traceback" not in failed.err


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("GATEWAY_LIMITS__REQUESTS_PER_MINUTE", "many-s3cret"),
        ("GATEWAY_ENV", "s3cret"),
        ("GATEWAY_LIMITS", "s3cret"),
        ("GATEWAY_METRICS_NETWORKS", "s3cret"),
        ("GATEWAY_DATABASE_URL", "mysql://gateway:s3cret@db/x"),
        ("GATEWAY_DATABASE_URL", "s3cret"),
        ("GATEWAY_REDIS_URL", "http://:s3cret@cache"),
    ],
)
def test_wrong_setting_is_named_and_its_value_is_not_shown(run: Run, setting: str, value: str) -> None:
    failed = run("user", "list", **{setting: value})
    assert failed.code == 2
    assert is_one_sentence(failed.err), failed.err
    assert setting in failed.err
    assert "s3cret" not in failed.err


def test_database_that_is_away_is_named_without_its_password(run: Run) -> None:
    failed = run("user", "list", GATEWAY_DATABASE_URL="postgresql://gateway:s3cret@127.0.0.1:1/x")
    assert failed.code == 1
    assert is_one_sentence(failed.err)
    assert "127.0.0.1:1" in failed.err
    assert "s3cret" not in failed.err


@pytest.mark.servers
def test_database_without_tables_asks_for_the_upgrade(run: Run, postgres_url: str) -> None:
    failed = run("user", "list", GATEWAY_DATABASE_URL=postgres_url)
    assert failed.code == 1
    assert is_one_sentence(failed.err)
    assert "gateway db upgrade" in failed.err
    assert run("db", "upgrade", GATEWAY_DATABASE_URL=postgres_url).code == 0
    assert run("user", "list", GATEWAY_DATABASE_URL=postgres_url).code == 0
