"""Many visitors at once, with real sockets: `python tests/load.py [--sessions 1 8 20]`. It starts a server of its own.

Each visitor opens Compare as a browser does, drags σ, lets go, and waits until its maps are complete. Every second
one uploads its own photo first. Every fifth makes trouble while its maps are computed: it floods the server with
questions, does not read what it is sent, is cut off and comes back, or vanishes. It prints a table, and ends with an
error if a law is broken: a finished map differs from the same setting alone, somebody gets the photo of another or the
same message twice, the first maps come unfairly, many cost more than one alone, too little of the time computes, memory
grows beyond its bounds, the server does not end.
"""

import argparse
import asyncio
import hashlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from urllib.request import Request, urlopen

import numpy as np
import PIL.Image
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetStates

from attribution import load_model
from attribution.engine.devices import KEPT_BYTES
from attribution.images import to_picture
from attribution.models import Model
from dashboard.controls.resources import STORE_BYTES
from dashboard.experiment.gallery import UPLOAD, gallery_photo
from dashboard.live.frames import unpack

ROOT = Path(__file__).parents[1]
PHOTOS = ("cat", "coffee", "camera", "motorcycle", "astronaut", "rocket")
SAMPLES, STEPS, TURNS = 12, 6, 6
TROUBLE = ("flood", "slow", "cut", "vanish")
FLOOD, SLOW = 300, 5.0
"""Questions of a flood, and the seconds for which a slow reader reads nothing."""
DEARER, COMPUTING, UNFAIR = 1.15, 0.85, 3.0
"""At most: seconds of each of many over those of one alone, and the slowest first map over the median. At least: the
share of the processor time that computes."""
PATIENCE = 600.0
TOKEN = re.compile(rb'"token": ?"([0-9a-f]{32})"')
MAPS = {"integrated_gradients", "smoothgrad", "smooth_taylor"}


