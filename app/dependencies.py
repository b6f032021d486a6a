"""How handlers reach the request's `Call` and the long-lived things behind it."""

from typing import Annotated

from fastapi import Depends, Request

from app.auth.access_tokens import AccessTokens
from app.auth.account_changes import AccountChanges
from app.auth.principal import Principal
from app.auth.refresh_tokens import RefreshTokens
from app.auth.signing_keys import SigningKeys
from app.auth.token_issuer import TokenIssuer
from app.call import Call
from app.persistence.database import Database
from app.services import Services
from app.settings import Settings


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def call_of(request: Request) -> Call:
    """For the generating routes: resolving a dependency costs a tenth of their time."""
    call: Call = request.scope["state"]["call"]
    return call


async def _call(request: Request) -> Call:
    return call_of(request)


async def _principal(request: Request) -> Principal:
    call: Call = request.scope["state"]["call"]
    return call.principal


async def _database(request: Request) -> Database:
    services: Services = request.app.state.services
    return services.database


async def _settings(request: Request) -> Settings:
    services: Services = request.app.state.services
    return services.settings


async def _access_tokens(request: Request) -> AccessTokens:
    services: Services = request.app.state.services
    return services.access_tokens


async def _account_changes(request: Request) -> AccountChanges:
    services: Services = request.app.state.services
    return services.account_changes


async def _signing_keys(request: Request) -> SigningKeys:
    services: Services = request.app.state.services
    return services.signing_keys


async def _token_issuer(request: Request) -> TokenIssuer:
    services: Services = request.app.state.services
    return TokenIssuer(services.access_tokens, services.settings.auth)


async def _refresh_tokens(request: Request) -> RefreshTokens:
    services: Services = request.app.state.services
    issuer = TokenIssuer(services.access_tokens, services.settings.auth)
    return RefreshTokens(issuer, services.account_changes, services.settings.auth)


ServicesDep = Annotated[Services, Depends(_services)]
CallDep = Annotated[Call, Depends(_call)]
PrincipalDep = Annotated[Principal, Depends(_principal)]
DatabaseDep = Annotated[Database, Depends(_database)]
SettingsDep = Annotated[Settings, Depends(_settings)]
AccessTokensDep = Annotated[AccessTokens, Depends(_access_tokens)]
AccountChangesDep = Annotated[AccountChanges, Depends(_account_changes)]
SigningKeysDep = Annotated[SigningKeys, Depends(_signing_keys)]
TokenIssuerDep = Annotated[TokenIssuer, Depends(_token_issuer)]
RefreshTokensDep = Annotated[RefreshTokens, Depends(_refresh_tokens)]
