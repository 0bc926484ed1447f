"""An ASGI application that is imported and built when its first request comes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cached_property
from importlib import import_module
from typing import Any

Asgi = Callable[
    [MutableMapping[str, Any], Callable[..., Awaitable[Any]], Callable[..., Awaitable[Any]]], Awaitable[None]
]


class LazyApp:
    """Stands for an application where importing it costs too much.

    Airflow loads plugins in workers and in the DAG processor too, which need no FastAPI. And an application that cannot
    be imported fails its own requests only, not the start of the API server::

        LazyApp("airflow_provider_hvsms.plugins.report_app:create_report_app")
    """

    def __init__(self, factory: str) -> None:
        """`factory` names a function without arguments, as `module:function`."""
        self._factory = factory

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[..., Awaitable[Any]],
        send: Callable[..., Awaitable[Any]],
    ) -> None:
        await self._app(scope, receive, send)

    @cached_property
    def _app(self) -> Asgi:
        module, _, function = self._factory.partition(":")
        app: Asgi = getattr(import_module(module), function)()
        return app
