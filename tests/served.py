"""The app as browser tests see it: quick, since most of them are of the page and not of what is computed.

Its network is small. Curves are shorter and rougher: 10 regions, not 30, with 1 noise patch each, not 10, and 2 random
orders, not 8. The sanity checks have few stages and changes. Under other names there are the network of the app, and
the small one as slow as that: it takes time, and leaves the processor to the page.
"""

from dataclasses import replace

import by_heart
from serving import PATIENT, WHOLE
from streamlit.web.cli import main

from attribution import MODELS, controls
from dashboard.experiment.choices import PATCHES
from dashboard.experiment.experiment import Experiment
from dashboard.work import sanity


def serve() -> None:
    """`streamlit` with the arguments of this process."""
    PATCHES["quick"] = 1
    controls.ORDERS = 2
    sanity.STAGES, sanity.SEEDS, sanity.LEVELS = 2, 1, (0.1, 1.0)
    sanity.CHANGES = replace(sanity.CHANGES, count=4, repeats=2)
    curve_key = Experiment.curve_key

    def short(self, panel, metric):
        key = curve_key(self, panel, metric)
        return replace(key, knobs=(*key.knobs, ("regions", 10))) if metric == "perturbation" else key

    Experiment.curve_key = short
    embedded = MODELS[by_heart.EMBEDDED]
    MODELS[WHOLE] = replace(embedded, title="The whole network")
    MODELS[PATIENT] = replace(embedded, title="The small network, slowly", fill=lambda _: by_heart.Patient(0.02).eval())
    MODELS[by_heart.EMBEDDED] = replace(embedded, fill=by_heart.network)
    main()
