"""The pages in the order of the navigation bar. The first one is the default. Each is a folder in `views`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """A page. `name` is its folder and its URL path. `without`: the fields of the experiment that it has no use for.

    The sidebar does not show the controls of these fields beside it.
    """

    name: str
    title: str
    icon: str
    without: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The path of its script, for Streamlit."""
        # The folder is not called `pages`: Streamlit would run its files by itself, without the sidebar.
        return f"views/{self.name}/page.py"


PAGES = (
    Page("compare", "Compare", ":material/compare:"),
    Page("sweep", "Sweep", ":material/tune:"),
    Page("results", "Results", ":material/table_chart:"),
    Page("path", "Path", ":material/timeline:", without=("output",)),  # it shows both scores
    Page("noise", "Noise", ":material/grain:"),
    Page("sanity", "Sanity", ":material/rule:"),
    Page("learn", "Learn", ":material/school:"),
)
COMPARE = PAGES[0]


def page_at(path: str) -> Page:
    """The page at this path of the address. Without a path it is the first one."""
    return next((page for page in PAGES if page.name == path), COMPARE)
