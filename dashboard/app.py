"""The entry: page settings, the controls that all pages share, navigation. Run by `streamlit run dashboard/app.py`."""

from pathlib import Path

import streamlit as st
from starlette.formparsers import MultiPartParser

import dashboard  # noqa: F401  it prepares the ground for torch

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
    [st.Page("views/compare.py", title="Compare", icon=":material/compare:", default=True)], position="top"
)

from dashboard import sidebar  # noqa: E402  after the first things are on screen: torch takes seconds to load

sidebar.draw()
page.run()