@dataclass
class Visitor:
    """A browser: what it asks, and when it got what. Seconds are since the beginning of its run."""

    number: int
    port: int
    trouble: str = ""
    drafts: list[float] = field(default_factory=list)
    first: float = float("nan")
    complete: float = float("nan")
    maps: dict[str, str] = field(default_factory=dict)
    photo: str = ""
    image: str = ""
    twice: list[str] = field(default_factory=list)
    heard: dict[str, bytes] = field(default_factory=dict)
    states: WidgetStates = field(default_factory=WidgetStates)

    def __post_init__(self) -> None:
        self.image = PHOTOS[self.number % len(PHOTOS)]

    @property
    def uploads(self) -> bool:
        return self.number % 2 == 1

    def query(self, sigma: float) -> str:
        return f"img={self.image}&r={SAMPLES}&m={STEPS}&seed={1000 + self.number}&sigma={sigma:g}"

    @property
    def sigma(self) -> float:
        """Where the drag ends."""
        return 0.3 + 0.01 * (self.number % 20)

    @property
    def own(self) -> PIL.Image.Image:
        """A photo that nobody else has."""
        seen = np.random.default_rng(self.number).integers(0, 256, (6, 8, 3), np.uint8)
        return PIL.Image.fromarray(seen).resize((320, 240))

    def saw_its_own(self, model: Model) -> bool:
        """Whether the photo that it was sent is the one that it chose or uploaded."""
        photo = self.own if self.uploads else gallery_photo(self.image)
        return self.photo == hashlib.sha256(to_picture(model.pixels(model.prepare(photo))).tobytes()).hexdigest()

    async def visit(self) -> None:
        address = f"ws://127.0.0.1:{self.port}"
        async with websockets.connect(f"{address}/_stcore/stream", subprotocols=["streamlit"], max_size=None) as page:
            token = await self._run(page, self.query(0.5))
            if self.uploads:
                await self._upload(page)
                await self._run(page, self.query(0.5))
            async with websockets.connect(f"{address}/live/{token}/compare", max_size=None) as line:
                await self._drag(line)
                began = time.perf_counter()
                released = asyncio.create_task(self._run(page, self.query(self.sigma)))
                if not self.trouble:
                    await self._finish(line, began)
                    await released
                    return
                await released
                await self._state(line, lambda state: state["state"] == "live")
                if self.trouble == "flood":
                    await self._flood(line)
                if self.trouble == "slow":
                    await asyncio.sleep(SLOW)
            if self.trouble == "cut":
                self.heard = {}  # a new line gets everything once
                async with websockets.connect(f"{address}/live/{token}/compare", max_size=None) as line:
                    await self._finish(line, began)

    async def _run(self, page: websockets.ClientConnection, query: str) -> str:
        """One run of the script; the token that it gave."""
        message = BackMsg()
        message.rerun_script.query_string = query
        message.rerun_script.widget_states.CopyFrom(self.states)
        await page.send(message.SerializeToString())
        token = ""
        while True:
            data = await asyncio.wait_for(page.recv(), PATIENCE)
            found = TOKEN.search(data)
            token = found[1].decode() if found else token
            heard = ForwardMsg.FromString(data)
            element = heard.delta.new_element
            if element.WhichOneof("type") == "file_uploader" and not self.states.widgets:
                self.states.widgets.add(id=element.file_uploader.id)
            if heard.WhichOneof("type") == "script_finished" and token:
                return token

    async def _upload(self, page: websockets.ClientConnection) -> None:
        """Gives the server its own photo, for the next run of the script."""
        self.own.save(held := io.BytesIO(), "PNG")
        message = BackMsg()
        message.file_urls_request.request_id, message.file_urls_request.file_names[:] = "photo", ["photo.png"]
        await page.send(message.SerializeToString())
        while (heard := ForwardMsg.FromString(await page.recv())).WhichOneof("type") != "file_urls_response":
            pass
        (urls,) = heard.file_urls_response.file_urls
        await asyncio.to_thread(self._put, urls.upload_url, held.getvalue())
        (state,) = self.states.widgets
        about = {"name": "photo.png", "size": len(held.getvalue()), "file_id": urls.file_id, "file_urls": urls}
        state.file_uploader_state_value.uploaded_file_info.add(**about)
        self.image = UPLOAD

    def _put(self, path: str, photo: bytes) -> None:
        """As a browser sends it: a form with one file, and the token of a cookie against requests of other sites."""
        server = f"http://127.0.0.1:{self.port}"
        with urlopen(f"{server}/_stcore/health", timeout=PATIENCE) as answer:
            cookie = answer.headers["Set-Cookie"].partition(";")[0]
        head = {"Cookie": cookie, "X-Xsrftoken": cookie.partition("=")[2]}
        head["Content-Type"] = "multipart/form-data; boundary=end"
        file = b'--end\r\nContent-Disposition: form-data; name="file"; filename="photo.png"\r\n\r\n'
        urlopen(Request(server + path, file + photo + b"\r\n--end--\r\n", head, method="PUT"), timeout=PATIENCE).close()

    async def _drag(self, line: websockets.ClientConnection) -> None:
        """Turns σ step by step; the next question comes after the answer."""
        await self._state(line, lambda state: not state["draft"])
        for number in range(1, TURNS + 1):
            sigma = 0.5 + (self.sigma - 0.5) * number / TURNS
            asked = time.perf_counter()
            await line.send(json.dumps({"turn": {"sigma": round(sigma, 4)}, "number": number}))
            await self._answer(line, number)
            self.drafts.append(time.perf_counter() - asked)

    async def _flood(self, line: websockets.ClientConnection) -> None:
        """Many questions without waiting for an answer; the server may end the line, or answer the last one."""
        with suppress(websockets.ConnectionClosed):
            for number in range(FLOOD):
                await line.send(json.dumps({"turn": {"sigma": 0.2 + number / 1000}, "number": 100 + number}))
            await self._answer(line, 99 + FLOOD)

    async def _answer(self, line: websockets.ClientConnection, number: int) -> None:
        while (head := await self._head(line))["part"] != "answer" or head["number"] != number:
            pass

    async def _finish(self, line: websockets.ClientConnection, began: float) -> None:
        while True:
            head = await self._head(line)
            if head["part"] == "map" and self.first != self.first:
                self.first = time.perf_counter() - began
            if head["part"] == "state" and head["state"] == "done" and not head["draft"]:
                self.complete = time.perf_counter() - began
            if self.complete == self.complete and self.maps.keys() == MAPS:
                return

    async def _state(self, line: websockets.ClientConnection, wanted) -> None:
        while (head := await self._head(line))["part"] != "state" or not wanted(head):
            pass

    async def _head(self, line: websockets.ClientConnection) -> dict:
        message = await asyncio.wait_for(line.recv(), PATIENCE)
        head, payload = unpack(message)
        name = f"{head['part']} {head.get('name', '')}"
        if self.heard.get(name) == message:
            self.twice.append(name)
        self.heard[name] = message
        if head["part"] == "photo":
            self.photo = hashlib.sha256(payload).hexdigest()
        if head["part"] == "map":
            self.maps.pop(head["name"], None)
            if head["done"] == head["total"]:
                self.maps[head["name"]] = hashlib.sha256(payload).hexdigest()
        return head


