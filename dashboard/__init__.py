"""The browser's view of the attribution core. No mathematics here."""

import os
import threading

# Read by torch when it is loaded, which is after this. Its threads would otherwise spin while they wait for each other,
# and on a machine that has anything else to do (a browser, say) that costs ten times the work itself.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

warm = threading.Event()
"""Set once torch and the embedded model are loaded in this process."""
