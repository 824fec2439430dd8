"""Checks shapes and types at run time, in tests only; a whole number is also a number."""

from collections.abc import Callable
from inspect import Signature, signature

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
nested: dict[tuple[str, str, Signature], Callable] = {}


def checked(empty: Callable) -> Callable:
    """The check of one signature: jaxtyping asks for it with an empty function that has this signature.

    A function that is defined within another is made anew in each call of that one, with the same signature. To write
    the code of its check takes longer than most such functions run, so it is written once.
    """
    if "<locals>" not in empty.__qualname__:
        return check(empty)
    key = (empty.__module__, empty.__qualname__, signature(empty))
    if key not in nested:
        nested[key] = check(empty)
    return nested[key]
