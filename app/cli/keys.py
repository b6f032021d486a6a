"""`gateway keys rotate | list`."""

from typing import Annotated

import typer

from app.cli.tables import print_table

commands = typer.Typer(no_args_is_help=True)


@commands.command()
def rotate(
    if_none: Annotated[
        bool, typer.Option("--if-none", help="Only make the first key; leave keys that are there alone.")
    ] = False,
) -> None:
    """Make a new signing key, or the first one. What the old ones signed stays valid until it expires.

    Prints the id of the key that is made, or already there.
    """
    from app.admin.audit import COMMAND_LINE
    from app.admin.keys import has_keys, rotate_keys
    from app.auth.signing_keys import load_signing_keys
    from app.cli.environment import open_database, run_command
    from app.settings import Settings

    async def work(settings: Settings) -> str:
        if if_none and has_keys(settings):
            return load_signing_keys(settings).signer().key_id
        async with open_database(settings) as database, database.session() as db_session:
            return await rotate_keys(db_session, COMMAND_LINE, settings)

    typer.echo(run_command(work))


@commands.command(name="list")
def list_() -> None:
    """Show the keys that verify tokens, and which of them signs new ones."""
    from datetime import UTC, datetime

    from app.auth.signing_keys import SigningKeys, load_signing_keys
    from app.cli.environment import run_command
    from app.settings import Settings

    async def work(settings: Settings) -> SigningKeys:
        return load_signing_keys(settings)

    signing_keys = run_command(work)
    signer = signing_keys.signer()
    rows = []
    for key in signing_keys.verifying():
        state = "verifies"
        if key == signer:
            state = "signs"
        elif key.created_at > signer.created_at:
            state = "will sign"
        rows.append((key.key_id, datetime.fromtimestamp(key.created_at, UTC), state))
    print_table("Signing keys", ("id", "created", "state"), rows)
