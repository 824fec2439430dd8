"""The server: Streamlit, and beside it the socket of the viewer. Run by `streamlit run dashboard/app.py -- OPTIONS`."""

import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from dashboard import options
from dashboard.live.early import Early, scripts
from dashboard.live.hub import HUB
from dashboard.live.route import Allowed, routes, same_host
from dashboard.place import APP
from dashboard.stage import stage

sys.setswitchinterval(0.001)  # seconds; see docs/decisions/hands-first.md


def allowed() -> Allowed:
    """Streamlit's own check of the pages that may open a socket. Its name is not public: versions may lack it."""
    try:
        from streamlit.web.server.starlette.starlette_websocket import _is_origin_allowed
    except ImportError:
        return same_host
    return _is_origin_allowed


if Path(sys.argv[0]).resolve() == APP.resolve():  # so it is where Streamlit runs this file
    options.start(sys.argv[1:])

base = str(st.get_option("server.baseUrlPath") or "")
early = Middleware(Early, base=stage.base(), names=scripts(Path(st.__file__).parent / "static"))
app = st.App("main.py", routes=routes(base, HUB, allowed()), middleware=[early])
