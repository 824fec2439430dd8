"""Two who ask for one thing at once."""

import threading
from collections.abc import Callable


def at_once(get: Callable[[], object], begun: threading.Event, go_on: threading.Event) -> list[object]:
    """What both got. The second asks when what the first asked for has `begun`; then it may `go_on`."""
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(get())) for _ in range(2)]
    threads[0].start()
    begun.wait(30)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(30)
    return found
