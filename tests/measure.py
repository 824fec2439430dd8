"""Measures how fast the app is: `python tests/measure.py [http://127.0.0.1:8501]`. Ratios in one run, interleaved.

With the address of a running dashboard it also measures what a hand feels, `TRIES` times each, beside its goal, and how
the page answers while the processor is busy.
"""

import copy
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import dashboard  # noqa: F401 (before torch: it says how threads wait)

sys.path.append(str(Path(__file__).parent / "benchmarks"))

import browser
import PIL.Image
import torch
from pages import VIEWER, asks_for_a_run
from playwright.sync_api import Error, Page, WebSocket, sync_playwright
from skimage import data
from subjects import bare_gradients
from toys import in_batches_of

from attribution import Store, explain, load_model
from attribution.studies.randomisation import randomisation

ROUNDS, TRIES = 5, 30


def ratio(what: str, slow: Callable[[], object], quick: Callable[[], object]) -> None:
    """Times the two in turn, and prints the median of the ratios."""
    slow(), quick()
    found = []
    for _ in range(ROUNDS):
        seconds = []
        for run in (slow, quick):
            began = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - began)
        found.append(seconds[0] / seconds[1])
    print(f"{what}: {median(found):.1f} times as quick ({min(found):.1f} to {max(found):.1f}, {ROUNDS} rounds)")


def core() -> None:
    model = load_model()
    x = model.prepare(PIL.Image.fromarray(data.cat()))
    print(model.device, "torch", torch.__version__, "threads", torch.get_num_threads())
    store = Store()
    knobs = {"sigma": 0.5, "samples": 48}
    explain(model, x, "smoothgrad", store=store, **knobs)
    ratio(
        "SmoothTaylor after SmoothGrad, remembered",
        lambda: explain(model, x, "smooth_taylor", **knobs),
        lambda: explain(model, x, "smooth_taylor", store=store, **knobs),
    )
    single = in_batches_of(1, model)
    ratio(
        "gradients in batches as found, not one by one",
        lambda: explain(single, x, "smoothgrad", **knobs),
        lambda: explain(model, x, "smoothgrad", **knobs),
    )
    eight = in_batches_of(8, model)
    layout = torch.contiguous_format
    contiguous = replace(eight, module=copy.deepcopy(model.module).to(memory_format=layout), memory_format=layout)
    ratio(
        "gradients with channels last, batches of 8",
        lambda: explain(contiguous, x, "smoothgrad", **knobs),
        lambda: explain(eight, x, "smoothgrad", **knobs),
    )


def first_stage(samples: int = 10) -> None:
    """From the request of the randomisation of three methods until they have their maps of its first stage, nothing
    remembered and with the maps of the model remembered; and over a bare loop of the same gradients, in turn."""
    model = load_model()
    x = model.prepare(PIL.Image.fromarray(data.cat()))
    methods = {
        "integrated_gradients": ("integrated_gradients", {"steps": samples}),
        **{name: (name, {"samples": samples}) for name in ("smoothgrad", "smooth_taylor")},
    }
    # SmoothGrad and SmoothTaylor share their points, on the model and on the random network.
    bare = {known: bare_gradients("efficientnet_lite0", (2 if known else 4) * samples, 8) for known in (False, True)}

    def until(store: Store) -> float:
        began = time.perf_counter()
        for found in randomisation(model, x, methods, store=store):
            if found.stages[-1].count and len(found.stages[-1].maps) == len(methods):
                return time.perf_counter() - began
        raise AssertionError("no first stage")

    until(Store())
    for remembered in (False, True):
        seconds, ratios = [], []
        for _ in range(ROUNDS):
            store = Store()
            if remembered:
                for method, knobs in methods.values():
                    explain(model, x, method, store=store, **knobs)
            seconds.append(until(store))
            began = time.perf_counter()
            bare[remembered]()
            ratios.append(seconds[-1] / (time.perf_counter() - began))
        known = "the model's maps remembered" if remembered else "nothing remembered"
        print(
            f"first stage of three methods, {samples} samples and steps, {known}: {median(seconds):.2f} s (median), "
            f"{median(ratios):.2f} of its bare gradients"
        )


