"""The application factory: `uvicorn --factory app.main:create_app`."""

import re
from functools import cache
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette_compress import CompressMiddleware, remove_compress_type

from app.http.error_handlers import install_error_handlers
from app.http.generating_routes import GeneratingRoutes
from app.http.middlewares.cross_origin import CrossOriginMiddleware
from app.http.middlewares.early_responses import EarlyResponsesMiddleware
from app.http.middlewares.request_log import RequestLogMiddleware
from app.http.middlewares.unhandled_errors import UnhandledErrorsMiddleware
from app.http.openapi import build_openapi
from app.http.ops_guard import administration_of
from app.lifespan import lifespan
from app.media.sandbox.processes import Launch, launch_fork_server
from app.routes import (
    admin,
    auth,
    chat,
    health,
    openai,
    ops,
    responses,
    speech,
    streams,
    transcriptions,
    usage,
    vision,
)
from app.settings import Settings

COMPRESS_FROM_BYTES = 1024
DESCRIPTION = (
    "Chat, vision and speech for mobile apps, backed by one multimodal model. Errors are RFC 9457 "
    "problem documents with a stable `code`; under /v1 they have OpenAI's shape."
)


class Gateway(FastAPI):
    """FastAPI without those of its middlewares that have nothing to do here.

    Unexpected errors are `UnhandledErrorsMiddleware`'s, bodies are bounded by their routes, and FastAPI's
    telemetry is off.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self.middleware_stack is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        await self.middleware_stack(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        app: ASGIApp = GeneratingRoutes(self.router, self.exception_handlers)
        for middleware, arguments, options in reversed(self.user_middleware):
            app = middleware(app, *arguments, **options)
        return app


def create_app(settings: Settings | None = None, launch: Launch = launch_fork_server) -> FastAPI:
    """Without `settings` the environment is read. Opens nothing before the lifespan starts.

    `launch` starts the process that makes decoding processes.
    """
    app = Gateway(
        title="AutoGLM Gateway",
        version=version("autoglm-gateway"),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Covers less than `app/ops/metrics.py` does.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings or Settings()
    app.state.launch_fork_server = launch
    # Not include_router: it would match every path twice.
    app.router.routes[:] = (*map(_without_control_characters, app.router.routes), *_routes())
    app.openapi = lambda: build_openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way
    install_error_handlers(app)
    remove_compress_type("text/event-stream")
    # The last one added is the outermost.
    app.add_middleware(UnhandledErrorsMiddleware)
    app.add_middleware(CompressMiddleware, minimum_size=COMPRESS_FROM_BYTES)
    app.add_middleware(EarlyResponsesMiddleware)
    if app.state.settings.cors_origins:
        app.add_middleware(CrossOriginMiddleware, origins=app.state.settings.cors_origins)
    app.add_middleware(RequestLogMiddleware)
    return app


@cache  # the routes belong to modules, so each is made ready once
def _routes() -> tuple[BaseRoute, ...]:
    """A fixed path goes before one with parameters."""
    routes = [route for router in _routers() for route in router.routes]
    routes.sort(key=lambda route: "{" in getattr(route, "path", ""))
    return tuple(map(_without_control_characters, routes))


def _routers() -> tuple[APIRouter, ...]:
    """In the order in which paths are compared with a request's: those of most requests first."""
    return (
        openai.completions,
        chat.router,
        vision.router,
        speech.router,
        transcriptions.router,
        openai.models,
        responses.router,
        streams.router,
        auth.router,
        admin.router,
        usage.router,
        health.router,
        health.metrics_router,
        ops.public,
        ops.viewing,
        administration_of(admin.router),
    )


def _without_control_characters(route: BaseRoute) -> BaseRoute:
    """Starlette's `$` also matches before a last line feed, its parameters all characters but a slash."""
    if isinstance(route, Route):
        pattern = route.path_regex.pattern.removesuffix("$") + r"\Z"
        pattern = pattern.replace("[^/]+", r"[^/\x00-\x1f\x7f]+").replace(".*", r"[^\x00-\x1f\x7f]+")
        route.path_regex = re.compile(pattern)
    return route
