"""The socket beside Streamlit: who may open it, what it takes, and that it survives faults."""

import asyncio
import gzip
import json
import re
import runpy
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from streamlit.web.server.starlette import starlette_websocket
from test_hub import Board

from dashboard.live.early import WANTED, Early, scripts
from dashboard.live.frames import unpack
from dashboard.live.hub import Hub
from dashboard.live.route import MOST_BYTES, PLOTLY, POLICY, TOO_BIG, TRY_LATER, UNKNOWN, routes, same_host, serve
from dashboard.place import APP


@pytest.fixture
def hub():
    hub = Hub(each=1)
    hub.show("me", "page", Board())
    return hub


@pytest.fixture
def client(hub):
    return TestClient(Starlette(routes=routes("", hub, lambda origin, host: origin != "http://elsewhere")))


def head(socket):
    return unpack(socket.receive_bytes())[0]


def closed(socket):
    """The code and the reason with which the server closes it."""
    while (message := socket.receive())["type"] != "websocket.close":
        pass
    return message["code"], message["reason"]


def test_what_is_there_is_sent_at_once_and_what_comes_when_it_comes(client, hub):
    with client.websocket_connect("/live/me/page") as socket:
        assert [head(socket) for _ in range(2)] == [{"part": "map", "value": 1}, {"part": "curve", "value": 1}]
        hub.board("me").values["map"] = 2
        hub.changed({"me"})
        assert head(socket) == {"part": "map", "value": 2}


def test_a_question_does_not_wait_for_the_end_of_a_pause(client, hub, monkeypatch):
    monkeypatch.setattr("dashboard.live.route.PAUSE", 3600.0)
    with client.websocket_connect("/live/me/page") as socket:
        for _ in range(2):
            head(socket)
        for number in (7, 8):
            socket.send_text(json.dumps({"turn": {"map": number}, "number": number}))
            assert head(socket)["value"] == head(socket)["number"] == number


def test_a_question_is_answered(client):
    with client.websocket_connect("/live/me/page") as socket:
        for _ in range(2):
            head(socket)
        socket.send_text(json.dumps({"turn": {"map": 7}, "number": 3}))
        assert head(socket) == {"part": "map", "value": 7}
        assert head(socket) == {"part": "answer", "number": 3}


def test_a_button_is_pressed(client, hub):
    with client.websocket_connect("/live/me/page") as socket:
        socket.send_text(json.dumps({"press": "stop"}))
        socket.send_text(json.dumps({"turn": {"map": 7}, "number": 3}))
        while head(socket)["part"] != "answer":
            pass
    assert "stop" in hub.board("me").log


def test_a_hand_comes_near(client, hub):
    with client.websocket_connect("/live/me/page") as socket:
        socket.send_text(json.dumps({"near": True}))
        socket.send_text(json.dumps({"turn": {"map": 7}, "number": 3}))
        while head(socket)["part"] != "answer":
            pass
    assert "near" in hub.board("me").log


def test_the_page_of_another_site_is_refused(client):
    with (
        pytest.raises(WebSocketDisconnect) as found,
        client.websocket_connect("/live/me/page", headers={"origin": "http://elsewhere"}),
    ):
        pass
    assert found.value.code == POLICY


@pytest.mark.parametrize(
    ("origin", "host", "opens"),
    [
        (None, "here:8501", True),
        ("http://here:8501", "here:8501", True),
        ("https://here", "here", True),
        ("http://here:9000", "here:8501", False),
        ("http://elsewhere", "here", False),
        ("null", "here", False),
        ("http://here", None, False),
    ],
)
def test_the_same_host(origin, host, opens):
    assert same_host(origin, host) is opens


class TestApp:
    """What the server's file makes."""

    @pytest.fixture
    def intervals(self, monkeypatch):
        found = []
        monkeypatch.setattr(sys, "setswitchinterval", found.append)
        return found

    @pytest.fixture
    def made(self, intervals, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["streamlit"])
        return runpy.run_path(str(APP))

    def test_origins_are_checked_as_streamlit_does(self, made):
        assert made["allowed"]() is starlette_websocket._is_origin_allowed

    def test_without_that_check_pages_of_the_same_host_may_look(self, made, monkeypatch):
        monkeypatch.delattr(starlette_websocket, "_is_origin_allowed")
        assert made["allowed"]() is same_host

    def test_threads_give_way_sooner_than_by_default(self, made, intervals):
        assert intervals == [0.001]