def answer(page: Page) -> float:
    """Seconds from a key on the slider of sigma until the page has taken it: then its address is another."""
    before = page.evaluate("location.search")
    slider = page.get_by_role("slider", name="σ, noise scale")
    slider.focus()
    began = time.perf_counter()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("before => location.search !== before", arg=before)
    return time.perf_counter() - began


BARE = """
import streamlit as st
st.markdown("there")
"""


def first_paint(address: str) -> None:
    """From the request of a page until the maps are on screen, and until a page of one line is; in turn."""
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        script = Path(folder) / "bare.py"
        script.write_text(BARE)
        options = ["--server.port=8599", "--server.headless=true", "--browser.gatherUsageStats=false"]
        bare = subprocess.Popen([sys.executable, "-m", "streamlit", "run", str(script), *options])
        opened = playwright.chromium.launch(executable_path=browser.executable(), args=browser.ARGUMENTS)
        found: dict[str, list[float]] = {"bare page": [], "maps": []}
        try:
            for turn in range(ROUNDS + 1):
                for what, url, sign in (
                    ("bare page", "http://127.0.0.1:8599", "text=there"),
                    ("maps", address, ".viewer canvas[role=img] >> nth=3"),
                ):
                    page = opened.new_page(viewport={"width": 1440, "height": 900})
                    began = time.perf_counter()
                    while True:
                        try:
                            page.goto(url)
                            break
                        except Error:  # the bare server is still starting
                            continue
                    page.locator(sign).wait_for(timeout=60_000)
                    if turn:  # the first is not counted: it starts both servers
                        found[what].append(time.perf_counter() - began)
                    page.close()
        finally:
            bare.terminate()
            opened.close()
    bare_page, maps = (median(times) for times in found.values())
    told = f"maps {maps:.2f} s, bare page {bare_page:.2f} s (medians), {maps - bare_page:+.2f} s (goal +0.5)"
    print(f"first paint, a warm server: {told}")


def answers(address: str) -> None:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser.executable(), args=browser.ARGUMENTS)
        found: dict[str, list[float]] = {"idle": [], "busy": []}
        for _ in range(ROUNDS):
            new = f"seed={time.time_ns() // 10**9 % 10_000}"  # a server that was measured before remembers the points
            for state, query in (("idle", "?r=1&m=1"), ("busy", f"?r=500&m=500&eval=paper&{new}")):
                page = opened.new_page(viewport={"width": 1440, "height": 900})
                page.goto(f"{address}/{query}")
                page.get_by_text("complete" if state == "idle" else "draft", exact=state == "idle").first.wait_for(
                    timeout=120_000
                )
                found[state].append(answer(page))
                page.close()
        opened.close()
    print("the page answers a slider:", ", ".join(f"{s} {median(t):.2f} s (median)" for s, t in found.items()))


# When the hand moved the slider, when it let go, and when the next picture of that sigma was on screen after that.
HAND = """
window.hand = {};
const next = (name) => { hand[name] ??= performance.now(); };
window.WebSocket = class extends WebSocket {
  constructor(...all) {
    super(...all);
    if (!String(all[0]).includes('/live/')) return;
    this.addEventListener('message', (event) => {
      const length = new DataView(event.data).getUint32(0, true);
      const head = JSON.parse(new TextDecoder().decode(new Uint8Array(event.data, 4, length)));
      // Maps of the last value may still come.
      const fresh = head.part === 'map' && hand.from && head.family && JSON.parse(head.family)[4].sigma === hand.sigma;
      if (fresh) requestAnimationFrame(() => requestAnimationFrame(() => next(hand.wait)));
    });
  }
};
const sigma = (event) => Number(event.composedPath()[0].value);
addEventListener('input', (event) => {
  if (hand.wait === 'draft') Object.assign(hand, {from: hand.from ?? performance.now(), sigma: sigma(event)});
}, true);
addEventListener('change', (event) => {
  Object.assign(hand, {wait: 'partial', from: performance.now(), sigma: sigma(event)});
}, true);
"""


