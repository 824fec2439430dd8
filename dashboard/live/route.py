"""The socket of the viewer, and the script of Plotly, beside Streamlit's own routes."""

import asyncio
import contextlib
import gzip
import json
import logging
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import plotly
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from dashboard.live.hub import Hub, Line, Refused

logger = logging.getLogger(__name__)

PLOTLY = f"live/plotly-{plotly.__version__}.js"
"""The path of Plotly's script. It has the version in its name, so browsers may keep it."""
PAUSE = 0.03
"""Seconds between two looks at the same board: more pictures nobody can see. What a browser asks does not wait."""
MOST_BYTES = 4096
"""The longest message that a browser may send."""
LATE = 30.0
"""Seconds after which a browser that takes nothing is left."""
POLICY, TOO_BIG, TRY_LATER, UNKNOWN = 1008, 1009, 1013, 4404
"""Codes for a line that is closed: of the WebSocket protocol, and one of our own for an unknown session."""
NOT_UNDERSTOOD = (ValueError, TypeError, KeyError, OverflowError, RecursionError)
"""What a strange message raises: bytes in place of a text, no JSON, too many brackets, an infinite number."""


Allowed = Callable[[str | None, str | None], bool]
"""(origin, host) -> whether a page of that origin may open a socket."""


def same_host(origin: str | None, host: str | None) -> bool:
    """Whether the page comes from this server. What is no browser has no origin."""
    return origin is None or urlsplit(origin).netloc == host


def routes(base: str, hub: Hub, allowed: Allowed) -> Sequence[BaseRoute]:
    """The routes, below the base path of the server."""

    async def socket(websocket: WebSocket) -> None:
        await serve(websocket, hub, allowed)

    # Not a Mount: it would answer for everything below the base path, and Streamlit's own routes are there too.
    below = f"/{base.strip('/')}" if base.strip("/") else ""
    return [WebSocketRoute(f"{below}/live/{{token}}/{{page}}", socket), Route(f"{below}/{PLOTLY}", script)]


def script(request: Request) -> Response:
    """Plotly's script from the installed package: nothing comes from another host.

    Not `async`: Starlette calls it in another thread, so that its compression keeps no socket waiting.
    """
    headers = {"Content-Encoding": "gzip", "Cache-Control": "public, max-age=31536000, immutable"}
    return Response(_script(), media_type="text/javascript", headers=headers)


@cache
def _script() -> bytes:
    return gzip.compress((Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_bytes(), 6)


async def serve(socket: WebSocket, hub: Hub, allowed: Allowed) -> None:
    """Sends what is new to one browser until it leaves. `allowed(origin, host)` refuses pages of other sites."""
    if not allowed(socket.headers.get("origin"), socket.headers.get("host")):
        await socket.close(POLICY)
        return
    loop, news, asked = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    token, page = (socket.path_params[name] for name in ("token", "page"))
    try:
        line = hub.open(token, page, lambda: _wake(loop, news))
    except Refused as error:
        await socket.accept()
        await socket.close(UNKNOWN if hub.board(token) is None else TRY_LATER, str(error))
        return
    try:
        with contextlib.suppress(WebSocketDisconnect, OSError):  # accept() raises the server's own OSError
            await socket.accept()
            news.set()
            sender = asyncio.create_task(_send(socket, line, news, asked))
            try:
                await _receive(socket, line, asked)
            finally:
                sender.cancel()
    finally:
        hub.close(line)


def _wake(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(news.set)


async def _send(socket: WebSocket, line: Line, news: asyncio.Event, asked: asyncio.Event) -> None:
    try:
        while True:
            await news.wait()
            news.clear()
            asked.clear()
            for message in line.news():
                await asyncio.wait_for(socket.send_bytes(message), LATE)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), PAUSE)
    except (TimeoutError, WebSocketDisconnect):
        await _leave(socket)
    except Exception:
        logger.exception("the line of a session failed")
        await _leave(socket)


async def _leave(socket: WebSocket, code: int = 1000, reason: str = "") -> None:
    with contextlib.suppress(RuntimeError):  # it is closed already
        await socket.close(code, reason)


async def _receive(socket: WebSocket, line: Line, asked: asyncio.Event) -> None:
    while socket.application_state is WebSocketState.CONNECTED:  # it is closed where the browser takes nothing
        try:
            text = await socket.receive_text()
            if len(text) > MOST_BYTES:
                await _leave(socket, TOO_BIG, "the message is too long")
                return
            act(line, json.loads(text))
            asked.set()
        except NOT_UNDERSTOOD:
            await _leave(socket, POLICY, "the message is not understood")
            return


def act(line: Line, message: Any) -> None:
    """A message of the browser: {"turn": values, "number": n}, {"press": button}, {"drop": true} or {"near": true}."""
    if "press" in message:
        line.press(str(message["press"]))
    elif "drop" in message:
        line.drop()
    elif "near" in message:
        line.near()
    else:
        line.turn(int(message["number"]), dict(message["turn"]))
