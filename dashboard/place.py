"""Where the files of the project lie that are not code: in the repository beside the package, else in the package."""

from pathlib import Path

HERE = Path(__file__).parent
INSTALLED = HERE / "assets"
"""A wheel has them here (setup.py)."""
ASSETS = INSTALLED if INSTALLED.is_dir() else HERE.parent / "assets"
APP = HERE / "app.py"
"""What Streamlit runs."""
