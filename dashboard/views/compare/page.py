"""Compare: the precomputed example until the model is loaded, then the live page in the same place."""

import streamlit as st

from dashboard.cold_start import first

if first.waits(st.session_state):
    first.show()
else:
    from dashboard.views.compare import live  # not earlier: it imports torch

    live.draw()
