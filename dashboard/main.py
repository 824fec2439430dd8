"""The script of a session: page settings, the controls that all pages share, navigation."""

import streamlit as st
from starlette.formparsers import MultiPartParser

import dashboard
from dashboard.cold_start import first
from dashboard.pages import COMPARE, PAGES, page_at
from dashboard.place import ASSETS, HERE

# Uploads must never be written to disk. Starlette writes larger uploads than this to a file, but the limit is 20 MB.
MultiPartParser.spool_max_size = 32 * 1024 * 1024

st.set_page_config(
    page_title="Attribution: why did it see that?",
    page_icon=ASSETS / "icon.png",  # Streamlit would load its own icons from a font server
    layout="wide",
)
st.html(HERE / "controls" / "style.css")
page = st.navigation(
    [st.Page(one.file, title=one.title, icon=one.icon, url_path=one.name, default=one is COMPARE) for one in PAGES],
    position="top",
)

# The knobs of Compare are on the page itself; what is set seldom is in the sidebar. Some pages have nothing to set.
here = page_at(page.url_path)
st.set_page_config(initial_sidebar_state="collapsed" if here is COMPARE or here.uses == () else "auto")

example = page.url_path == "" and not st.query_params
cold = not dashboard.warm.is_set()
if cold or (example and first.new()):
    # Show a first page before torch, the model and the worker are loaded.
    first.wait(True, asks=not cold)
    if example:
        page.run()
    else:
        first.waiting()
    first.sidebar()
    if not cold:
        st.stop()  # the browser asks for the live page when it has drawn this one
    from dashboard.controls import resources

    resources.model("efficientnet_lite0")
    dashboard.warm.set()
    st.rerun()

from dashboard.controls import sidebar  # noqa: E402  it imports torch
from dashboard.experiment.words import capital  # noqa: E402  so does this

first.wait(False)
try:
    sidebar.draw(page.url_path)
except MemoryError as error:  # of the device, while it looked at a new photo; nothing of the session is lost
    st.error(f"{capital(str(error))}, or try again later.", icon=":material/memory:")
    st.stop()
page.run()
