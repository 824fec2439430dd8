"""The controls that all pages share, and the state of a session."""
