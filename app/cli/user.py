"""`gateway user create | disable | enable | list`."""

from typing import Annotated

import typer

from app.cli.tables import print_table

MAX_LISTED = 10_000

commands = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The name of the account.")]


@commands.command()
def create(
    name: Name,
    requests_per_minute: Annotated[int | None, typer.Option(min=1, max=1_000_000)] = None,
    concurrent_requests: Annotated[int | None, typer.Option(min=1, max=100_000)] = None,
    daily_tokens: Annotated[int | None, typer.Option(min=1, max=2_000_000_000)] = None,
    note: Annotated[str | None, typer.Option(help="For operators.")] = None,
) -> None:
    """Create an account. Limits that are left out follow the settings. Prints its id."""
    from app.admin.accounts import UserChanges, create_user
    from app.admin.audit import COMMAND_LINE
    from app.cli.environment import open_database, run_command
    from app.settings import Settings
    from app.user_limits import own_limits

    changes = UserChanges(
        note=note, own_limits=own_limits(requests_per_minute, concurrent_requests, daily_tokens)
    )

    async def work(settings: Settings) -> str:
        async with open_database(settings) as database, database.session() as db_session:
            return (await create_user(db_session, COMMAND_LINE, name, changes)).id

    typer.echo(run_command(work))


@commands.command()
def disable(name: Name) -> None:
    """Stop an account: its tokens are refused within a second."""
    _set_disabled(name, is_disabled=True)


@commands.command()
def enable(name: Name) -> None:
    """Let a disabled account in again."""
    _set_disabled(name, is_disabled=False)


@commands.command(name="list")
def list_() -> None:
    """Show all accounts."""
    from app.admin.accounts import list_users
    from app.cli.environment import open_database, run_command
    from app.persistence.tables import UserRow
    from app.settings import Settings

    async def work(settings: Settings) -> list[UserRow]:
        async with open_database(settings) as database, database.session(read_only=True) as db_session:
            return list((await list_users(db_session, limit=MAX_LISTED)).rows)

    print_table(
        "Users",
        ("name", "id", "state", "requests/min", "concurrent", "tokens/day", "note", "created"),
        [
            (
                user.name,
                user.id,
                "disabled" if user.is_disabled else "enabled",
                user.requests_per_minute or "default",
                user.concurrent_requests or "default",
                user.daily_tokens or "default",
                user.note,
                user.created_at,
            )
            for user in run_command(work)
        ],
    )


def _set_disabled(name: str, *, is_disabled: bool) -> None:
    from app.admin.accounts import UserChanges, get_user_named, update_user
    from app.admin.audit import COMMAND_LINE
    from app.cli.environment import open_database, run_command
    from app.settings import Settings

    async def work(settings: Settings) -> None:
        async with open_database(settings) as database, database.session() as db_session:
            user = await get_user_named(db_session, name)
            await update_user(db_session, COMMAND_LINE, user.id, UserChanges(is_disabled=is_disabled))

    run_command(work)
    typer.echo(f"{name} is {'disabled' if is_disabled else 'enabled'}.")
