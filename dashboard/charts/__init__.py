"""Plotly figures. No Streamlit, and no torch: charts are on screen before torch is loaded."""
