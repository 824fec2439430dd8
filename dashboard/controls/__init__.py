"""The controls that all pages share, and what a session keeps."""
