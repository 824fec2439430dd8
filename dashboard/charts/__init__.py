"""Plotly figures. No Streamlit, and no torch: charts are shown before torch is loaded."""