def drags(address: str) -> None:
    """From the move of a hand to the first draft on screen, and from its letting go to the first new picture."""
    found: dict[str, list[float]] = {"draft": [], "partial": []}
    runs, moved, released = [], [], []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser.executable(), args=browser.ARGUMENTS)
        page = opened.new_page(viewport={"width": 1280, "height": 720})
        page.add_init_script(HAND)

        def listen(line: WebSocket) -> None:
            if "_stcore/stream" in line.url:
                line.on("framesent", lambda message: runs.append(message))

        page.on("websocket", listen)
        page.goto(f"{address}/?r=150&m=10&seed={time.time_ns() // 10**9 % 10_000}")
        page.get_by_text("complete", exact=True).wait_for(timeout=600_000)
        slider = page.get_by_role("slider", name="σ, noise scale")
        box = slider.bounding_box()
        assert box
        for k in range(TRIES):  # every value of sigma is a new one
            x, y = box["x"] + 10 + (box["width"] - 20) * (k + 1) / (TRIES + 2), box["y"] + box["height"] / 2
            page.evaluate("window.hand = {}")
            runs.clear()
            page.mouse.move(x, y)
            page.mouse.down()
            page.wait_for_timeout(400)
            page.evaluate("window.hand = {wait: 'draft'}")
            page.mouse.move(x + 3, y)
            page.wait_for_function("hand.draft", timeout=60_000)
            found["draft"].append(page.evaluate("hand.draft - hand.from"))
            moved.append(sum(map(asks_for_a_run, runs)))
            page.mouse.up()
            page.wait_for_function("hand.partial", timeout=60_000)
            found["partial"].append(page.evaluate("hand.partial - hand.from"))
            released.append(sum(map(asks_for_a_run, runs)) - moved[-1])
        opened.close()
    tell("draft", found["draft"], 250)
    tell("partial", found["partial"], 350)
    print(f"runs of the script: {max(moved)} in a drag (goal 0), {max(released)} when it ends (goal 1)")


def tell(what: str, times: Sequence[float], goal: float | None = None) -> None:
    """Prints the median and the 95th percentile of milliseconds, and whether the latter meets its goal."""
    last = sorted(times)[int(0.95 * len(times))]
    met = "" if goal is None else f" (goal {goal:g} ms: {'met' if last <= goal else 'NOT met'})"
    print(f"{what}: median {median(times):.0f} ms, 95 of 100 within {last:.0f} ms{met}, {len(times)} tries")


