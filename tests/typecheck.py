"""Checks shapes and types at run time, in tests only; a whole number is also a number."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
