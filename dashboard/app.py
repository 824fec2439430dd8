"""The server: Streamlit, and beside it the socket of the viewer. Run by `streamlit run dashboard/app.py`."""

import streamlit as st
from streamlit.web.server.starlette.starlette_websocket import _is_origin_allowed

from dashboard.live.hub import HUB
from dashboard.live.route import routes

base = str(st.get_option("server.baseUrlPath") or "")
app = st.App("main.py", routes=routes(base, HUB, _is_origin_allowed))