def test_a_stranger_is_told_why(client):
    with client.websocket_connect("/live/guessed/page") as socket:
        assert closed(socket) == (UNKNOWN, "no page of this session is open")


def test_one_too_many_is_told_why(client):
    with client.websocket_connect("/live/me/page"), client.websocket_connect("/live/me/page") as socket:
        assert closed(socket) == (TRY_LATER, "a session has 1 viewers at most")


@pytest.mark.parametrize(
    "message",
    [
        *("{", "[]", "7", "{}", '{"turn": 1, "number": 2}', '{"turn": {}, "number": "x"}'),
        *(b'{"near": true}', "[" * 4000, '{"turn": {}, "number": 1e999}', '{"turn": {}, "number": NaN}'),
    ],
    ids=lambda message: str(message)[:28],
)
def test_what_is_not_understood_closes_the_socket(client, message, hub):
    with client.websocket_connect("/live/me/page") as socket:
        (socket.send_bytes if isinstance(message, bytes) else socket.send_text)(message)
        assert closed(socket)[0] == POLICY
    assert hub.lines == 0


def test_a_message_that_is_too_long_closes_the_socket(client):
    with client.websocket_connect("/live/me/page") as socket:
        socket.send_text(json.dumps({"press": "x" * MOST_BYTES}))
        assert closed(socket)[0] == TOO_BIG


def test_a_board_that_fails_closes_the_line_and_another_can_be_opened(client, hub, caplog):
    class Failing(Board):
        def look(self):
            raise RuntimeError("broken")

    hub.show("me", "page", Failing())
    with client.websocket_connect("/live/me/page") as socket:
        closed(socket)
    assert "the line of a session failed" in caplog.text
    hub.show("me", "page", Board())
    with client.websocket_connect("/live/me/page") as socket:
        assert head(socket)["part"] == "map"


def test_who_leaves_is_not_kept(client, hub):
    with client.websocket_connect("/live/me/page"):
        assert hub.lines == 1
    assert hub.lines == 0
    assert hub.board("me").log == [True, False]


def test_who_leaves_while_the_line_is_opened_is_not_kept(hub):
    """The server says it with an OSError. What is kept would count: soon the session would be refused."""

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        raise OSError("the browser has left")

    scope = {"type": "websocket", "headers": [], "path_params": {"token": "me", "page": "page"}}
    served = serve(WebSocket(scope, receive, send), hub, lambda origin, host: True)
    # In a thread of its own: this one may have a loop of the browser tests.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, served).result()
    assert hub.lines == 0
    assert hub.board("me").log == [True, False]


@pytest.mark.parametrize("text", ['{"near": true}', "{", "x" * (MOST_BYTES + 1)], ids=["known", "strange", "long"])
def test_what_a_browser_says_that_was_left_raises_nothing(hub, monkeypatch, text):
    """It took nothing for too long, but its line is still open at its side."""
    monkeypatch.setattr("dashboard.live.route.LATE", 0.0)

    async def go():
        left, said = asyncio.Event(), []

        async def receive():
            said.append("websocket.receive" if said else "websocket.connect")
            if said[1:]:
                await left.wait()
            return {"type": said[-1], "text": text}

        async def send(message):
            if message["type"] == "websocket.close":
                left.set()

        scope = {"type": "websocket", "headers": [], "path_params": {"token": "me", "page": "page"}}
        await serve(WebSocket(scope, receive, send), hub, lambda origin, host: True)
        return said

    # In a thread of its own: this one may have a loop of the browser tests.
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(asyncio.run, asyncio.wait_for(go(), 60)).result()[1:] == ["websocket.receive"]
    assert hub.lines == 0


def test_plotly_comes_from_here_compressed_and_may_be_kept(client):
    found = client.get(f"/{PLOTLY}")
    assert b"plotly.js v" in found.content[:200]
    assert found.headers["content-encoding"] == "gzip"
    assert "immutable" in found.headers["cache-control"]
    assert len(gzip.compress(found.content)) < len(found.content) / 3


def test_all_routes_are_below_the_base_path(hub):
    client = TestClient(Starlette(routes=routes("/foo/", hub, lambda origin, host: True)))
    with client.websocket_connect("/foo/live/me/page") as socket:
        assert head(socket)["part"] == "map"
    assert client.get(f"/foo/{PLOTLY}").status_code == 200
    assert client.get(f"/{PLOTLY}").status_code == 404


def test_what_else_is_below_the_base_path_is_left_to_streamlit(hub):
    page = Route("/foo/", lambda request: Response("the page"))
    client = TestClient(Starlette(routes=[*routes("/foo/", hub, lambda origin, host: True), page]))
    assert client.get("/foo/").text == "the page"


