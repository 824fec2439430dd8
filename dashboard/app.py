"""The server: Streamlit, and beside it the socket of the viewer. Run by `streamlit run dashboard/app.py -- OPTIONS`."""

import sys
from pathlib import Path

import streamlit as st
from streamlit.web.server.starlette.starlette_websocket import _is_origin_allowed

from dashboard import options
from dashboard.live.hub import HUB
from dashboard.live.route import routes
from dashboard.place import APP

if Path(sys.argv[0]).resolve() == APP.resolve():  # so it is where Streamlit runs this file
    options.start(sys.argv[1:])

base = str(st.get_option("server.baseUrlPath") or "")
app = st.App("main.py", routes=routes(base, HUB, _is_origin_allowed))