def idle(address: str, seconds: float = 10) -> None:
    """What a page is sent and sends on its sockets while nothing runs and nobody touches it."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser.executable(), args=browser.ARGUMENTS)
        page = opened.new_page(viewport={"width": 1280, "height": 720})
        frames: list[str | bytes] = []

        def listen(line: WebSocket) -> None:
            line.on("framereceived", lambda message: frames.append(message))
            line.on("framesent", lambda message: frames.append(message))

        page.on("websocket", listen)
        page.goto(f"{address}/?r=4&m=4")
        page.get_by_text("complete", exact=True).wait_for(timeout=600_000)
        page.wait_for_timeout(3000)  # the last messages of the page's own start
        assert frames
        frames.clear()
        page.wait_for_timeout(1000 * seconds)
        opened.close()
    print(f"bytes on the sockets of an idle page in {seconds:g} s: {sum(map(len, frames))} (goal 0)")


# Resolves with the milliseconds from now until both maps of the noise are other ones and whole, with so many samples.
# The viewer is looked for once: to look through the page at each frame takes time from what is measured.
WHOLE = f"""(samples) => {{
  const viewer = {VIEWER}, before = new Set(viewer.head.maps), from = performance.now();
  window.whole = new Promise((done) => {{
    const look = () => {{
      const fresh = viewer.head.maps.filter((map) => !before.has(map));
      const whole = fresh.filter((map) => map.status.startsWith(`complete: ${{samples}} points`));
      if (whole.length >= 2) done(performance.now() - from);
      else requestAnimationFrame(look);
    }};
    look();
  }});
}}"""


def completes(address: str, samples: int = 60) -> None:
    """From a new sigma until both maps of the noise are whole, over the bare time of their gradients, in turn; and from
    the return to a sigma that was there before."""
    bare, ratios, returns = bare_gradients("efficientnet_lite0", samples, 8, True), [], []
    bare()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser.executable(), args=browser.ARGUMENTS)
        page = opened.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"{address}/?r={samples}&m=10&seed={time.time_ns() // 10**9 % 10_000}")
        page.get_by_text("complete", exact=True).wait_for(timeout=600_000)
        box = page.get_by_role("spinbutton", name="σ, exact value")

        def until(sigma: float) -> float:
            box.fill(f"{sigma:.2f}")
            page.evaluate(WHOLE, samples)
            box.press("Enter")
            page.wait_for_function("sigma => location.search.includes(`sigma=${sigma}`)", arg=f"{sigma:g}")
            return float(page.evaluate("window.whole"))

        for k in range(TRIES + 1):
            whole = until(0.11 + 0.02 * k)
            began = time.perf_counter()
            bare()
            ratios.append(whole / 1000 / (time.perf_counter() - began))
            until(1.5)
            if k:
                returns.append(until(0.11 + 0.02 * (k - 1)))
                until(1.5)
        opened.close()
    print(f"maps whole after letting go, over their bare gradients: {median(ratios):.2f} (median; goal 1.15)")
    tell("a setting that was there before", returns, 150)


def first_stages(address: str) -> None:
    """From the click on Sanity until the maps of three methods of the first stage are on screen, nothing remembered."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser.executable(), args=browser.ARGUMENTS)
        times = []
        for turn in range(ROUNDS + 1):
            page = opened.new_page(viewport={"width": 1280, "height": 720})
            page.goto(f"{address}/results?r=10&m=10&seed={time.time_ns() // 10**9 % 10_000}")
            page.get_by_role("link", name="Sanity").wait_for(timeout=60_000)
            page.wait_for_timeout(12_000)  # the work of the page before has ended: it goes on for 10 s
            began = time.perf_counter()
            page.get_by_role("link", name="Sanity").click()
            page.get_by_role("img", name="1 layer random").first.wait_for(timeout=120_000)
            if turn:  # the first is not counted: it loads the model
                times.append(1000 * (time.perf_counter() - began))
            page.close()
        opened.close()
    tell("Sanity, the first stage on screen", times, 2000)


def displays(address: str) -> None:
    """A change of the display: the time in which all maps are drawn anew."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser.executable(), args=browser.ARGUMENTS)
        page = opened.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"{address}/?r=4&m=4")
        page.get_by_text("complete", exact=True).wait_for(timeout=600_000)
        times = page.evaluate(
            f"""() => {{
              const viewer = {VIEWER};
              return [...Array({TRIES}).keys()].map((k) => {{
                viewer.set({{ kind: ["absolute", "signed", "positive"][k % 3], percent: 90 + (k % 10) }});
                return Number(viewer.frame.dataset.redraw);
              }});
            }}"""
        )
        opened.close()
    tell("a change of the display", times, 16)


if __name__ == "__main__":
    core()
    first_stage()
    if len(sys.argv) > 1:
        address = sys.argv[1].rstrip("/")
        for measure in (first_paint, displays, drags, completes, idle, answers, first_stages):
            measure(address)
