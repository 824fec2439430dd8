"""Components in the browser that show nothing."""

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st


def invisible(file: str) -> Any:
    """The component whose JavaScript lies beside the Python file `file`, under the same name."""
    script = Path(file).with_suffix(".js")
    return st.components.v2.component(f"attribution_{script.stem}", js=_read(script), isolate_styles=False)


@cache
def _read(script: Path) -> str:
    return script.read_text(encoding="utf-8")
