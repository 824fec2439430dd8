"""Hands and eyes on the running app in Chromium, for every browser test."""

import re
from collections.abc import Callable
from typing import Literal

from playwright.sync_api import Error, Locator, Page
from serving import PATIENT
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

PATIENCE = 120_000
"""Milliseconds to wait for what takes computing, on a slow machine."""
LONG = f"model={PATIENT}"
"""For tests that look at a run while it computes."""
Screen = tuple[int, int, Literal["light", "dark"]]
"""Width and height in pixels, and colours."""
DESK: Screen = (1440, 1000, "light")
POLLING = 100
"""Milliseconds between two looks. A look at every frame costs more than what it waits for."""


def settled(points: int | str) -> str:
    """A pattern: what stands under a whole map of noise samples."""
    return rf"^complete: {points} points · halves agree -?\d\.\d\d( · -?\d\.\d\d at (56|28) cells){{2}}$"


def foreign(url: str, address: str) -> bool:
    """Whether a request leaves this machine."""
    return not url.startswith((address, address.replace("http", "ws"), "data:", "blob:"))


STAGE = "[...document.querySelectorAll('*')].map((one) => one.attributionStage).find(Boolean)"
# Another address in an open page, as Back would bring it. It takes a tenth of the time that a page takes to load. Then
# what the last address showed must be gone: a question that has no answer is answered last. What does not come in time
# is an error, which names it.
TURN_TO = f"""async ([url, most]) => {{
  const end = Date.now() + most;
  const until = async (found) => {{
    while (!found()) {{
      if (Date.now() > end) throw new Error(`not in time: ${{found}}`);
      await new Promise((done) => setTimeout(done, 10));
    }}
  }};
  // In a page that does not change, Chromium may never be idle in its sense of the word.
  const idle = () => new Promise((done) => requestIdleCallback(done, {{ timeout: 200 }}));
  const drawn = async () => {{ for (let k = 0; k < 3; k++) await new Promise(requestAnimationFrame).then(idle); }};
  const over = () => document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning";
  await until(() => window.streamlitVisit?.run && over());
  const visit = window.streamlitVisit, before = visit.run;
  history.replaceState(null, "", url);
  dispatchEvent(new PopStateEvent("popstate"));
  await until(() => visit.run !== before && over());
  await drawn(); // the stage knows what the script says
  const line = {STAGE}?.line;
  if (line) {{
    line.turn({{ nothing: performance.now() }});
    await until(() => line.closed || (!line.next && line.asked === null));
  }}
  document.querySelector("[data-testid=stMain]").scrollTo(0, 0);
  await drawn();
}}"""
MOST = 30_000
"""Milliseconds that a turn of the page may take. After that it is loaded."""


def visit(
    page: Page,
    query: str = "r=24&m=8",
    place: str = "",
    title: str = "What did the model look at?",
    on: Screen = DESK,
) -> None:
    """Opens an address on a screen: by a load in an empty tab, by a turn of the page where the app is open already."""
    screen(page, on)
    # The random network has tests of its own; all others need not wait for it.
    url = f"{page.address}/{place}?{query}{'' if 'rand=' in query else '&rand=off'}"
    if page.url.startswith(page.address):
        try:
            page.evaluate(TURN_TO, [url, MOST])
        except Error as late:
            print(f"the page is loaded: {late}")
            page.goto("about:blank")
            page.goto(url)
    else:
        page.goto(url)
    seen(page.get_by_text(title))


# A page that is being left shows what it hears, or drops it: then only the end of the run can be seen.
HEARD = """run => window.streamlitVisit.run !== run
  || document.querySelector("[data-testid=stApp]").dataset.testScriptState === "notRunning\""""


# A clock that can be put forward: what the page has planned for the time until then happens at once. That of Playwright
# is the clock of all tabs of a profile, and a profile of its own fetches and compiles the page's code again.
CLOCK = """
let ahead = 0;
const planned = new Map(), now = performance.now.bind(performance);
const [set, clear] = [window.setTimeout.bind(window), window.clearTimeout.bind(window)];
const plan = (id, one) => {
  planned.set(id, one);
  one.timer = set(() => { planned.delete(id); one.act(...one.given); }, one.due - performance.now());
};
performance.now = () => now() + ahead;
window.setTimeout = (act, wait = 0, ...given) => {
  const one = { act, given, due: performance.now() + wait }, id = set(() => {});
  plan(id, one);
  return id;
};
window.clearTimeout = (id) => {
  clear(planned.get(id)?.timer ?? id);
  planned.delete(id);
};
window.putForward = (by) => {
  ahead += by;
  for (const [id, one] of [...planned]) {
    clear(one.timer);
    plan(id, one);
  }
};
"""


