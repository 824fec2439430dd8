"""What pages compute, a chunk at a time, and the scheduler that runs it. No Streamlit."""