class Reader:
    """A socket whose browser takes a message only when it is let. What it has taken stands in `taken`."""

    def __init__(self, token):
        self.headers, self.path_params = {}, {"token": token, "page": "page"}
        self.application_state = WebSocketState.CONNECTED
        self.taken, self.lets, self.gone = asyncio.Queue(), asyncio.Event(), asyncio.Event()

    async def accept(self):
        pass

    async def close(self, *why):
        pass

    async def send_bytes(self, message):
        await self.lets.wait()
        self.taken.put_nowait(unpack(message)[0].get("value"))

    async def receive_text(self):
        await self.gone.wait()
        raise WebSocketDisconnect


def test_a_slow_reader_gets_the_newest_and_holds_nobody_up():
    hub = Hub()
    for name in ("slow", "quick"):
        hub.show(name, "page", Board({"map": 0}))

    async def go():
        slow, quick = Reader("slow"), Reader("quick")
        quick.lets.set()
        served = [asyncio.create_task(serve(one, hub, lambda origin, host: True)) for one in (slow, quick)]
        assert await quick.taken.get() == 0
        for version in range(1, 6):
            for name in ("slow", "quick"):
                hub.board(name).values["map"] = version
            hub.changed({"slow", "quick"})
            assert await quick.taken.get() == version
        slow.lets.set()
        found = [await slow.taken.get(), await slow.taken.get()]
        for one in (slow, quick):
            one.gone.set()
        await asyncio.gather(*served)
        assert slow.taken.empty()
        return found

    # In a thread of its own: this one may have a loop of the browser tests.
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(asyncio.run, asyncio.wait_for(go(), 60)).result() == [0, 5]
    assert hub.lines == 0


def test_a_flood_of_questions_holds_nobody_up(hub):
    """The last one is answered; the others were never more than a number."""
    hub.show("you", "page", Board())
    client = TestClient(Starlette(routes=routes("", hub, lambda origin, host: True)))
    with client.websocket_connect("/live/me/page") as flood, client.websocket_connect("/live/you/page") as other:
        for number in range(1, 501):
            flood.send_text(json.dumps({"turn": {"map": number}, "number": number}))
        assert [head(other)["part"] for _ in range(2)] == ["map", "curve"]
        answered = []
        while not answered or answered[-1] != 500:
            heard = head(flood)
            answered += [heard["number"]] if heard["part"] == "answer" else []
        assert len(answered) < 500


class TestEarly:
    """The scripts of the first screen are named with the page."""

    @pytest.fixture
    def folder(self, tmp_path):
        written = {
            "index.html": '<script src="./static/js/index.1.js"></script>',
            "index.1.js": "",
            "Html.1.js": 'import{a}from"./index.1.js";import{b}from"./part.1.js";const c=()=>import(`./later.1.js`);',
            "part.1.js": "import`./deep.1.js`;import{x}from'./gone.1.js'",
            "deep.1.js": 'import"./part.1.js"',
            "later.1.js": "",
        }
        (tmp_path / "static" / "js").mkdir(parents=True)
        for name, text in written.items():
            place = tmp_path if name == "index.html" else tmp_path / "static" / "js"
            (place / name).write_text(text)
        return tmp_path

    def test_they_are_those_of_the_elements_and_what_they_import(self, folder):
        assert scripts(folder) == ("Html.1.js", "part.1.js", "deep.1.js")

    def test_another_folder_than_expected_names_none(self, tmp_path):
        assert scripts(tmp_path) == scripts(tmp_path / "nowhere") == ()

    def test_streamlit_still_calls_its_scripts_so(self):
        names = scripts(Path(st.__file__).parent / "static")
        for one in WANTED:
            assert any(name.startswith(f"{one}.") for name in names)

    @pytest.mark.parametrize("base", ["/", "/below/"])
    def test_only_pages_name_them(self, base):
        page = Route("/page", lambda request: Response("", media_type="text/html"))
        other = Route("/other", lambda request: Response("{}", media_type="application/json"))
        app = Starlette(routes=[page, other], middleware=[Middleware(Early, base=base, names=("a.js", "b.js"))])
        links = TestClient(app).get("/page").headers["link"]
        assert re.findall("<(.*?)>; rel=modulepreload", links) == [f"{base}static/js/a.js", f"{base}static/js/b.js"]
        assert "link" not in TestClient(app).get("/other").headers
