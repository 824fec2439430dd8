"""The entry: page settings, the controls that all pages share, navigation. Run by `streamlit run dashboard/app.py`."""

from pathlib import Path

import streamlit as st
from starlette.formparsers import MultiPartParser

import dashboard
from dashboard import first

ASSETS = Path(__file__).parents[1] / "assets"

# Uploads above this size would be spooled to a file; none may touch the disk, and none is larger than 20 MB.
MultiPartParser.spool_max_size = 32 * 1024 * 1024

st.set_page_config(
    page_title="Attribution: why did it see that?",
    page_icon=ASSETS / "icon.png",  # Streamlit's own icons would be fetched from a host of fonts
    layout="wide",
    initial_sidebar_state="auto",
)
st.html(ASSETS / "style.css")
# Not in a folder called pages: Streamlit would run what is in there by itself, without what all pages share.
page = st.navigation(
    [
        st.Page("views/compare.py", title="Compare", icon=":material/compare:", default=True),
        st.Page("views/sweep.py", title="Sweep", icon=":material/tune:", url_path="sweep"),
        st.Page("views/results.py", title="Results", icon=":material/table_chart:", url_path="results"),
        st.Page("views/path.py", title="Path", icon=":material/timeline:", url_path="path"),
        st.Page("views/noise.py", title="Noise", icon=":material/grain:", url_path="noise"),
        st.Page("views/learn.py", title="Learn", icon=":material/school:", url_path="learn"),
    ],
    position="top",
)


example = page.url_path == "" and not st.query_params
cold = not dashboard.warm.is_set()
if cold or (example and "present" not in st.session_state):
    # Nobody waits for torch, the model or the worker before there is anything to see.
    st.session_state.present = None
    if example:
        page.run()
    else:
        first.waiting()
    first.sidebar()
    if not cold:
        first.go_on()
        st.stop()
    from dashboard import resources

    resources.model("efficientnet_lite0")
    dashboard.warm.set()
    st.rerun()

from dashboard import sidebar  # noqa: E402  it brings torch

sidebar.draw()
page.run()
