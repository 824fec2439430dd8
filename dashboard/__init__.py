"""A Streamlit dashboard over the attribution core. It contains no mathematics."""

import os
import threading

# Torch reads these when it is imported, which is later. By default its threads spin while they wait for each other, for
# milliseconds. On a machine with other work (for example a browser), that takes ten times the time of the work itself.
# Never to spin is slow on a machine without other work. See docs/decisions/hands-first.md.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")  # GNU's library, which torch uses on Linux

warm = threading.Event()
"""Set once torch and the embedded model are loaded in this process."""
