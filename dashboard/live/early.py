"""Names the scripts of the first screen with the page's first answer, so that the browser asks for them at once.

Streamlit's page asks for the script of a component when the first component is drawn, and then for what that script
imports: two more questions, one after the other, before anything can be seen.
"""

import re
from collections.abc import Collection
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

WANTED = ("BidiComponent", "Html")
"""The elements of the first screen, as Streamlit calls their scripts."""
IMPORTS = re.compile(r"""(?:from|import)["'`]\./([\w.-]+\.js)["'`]""")


def scripts(folder: Path, wanted: Collection[str] = WANTED) -> tuple[str, ...]:
    """The names of these scripts in Streamlit's folder `static`, and of all that they import, in the order of need.

    Without those that its page names already. Empty if the folder is another one than expected.
    """
    page = folder / "index.html"
    known = set(re.findall(r"static/js/([\w.-]+\.js)", page.read_text())) if page.exists() else set()
    found: dict[str, None] = {}
    ahead = [file.name for name in wanted for file in sorted((folder / "static" / "js").glob(f"{name}.*.js"))]
    while ahead:
        name = ahead.pop(0)
        file = folder / "static" / "js" / name
        if name in known or name in found or not file.exists():
            continue
        found[name] = None
        ahead += IMPORTS.findall(file.read_text())
    return tuple(found)


class Early:
    """Adds to each page of the app a header that names the scripts. `base` is the path of the server."""

    def __init__(self, app: ASGIApp, base: str, names: Collection[str]) -> None:
        self.app = app
        self.links = ", ".join(f"<{base}static/js/{name}>; rel=modulepreload; crossorigin" for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.append("Link", self.links)
            await send(message)

        await self.app(scope, receive, sent if scope["type"] == "http" and self.links else send)
