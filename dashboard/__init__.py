"""A Streamlit dashboard over the attribution core. It contains no mathematics."""

import os
import threading

# Torch reads this when it is imported, which is later. By default its threads spin while they wait for each other.
# On a machine with other work (for example a browser), spinning takes ten times the time of the work itself.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

warm = threading.Event()
"""Set once torch and the embedded model are loaded in this process."""
