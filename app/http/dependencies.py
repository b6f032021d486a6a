"""How handlers reach the long-lived parts of the gateway, and who called."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from app.admin.ops_sessions import SignInByLink
from app.auth.access_tokens import AccessTokens
from app.auth.account_changes import AccountChanges
from app.auth.principal import Principal
from app.auth.refresh_tokens import RefreshTokens
from app.auth.sign_in_link import SignInLink
from app.auth.signing_keys import SigningKeys
from app.auth.token_issuer import TokenIssuer
from app.http.call import call_of
from app.http.services import Services
from app.limits.addresses import AddressLimiter
from app.media.decoding import MediaDecoder
from app.ops.dashboard import Dashboard
from app.ops.metrics import Metrics
from app.ops.readiness import ReadinessCheck
from app.persistence.database import Database
from app.settings import Settings
from inference import ModelCard

Part = TypeVar("Part")


def _part(choose: Callable[[Services], Part]) -> Callable[[Request], Awaitable[Part]]:
    async def dependency(request: Request) -> Part:
        services: Services = request.app.state.services
        return choose(services)

    return dependency


async def _principal(request: Request) -> Principal:
    return call_of(request.scope).principal


def _token_issuer(services: Services) -> TokenIssuer:
    return TokenIssuer(services.access_tokens, services.settings.auth)


def _refresh_tokens(services: Services) -> RefreshTokens:
    return RefreshTokens(_token_issuer(services), services.account_changes, services.settings.auth)


def _sign_in_by_link(services: Services) -> SignInByLink:
    return SignInByLink(
        services.account_changes,
        _token_issuer(services),
        SignInLink(services.settings.data_dir),
        services.settings.auth.max_access_token_ttl,
    )


AccessTokensDep = Annotated[AccessTokens, Depends(_part(lambda services: services.access_tokens))]
AccountChangesDep = Annotated[AccountChanges, Depends(_part(lambda services: services.account_changes))]
AddressLimiterDep = Annotated[AddressLimiter, Depends(_part(lambda services: services.address_limiter))]
DashboardDep = Annotated[Dashboard, Depends(_part(lambda services: services.dashboard))]
DatabaseDep = Annotated[Database, Depends(_part(lambda services: services.database))]
MediaDecoderDep = Annotated[MediaDecoder, Depends(_part(lambda services: services.media))]
MetricsDep = Annotated[Metrics, Depends(_part(lambda services: services.metrics))]
ModelCardDep = Annotated[ModelCard, Depends(_part(lambda services: services.backend.model_card))]
PrincipalDep = Annotated[Principal, Depends(_principal)]
ReadinessDep = Annotated[ReadinessCheck, Depends(_part(lambda services: services.readiness))]
RefreshTokensDep = Annotated[RefreshTokens, Depends(_part(_refresh_tokens))]
SettingsDep = Annotated[Settings, Depends(_part(lambda services: services.settings))]
SignInByLinkDep = Annotated[SignInByLink, Depends(_part(_sign_in_by_link))]
SigningKeysDep = Annotated[SigningKeys, Depends(_part(lambda services: services.signing_keys))]
TokenIssuerDep = Annotated[TokenIssuer, Depends(_part(_token_issuer))]
