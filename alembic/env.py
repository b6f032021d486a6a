"""Runs migrations on a connection from `app/persistence/migrations.py`, or on its own.

`alembic` on the command line uses the database that the settings name.
"""

import asyncio

from alembic import context
from sqlalchemy import Connection

from app.persistence.migrations import migration_transaction
from app.persistence.tables import Base
from app.settings import Settings


def run_migrations(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        render_as_batch=connection.dialect.name == "sqlite",  # it rebuilds tables to alter them
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_on_configured_database() -> None:
    async with migration_transaction(Settings().effective_database_url) as connection:
        await connection.run_sync(run_migrations)


given_connection = context.config.attributes.get("connection")
if given_connection is not None:
    run_migrations(given_connection)
else:
    asyncio.run(run_on_configured_database())
