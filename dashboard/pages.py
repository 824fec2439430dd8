"""The pages, a line each, in the order of the bar; the first one is the default. Each is a folder of `views`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """A page: the name of its folder and of its address, its title, and its icon."""

    name: str
    title: str
    icon: str

    @property
    def file(self) -> str:
        """Its script, as Streamlit names it."""
        # Not in a folder called pages: Streamlit would run what is in there by itself, without the controls.
        return f"views/{self.name}/page.py"


PAGES = (
    Page("compare", "Compare", ":material/compare:"),
    Page("sweep", "Sweep", ":material/tune:"),
    Page("results", "Results", ":material/table_chart:"),
    Page("path", "Path", ":material/timeline:"),
    Page("noise", "Noise", ":material/grain:"),
    Page("learn", "Learn", ":material/school:"),
)
COMPARE = PAGES[0]
