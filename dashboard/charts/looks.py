"""The look of every method and baseline, the same in all charts. Does not import Plotly or pandas, which take time."""

from itertools import product

GREY = "#8A8F98"
BAND = "rgba(138, 143, 152, 0.25)"
"""The colour of a band: grey, and what is behind it shows."""
Style = tuple[str, str, str]
"""Colour, dash, marker."""
# Colours by Okabe and Ito, and two more. No two methods have the same colour and dash, or the same colour and marker.
STYLES: dict[str, Style] = {
    "integrated_gradients": ("#0072B2", "solid", "circle"),
    "smoothgrad": ("#E69F00", "dash", "square"),
    "smoothgrad_squared": ("#E69F00", "dashdot", "star"),
    "smooth_taylor": ("#009E73", "dot", "diamond"),
    "left_ig": ("#56B4E9", "solid", "triangle-left"),
    "right_ig": ("#56B4E9", "dot", "triangle-right"),
    "idg": ("#D55E00", "solid", "triangle-up"),
    "guided_ig": ("#CC79A7", "solid", "cross"),
    "agi": ("#7B61C4", "dash", "hexagon"),
    "ggig": ("#B8A900", "solid", "pentagon"),
    "expected_gradients": ("#0072B2", "dash", "circle-open"),
    "blur_ig": ("#009E73", "dash", "diamond-open"),
    "gradient": ("#E69F00", "solid", "square-open"),
    "input_x_gradient": ("#D55E00", "dot", "triangle-down"),
    "lrp": ("#7B61C4", "solid", "hexagon-open"),
    "smooth_taylor_null": (GREY, "dot", "diamond-open"),
    "edges": (GREY, "dash", "square-open"),
    "centre": (GREY, "dashdot", "circle-open"),
    "blurred_noise": (GREY, "solid", "triangle-up-open"),
    "random_order": (GREY, "longdash", "x"),
    "blank": ("#D55E00", "longdash", "star"),
}
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#B8A900", "#7B61C4")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")

# (colour, dash) of each baseline.
BASELINES = {
    "black": ("#0072B2", "solid"),
    "white": ("#E69F00", "dash"),
    "mean": ("#009E73", "dot"),
    "blurred": ("#CC79A7", "dashdot"),
    "uniform": ("#D55E00", "longdash"),
}
BASELINE_NAMES = {"mean": "mean colour", "uniform": "uniform noise"}
"""Longer names for baselines whose names are unclear."""


def style(method: str) -> Style:
    """The look of a method. A method without one gets the next free look, and keeps it."""
    if method not in STYLES:
        taken = {(colour, dash) for colour, dash, _ in STYLES.values()}
        free = ((colour, dash) for dash, colour in product(DASHES, COLOURS) if (colour, dash) not in taken)
        STYLES[method] = (*next(free, (GREY, "dot")), "circle")
    return STYLES[method]


def baseline_name(baseline: str) -> str:
    """The name of a baseline on the page."""
    return BASELINE_NAMES.get(baseline, baseline)
