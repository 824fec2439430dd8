"""Compare: what was computed beforehand until the model is there, then the live page in its very place."""

import streamlit as st

from dashboard import first

if st.session_state.present is None:
    first.show()
else:
    from dashboard import compare  # not before: it brings torch

    compare.draw()