class SlowLine:
    """The line between a page and its server, on which messages can take long."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._late_questions = self._late_answers = self._acted = self._answered = False
        self._asked: list[bytes] = []
        self._answers: list[bytes] = []
        page.add_init_script(f"(() => {{{CLOCK}}})()")
        page.expose_function("asked", lambda: len(self._asked))
        page.expose_function("answered", lambda: self._answered)
        page.route_web_socket(re.compile("_stcore/stream"), self._connect)

    def _connect(self, browser) -> None:
        self._browser, self._server = browser, browser.connect_to_server()
        browser.on_message(self._ask)
        self._server.on_message(self._answer)

    def _ask(self, message: bytes) -> None:
        if self._late_questions:
            self._asked.append(message)
            return
        self._acted |= asks_for_a_run(message)
        self._server.send(message)

    def _answer(self, message: bytes) -> None:
        if self._late_answers:
            self._answers.append(message)
            self._answered |= self._acted and _ends_a_run(message)
            return
        if not self._late_questions:
            asked, self._asked = self._asked, []
            for late in asked:
                self._server.send(late)
        self._browser.send(message)

    def act(self, first: Callable[[], None], then: Callable[[], None]) -> None:
        """A person acts twice. The page hears of the first after the second. The server hears of the second ten seconds
        later; and while it answers, of all that the page asked since."""
        run = self._page.wait_for_function("window.streamlitVisit?.run", timeout=PATIENCE).json_value()
        self._late_answers, self._acted, self._answered = True, False, False
        first()
        self._page.wait_for_function("async () => await answered()", polling=POLLING)
        self._late_questions = True
        then()
        self._page.wait_for_function("async () => await asked() > 0", polling=POLLING)
        while self._answers:  # what comes in the meantime waits behind them
            self._browser.send(self._answers.pop(0))
        self._late_answers = False
        self._page.wait_for_function(HEARD, arg=run, polling=POLLING)
        self._page.evaluate("putForward(10_000)")
        self._late_questions = False
        acted = [*map(asks_for_a_run, self._asked)].index(True)
        before, self._asked = self._asked[: acted + 1], self._asked[acted + 1 :]
        for message in before:
            self._server.send(message)


def asks_for_a_run(message: bytes) -> bool:
    """Whether a message of the browser asks for a run of the whole page."""
    found = BackMsg.FromString(message)
    return found.WhichOneof("type") == "rerun_script" and not found.rerun_script.fragment_id


def _ends_a_run(message: bytes) -> bool:
    """Whether a message of the server is the last one of a run of the whole page."""
    found = ForwardMsg.FromString(message)
    return found.WhichOneof("type") == "script_finished" and found.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY


# When `expect` looks and does not find something, or finds another address, it describes the whole page for its error,
# at every look. That costs a quarter of the processor time of these tests. These two wait for the same without it.
def seen(one: Locator) -> None:
    """Waits until this can be seen."""
    one.wait_for(timeout=PATIENCE)


def until_at(page: Page, pattern: str) -> None:
    """Waits until a part of the address fits the pattern."""
    page.wait_for_url(re.compile(pattern), timeout=PATIENCE)


def screen(page: Page, on: Screen) -> None:
    """Gives a tab this screen. To set what it is already draws the whole page again."""
    width, height, scheme = on
    if page.viewport_size != {"width": width, "height": height}:
        page.set_viewport_size({"width": width, "height": height})
    if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") != (scheme == "dark"):
        page.emulate_media(color_scheme=scheme)


def complete(page: Page) -> None:
    """Waits until every map and every curve is there."""
    seen(page.get_by_text("complete", exact=True))


def fits(page: Page, title: str) -> None:
    """Nothing is wider than the screen, and the title is below the bar of pages."""
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("[data-testid=stMain]").evaluate("main => main.scrollWidth") <= width
    heading = page.get_by_text(title).bounding_box()
    bar = page.get_by_test_id("stHeader").bounding_box()
    assert heading["y"] >= bar["y"] + bar["height"], "the bar of pages lies over the title"


def slider(page: Page, label: str):
    """A slider of the stage or of Streamlit, which keeps a focused one that was replaced until the run ends."""
    present = page.locator("[data-testid=stElementContainer]:not([data-retained]) [data-testid=stSlider]")
    streamlits = present.filter(has_text=label).locator("input[type=range]")
    return page.locator(f".stage input[type=range][aria-label*='{label}']").or_(streamlits)


def to_the_top(page: Page) -> None:
    """The next Tab begins at the top of the page, as if nothing had had the focus yet."""
    page.evaluate(
        """() => {
          // What has a positive number comes first.
          const top = Object.assign(document.createElement("i"), { tabIndex: 1, onblur: () => top.remove() });
          document.body.prepend(top);
          top.focus();
        }"""
    )


def settings(page: Page) -> Locator:
    """The sidebar, opened where it was closed."""
    sidebar = page.get_by_test_id("stSidebar")
    sidebar.wait_for(state="attached", timeout=PATIENCE)
    if sidebar.get_attribute("data-collapsed") == "true":
        page.get_by_test_id("stExpandSidebarButton").click()
    seen(sidebar.get_by_text("Model", exact=True))
    return sidebar


def chart(page: Page, title: str) -> Locator:
    """A chart of the stage."""
    return page.get_by_role("group", name=title)


def drag(page: Page, label: str, key: str, times: int = 1) -> None:
    slider(page, label).focus()
    for _ in range(times):
        page.keyboard.press(key)


def hold(page: Page, label: str) -> tuple[float, float]:
    """Takes the thumb of a slider, and returns where it is."""
    thumb = slider(page, label)
    box = thumb.bounding_box()
    share = thumb.evaluate("input => (input.value - input.min) / (input.max - input.min)")
    x, y = box["x"] + 8 + share * (box["width"] - 16), box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    return x, y


def choose(page: Page, label: str, option: str) -> None:
    box = page.get_by_test_id("stSelectbox").filter(has_text=label).locator("input")
    box.click()
    box.fill(option)
    page.get_by_role("option", name=option, exact=True).click()


VIEWER = """(() => [...document.querySelectorAll('*')]
  .map(element => (element.shadowRoot ?? element).attributionViewer).find(Boolean))()"""
WORDS = "(tile) => new Uint32Array(tile.pixels.data.buffer)"
MARK = "(words) => words.reduce((sum, word) => (Math.imul(sum, 31) + word) | 0, 0)"
MAPS = f"""() => {{
  const viewer = {VIEWER};
  return Object.fromEntries((viewer?.head?.maps ?? []).map((map, m) => {{
    const words = ({WORDS})(viewer.tiles[m + 1]);
    return [map.title, {{status: map.status, colours: new Set(words).size, mark: ({MARK})(words)}}];
  }}));
}}"""


def maps(page: Page) -> dict[str, dict]:
    """Each map in the viewer: what stands under it, how many colours it has, and a mark that others do not share."""
    page.wait_for_function(f"Boolean({VIEWER}?.head?.maps.length)", polling=POLLING, timeout=PATIENCE)
    return page.evaluate(MAPS)


def until_another(page: Page, title: str, mark: int) -> None:
    """Waits until a map is another than the one of this mark. A viewer without a layout has no maps yet."""
    page.wait_for_function(
        f"""([title, mark]) => {{
          const viewer = {VIEWER}, m = (viewer?.head?.maps ?? []).findIndex((map) => map.title === title);
          return m >= 0 && ({MARK})(({WORDS})(viewer.tiles[m + 1])) !== mark;
        }}""",
        arg=[title, mark],
        polling=POLLING,
        timeout=PATIENCE,
    )


def until_under(page: Page, title: str, pattern: str) -> None:
    """Waits until what stands under a map fits the pattern."""
    page.wait_for_function(
        f"""([title, pattern]) => new RegExp(pattern).test(
          {VIEWER}?.head?.maps.find((map) => map.title === title)?.status ?? '')""",
        arg=[title, pattern],
        polling=POLLING,
        timeout=PATIENCE,
    )


AT_REST = """async (one) => {
  const place = () => JSON.stringify(one.getBoundingClientRect());
  one.scrollIntoView({ block: "center" });
  for (let still = 0, last = place(); still < 5; last = place()) {
    await new Promise(requestAnimationFrame);
    still = place() === last ? still + 1 : 0;
  }
}"""


def click_on(page: Page, point: Locator) -> None:
    """Plotly's points take no clicks themselves: the layer above them does, where they are once nothing moves them."""
    seen(point)
    point.evaluate(AT_REST)
    box = point.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
