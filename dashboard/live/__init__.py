"""Who looks at what, what has been sent to them, and the socket that sends it. Nothing here uses Streamlit."""
