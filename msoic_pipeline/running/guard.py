"""The guard before Dagster's web server: it answers to people on this machine, and to no page of another site."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.middleware import Middleware
    from starlette.types import ASGIApp, Receive, Scope, Send

# The pages are for this machine alone.
HOST = "127.0.0.1"


def make_guarded_webserver(names: Sequence[str]) -> type:
    """Return Dagster's web server, made to answer only to people on this machine, and to proxies under ``names``."""
    from dagster_webserver.webserver import DagsterWebserver
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    class GuardedWebserver(DagsterWebserver):
        def build_middleware(self) -> list[Middleware]:
            hosts = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost", *names], www_redirect=False)
            return [hosts, Middleware(SameOrigin, names=names), *super().build_middleware()]

    return GuardedWebserver


class SameOrigin:
    """Refuses what a page of another site could make a browser send: its requests would be obeyed as if ours.

    Dagster executes what any request asks for, a GET and a form's POST too, which browsers send to other sites without
    asking. A request with a JSON body they send only to whom agrees, and nothing here ever does.
    """

    def __init__(self, app: ASGIApp, names: Sequence[str] = ()) -> None:
        self._app = app
        self._names = frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        from starlette.responses import PlainTextResponse

        if scope["type"] in ("http", "websocket") and (refusal := self._tell_refusal(scope)):
            await PlainTextResponse(refusal, status_code=403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _tell_refusal(self, scope: Scope) -> str:
        """Return why a request is refused, in a sentence; empty where it is not."""
        from starlette.requests import HTTPConnection

        request = HTTPConnection(scope)
        headers = request.headers
        origin = urlsplit(headers["origin"]) if "origin" in headers else None
        if origin and origin.netloc != headers.get("host") and origin.hostname not in self._names:
            return "Refused: the request comes from a page of another site."
        if scope["type"] == "websocket" or scope["method"] in ("HEAD", "OPTIONS"):
            return ""
        if scope["method"] == "GET":
            executes = scope["path"].endswith("/graphql") and "text/html" not in headers.get("accept", "")
            return "Refused: send queries by POST." if executes else ""
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        return "" if kind == "application/json" else "Refused: send JSON, with content type application/json."
