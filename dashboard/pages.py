"""The pages in the order of the navigation bar. The first one is the default. Each is a folder in `views`."""

from dataclasses import dataclass

SUBJECT = ("image", "model", "target")
"""Fields of the experiment: what is explained."""
NOISE = ("sigma", "samples", "seed")
PATH = ("steps", "baseline", "draws", "rule")


@dataclass(frozen=True)
class Page:
    """A page. `name` is its folder and its URL path.

    `uses`: the fields of the experiment that change what it computes or shows; None: all of them. Beside the page are
    only the controls of these fields. A page that does not use SUBJECT has no `session.present`. One that uses "own",
    the settings of single methods, and not "methods" shows their controls itself (`controls/methods.py`).
    """

    name: str
    title: str
    icon: str
    uses: tuple[str, ...] | None = None

    def has(self, *fields: str) -> bool:
        """Whether it uses all these fields."""
        return self.uses is None or set(fields) <= set(self.uses)

    @property
    def file(self) -> str:
        """The path of its script, for Streamlit."""
        # The folder is not called `pages`: Streamlit would run its files by itself, without the sidebar.
        return f"views/{self.name}/page.py"


PAGES = (
    Page("compare", "Compare", ":material/compare:"),
    Page("sweep", "Sweep", ":material/tune:", (*SUBJECT, "output", *NOISE, *PATH, "evaluation", "curves", "own")),
    Page("results", "Results", ":material/table_chart:", ()),
    Page("path", "Path", ":material/timeline:", (*SUBJECT, "seed", "steps", "baseline", "rule", "own")),
    Page("noise", "Noise", ":material/grain:", (*SUBJECT, "output", "methods", "own", *NOISE)),
    Page("sanity", "Sanity", ":material/rule:", (*SUBJECT, "output", "methods", "own", *NOISE, *PATH)),
    Page("learn", "Learn", ":material/school:", ()),
)
COMPARE = PAGES[0]


def page_at(path: str) -> Page:
    """The page at this path of the address. Without a path it is the first one."""
    return next((page for page in PAGES if page.name == path), COMPARE)
