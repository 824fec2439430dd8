"""Checks shapes and types of the core at run time, in tests only; a whole number is also a number.

The decorator of jaxtyping binds the arguments of each call by Python code. For the many short functions of the core
this takes longer than the functions do: half of the time of many tests. So once this is imported, jaxtyping's import
hook decorates by `decorate`, in which beartype makes the same checks by itself.
"""

from collections.abc import Callable
from dataclasses import is_dataclass
from functools import partial, wraps
from inspect import Signature, isclass, isgeneratorfunction, signature
from typing import Any, get_args

import jaxtyping
from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray, jaxtyped

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
nested: dict[tuple[str, str, Signature], Callable] = {}


def decorate(fn: Any = None, *, typechecker: Callable) -> Any:
    """What stands in the place of `jaxtyping.jaxtyped`: the same checks, by `light` where that can make them."""
    if fn is None:
        return partial(decorate, typechecker=typechecker)
    if isgeneratorfunction(fn) or "<locals>" in fn.__qualname__:
        return jaxtyped(fn, typechecker=typechecker)
    if not isclass(fn):
        return light(fn)
    if is_dataclass(fn) and "__init__" in vars(fn):
        fn.__init__ = light(fn.__init__)
    return fn


def light(fn: Callable) -> Callable:
    """The function with checked arguments and result. Sizes with equal names are equal within one call."""
    inner = check(fn)
    if not any(map(shaped, fn.__annotations__.values())):
        return inner

    @wraps(fn)
    def scoped(*args, **kwargs):
        with jaxtyped("context"):
            return inner(*args, **kwargs)

    return scoped


def shaped(hint: Any) -> bool:
    """Whether there is a shape in an annotation. A string may hold one."""
    array = isclass(hint) and issubclass(hint, AbstractArray)
    return array or isinstance(hint, str) or any(map(shaped, get_args(hint)))


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


jaxtyping.jaxtyped = decorate
