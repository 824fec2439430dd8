"""The contrast of two colours, as tests need it."""

import re


def rgb(colour):
    if colour.startswith("#"):
        return [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    return [int(value) for value in re.findall(r"\d+", colour)]


def contrast(one, other):
    """As WCAG 2.2 defines it."""

    def bright(colour):
        shares = [value / 255 for value in rgb(colour)]
        linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
        return sum(part * value for part, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted([bright(one), bright(other)])
    return (high + 0.05) / (low + 0.05)
