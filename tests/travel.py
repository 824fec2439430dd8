"""What a worker of a test gets and gives back: no class of the core, for torch comes with these and takes seconds."""

import hashlib


class Sent:
    """A result, which becomes one of the core where it arrives. It is that of the photo that was given."""

    def __init__(self, task, photo: bytes, wanted: bytes) -> None:
        self.given = hashlib.blake2b(photo, digest_size=16).hexdigest(), task.seed, wanted

    def __reduce__(self):
        return arrived, self.given


def arrived(*given):
    from machines import made_up

    return made_up(*given)
