"""Databases of both kinds, and what issues tokens."""

from pathlib import Path

import pytest

from app.auth.access_tokens import AccessTokens
from app.auth.account_changes import AccountChanges
from app.auth.signing_keys import load_signing_keys
from app.auth.token_issuer import TokenIssuer
from app.persistence.database import Database
from app.settings import Settings
from tests.app.persistence.conftest import database, database_url

__all__ = ["database", "database_url"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, data_dir=tmp_path / "data", backend="scripted")


@pytest.fixture
def issuer(database: Database, settings: Settings) -> TokenIssuer:
    signing_keys = load_signing_keys(settings)
    access_tokens = AccessTokens(signing_keys, AccountChanges(database, signing_keys), settings.auth)
    return TokenIssuer(access_tokens, settings.auth)
