"""Compare: what was computed beforehand until the model is there, then the live page in its very place."""

import streamlit as st

from dashboard.cold_start import first

if first.waits(st.session_state):
    first.show()
else:
    from dashboard.views.compare import live  # not before: it brings torch

    live.draw()
