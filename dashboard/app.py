"""The entry: page settings and navigation. Run by `streamlit run dashboard/app.py`."""

import dashboard  # noqa: F401, I001  first: it prepares the ground for torch
import streamlit as st
from starlette.formparsers import MultiPartParser

# Uploads above this size would be spooled to a file; none may touch the disk, and none is larger than 20 MB.
MultiPartParser.spool_max_size = 32 * 1024 * 1024

st.set_page_config(
    page_title="Attribution: why did it see that?",
    page_icon=":material/visibility:",
    layout="wide",
    initial_sidebar_state="auto",
)
st.navigation(
    [st.Page("pages/compare.py", title="Compare", icon=":material/compare:", default=True)], position="top"
).run()