class Server:
    """The dashboard in a process of its own, with batches of one size: a map does not depend on who else is there."""

    def __enter__(self) -> "Server":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        fixed = "import dashboard, tests.load as load, sys; load.fix(); sys.argv = ['streamlit', *sys.argv[1:]]; "
        run = "from streamlit.web.cli import main; main()"
        options = [f"--server.port={self.port}", "--server.headless=true", "--server.address=127.0.0.1"]
        command = [sys.executable, "-c", fixed + run, "run", "dashboard/app.py", *options]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        for _ in range(600):
            try:
                urlopen(f"http://127.0.0.1:{self.port}/_stcore/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()

    def memory(self) -> float:
        """MiB of the process that are in memory now."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024

    def busy(self) -> tuple[float, float]:
        """Seconds of processor time: of the whole process, and of its threads that compute."""
        tick = os.sysconf("SC_CLK_TCK")

        def seconds(stat: Path) -> float:
            fields = stat.read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / tick

        here = Path(f"/proc/{self.process.pid}")
        tasks = {int(task.name): seconds(task / "stat") for task in (here / "task").iterdir()}
        return seconds(here / "stat"), sum(tasks.values()) - tasks[self.process.pid]


def fix() -> None:
    """In the server: a batch has four points, whatever the machine is doing. Curves are rougher: they cost less."""
    from attribution import controls
    from attribution.engine.batches import BatchSize
    from dashboard.experiment.choices import PATCHES

    PATCHES["quick"] = 2
    controls.ORDERS = 2

    for name in ("next", "first"):
        setattr(BatchSize, name, lambda batch, remaining: min(4, remaining))


async def together(visitors: Sequence[Visitor]) -> float:
    """All visit at once; returns seconds until the last one has gone."""
    began = time.perf_counter()
    await asyncio.gather(*(visitor.visit() for visitor in visitors))
    return time.perf_counter() - began


def measure(count: int, alone: dict[int, Visitor], model: Model) -> float:
    """Lets `count` visitors come at once, every fifth of them with trouble, and prints what it took."""
    with Server() as server:
        asyncio.run(Visitor(999, server.port).visit())  # the model is loaded
        before, (all_before, computing_before) = server.memory(), server.busy()
        troubles = {5 * k + 4: trouble for k, trouble in enumerate(TROUBLE)} if count > 4 else {}
        visitors = [Visitor(k, server.port, troubles.get(k, "")) for k in range(count)]
        seconds = asyncio.run(together(visitors))
        all_after, computing_after = server.busy()
        stay = [visitor for visitor in visitors if visitor.trouble in ("", "cut")]
        firsts = [visitor.first for visitor in stay if not visitor.trouble]
        grown = server.memory() - before
        share = (computing_after - computing_before) / (all_after - all_before)
        print(
            f"{count} sessions, {len(stay)} to the end: {seconds / len(stay):.2f} s each; first map after "
            f"{median(firsts):.2f} s (slowest {max(firsts):.2f}); draft after {median(stay[0].drafts):.2f} s; "
            f"computing {share:.0%} of the processor time; memory {before:.0f} -> {before + grown:.0f} MiB",
            flush=True,
        )
        for visitor in stay:
            assert visitor.maps == alone[visitor.number].maps, f"the maps of visitor {visitor.number} differ"
            assert visitor.saw_its_own(model), f"visitor {visitor.number} saw another photo"
        for visitor in visitors:
            assert not visitor.twice, f"visitor {visitor.number} was sent twice: {visitor.twice}"
        assert max(firsts) <= UNFAIR * median(firsts), "the first maps come unfairly"
        assert share >= COMPUTING, "too little of the processor time computes"
        assert grown <= (STORE_BYTES + KEPT_BYTES) / 2**20, "memory grows beyond the points and the freed memory kept"
        last = Visitor(500, server.port)
        asyncio.run(interrupt(server, last))
    return seconds / len(stay)


async def interrupt(server: Server, visitor: Visitor) -> None:
    """The server is told to end while it computes: it does, soon."""
    visitor.trouble = "vanish"
    await visitor.visit()
    server.process.send_signal(signal.SIGTERM)
    began = time.perf_counter()
    code = await asyncio.to_thread(server.process.wait, 30)
    print(f"  told to end in mid-run, it ended after {time.perf_counter() - began:.1f} s with code {code}", flush=True)
    assert code in (0, -signal.SIGTERM, 128 + signal.SIGTERM)


def main(arguments: Sequence[str] | None = None) -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--sessions", type=int, nargs="+", default=[1, 8, 20])
    args = given.parse_args(arguments)
    alone: dict[int, Visitor] = {}
    model = load_model("efficientnet_lite0", "cpu")
    with Server() as server:
        for number in range(max(args.sessions)):  # the same settings, one after another
            alone[number] = Visitor(number, server.port)
            asyncio.run(alone[number].visit())
    each = {count: measure(count, alone, model) for count in args.sessions}
    for count, seconds in each.items():
        print(f"{count} sessions: {seconds / each[min(each)]:.2f} times the seconds of {min(each)}")
    assert max(each.values()) <= DEARER * each[min(each)], "many cost more than one alone"


if __name__ == "__main__":
    main()
