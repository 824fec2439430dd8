"""The work of the pages, in small chunks, and the scheduler that runs it. No Streamlit."""
