"""Finds the routes that generate by their path: most requests are for one of them.

The router compares a request with one route after the other, and prepares what only FastAPI's handlers need.
"""

from collections.abc import Awaitable, Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ExceptionHandler, Receive, Scope, Send

from app.http.guard import GuardedRoute


class GeneratingRoutes:
    """An ASGI application: `router` with this short cut, for routes without parameters.

    Guarded routes make responses of their errors; `error_handlers` are for the others.
    """

    def __init__(self, router: APIRouter, error_handlers: Mapping[Any, ExceptionHandler]) -> None:
        self._router = ExceptionMiddleware(AsyncExitStackMiddleware(router), error_handlers)
        self._routes = {
            (method, route.path): route
            for route in router.routes
            if isinstance(route, GuardedRoute) and route.access.generates and not route.param_convertors
            for method in route.methods or ()
        }

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        route = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        app = self._router if route is None else route.handle
        return app(scope, receive, send)
