"""`gateway token issue | list | revoke`. `issue` prints nothing but the token, for scripts."""

import json
import re
from datetime import timedelta
from typing import Annotated, Literal

import typer

from app.cli.command_failed import CALLED_WRONGLY, CommandFailed
from app.cli.tables import print_table

commands = typer.Typer(no_args_is_help=True)

_LIFETIME = re.compile(r"([0-9]{1,9})([smhdw]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@commands.command()
def issue(
    user: Annotated[str, typer.Option("--user", help="The account's name; development creates it.")],
    scope: Annotated[
        str, typer.Option("--scope", help='Of "chat vision speech admin ops".')
    ] = "chat vision speech",
    lifetime: Annotated[
        str | None, typer.Option("--lifetime", help="90d, 12h, 15m or seconds; default: as the settings say.")
    ] = None,
    requests_per_minute: Annotated[
        int | None,
        typer.Option(
            "--requests-per-minute", min=1, help="A rate of this token alone, for agents and tools."
        ),
    ] = None,
    priority: Annotated[
        Literal["interactive", "batch"],
        typer.Option("--priority", help="batch: its requests go after interactive ones."),
    ] = "interactive",
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Also a refresh token, on a second line.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    note: Annotated[str, typer.Option("--note", help="For operators.")] = "",
) -> None:
    """Issue an access token and print it.

    For a client that takes a static key: --lifetime 90d, and --requests-per-minute if it sends many requests.
    """
    from app.auth.token_issuer import NewTokens
    from app.cli.environment import run_command
    from app.cli.token_work import issue_token

    duration = None if lifetime is None else _duration(lifetime)
    new = NewTokens(scope.replace(",", " ").split(), duration, refresh, note, requests_per_minute, priority)
    issued = run_command(lambda settings: issue_token(settings, user, new))
    if as_json:
        content = {
            "access_token": issued.access_token,
            "token_type": "Bearer",
            "expires_in": issued.expires_in,
            "scope": " ".join(sorted(issued.scopes)),
            "token_id": issued.token_id,
        }
        if priority != "interactive":
            content["priority"] = priority
        if requests_per_minute is not None:
            content["requests_per_minute"] = requests_per_minute
        if issued.refresh_token is not None:
            content |= {"refresh_token": issued.refresh_token, "family_id": issued.family_id}
        typer.echo(json.dumps(content))
        return
    typer.echo(issued.access_token)
    if issued.refresh_token is not None:
        typer.echo(issued.refresh_token)


@commands.command(name="list")
def list_(
    user: Annotated[str | None, typer.Option("--user", help="Only this account's.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 50,
) -> None:
    """Show the tokens that were issued, the newest first; never the tokens themselves."""
    from app.cli.environment import run_command
    from app.cli.token_work import list_issued, state_of

    print_table(
        "Access tokens",
        ("id", "user", "scopes", "state", "issued", "expires", "family", "rate", "priority", "note"),
        [
            (
                token.jti,
                user_name,
                token.scopes,
                state_of(token),
                token.issued_at,
                token.expires_at,
                token.family_id,
                None if token.requests_per_minute is None else f"{token.requests_per_minute}/min",
                token.priority,
                token.note,
            )
            for token, user_name in run_command(lambda settings: list_issued(settings, user, limit))
        ],
    )


@commands.command()
def revoke(
    token_id: Annotated[str | None, typer.Argument(help="One access token, by its id (tok_…).")] = None,
    family: Annotated[str | None, typer.Option("--family", help="One sign-in, by its id (fam_…).")] = None,
    user: Annotated[str | None, typer.Option("--user", help="All that this account was issued.")] = None,
) -> None:
    """Revoke a token, a family or all tokens of a user; takes effect within a second."""
    from app.cli.environment import run_command
    from app.cli.token_work import revoke_tokens

    given = [value for value in (token_id, family, user) if value is not None]
    if len(given) != 1:
        raise CommandFailed("Give exactly one of a token id, --family and --user.", CALLED_WRONGLY)
    run_command(lambda settings: revoke_tokens(settings, token_id, family, user))
    typer.echo(f"{given[0]} is revoked.")


def _duration(text: str) -> timedelta:
    found = _LIFETIME.fullmatch(text)
    if found is None:
        raise CommandFailed("Write a lifetime like 90d, 12h, 15m or 900 (seconds).", CALLED_WRONGLY)
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
