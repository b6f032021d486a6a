"""The guard of /metrics, where Prometheus needs no token when it comes from an address that is allowed."""

from starlette.datastructures import Headers
from starlette.types import Scope

from app.auth.principal import Principal
from app.http.client_address import client_address, is_direct
from app.http.guard import Access, GuardedRoute
from app.http.media_types import JSON
from app.http.services import Services
from app.networks import is_in_networks


class MetricsRoute(GuardedRoute):
    """Scope `ops`, or an address in `GATEWAY_METRICS_NETWORKS`.

    The address counts only for requests that come from it directly: behind a proxy it could be any client's.
    """

    access = Access("ops", generates=False, accepts=(JSON,), takes_media=False)

    async def _authenticate(self, services: Services, scope: Scope, headers: Headers) -> Principal | None:
        networks = services.settings.parsed_metrics_networks
        if is_direct(headers) and is_in_networks(client_address(scope), networks):
            return None
        return await super()._authenticate(services, scope, headers)
