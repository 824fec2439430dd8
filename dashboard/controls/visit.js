// A tab's visit: one entry of the history for each act of the reader, and a token that a reload does not lose.

// Whatever a reader does to the page comes as one of these events.
const ACTS = ["pointerdown", "keydown", "click", "input"];
const NAME = "visit";
const QUIET = 1000; // milliseconds

// Not crypto.randomUUID: plain http does not have it.
const made = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

function token() {
  try {
    if (!sessionStorage.getItem(NAME)) sessionStorage.setItem(NAME, made());
    return sessionStorage.getItem(NAME);
  } catch {
    return made(); // a browser that stores nothing: the token lasts as long as the page
  }
}

// Streamlit would add up to three entries for one click: the old page without its query, the new page, its query.
function watch() {
  if (window.streamlitVisit) return window.streamlitVisit;
  const visit = { acted: true, at: -QUIET, token: token() };
  const act = () => Object.assign(visit, { acted: true, at: performance.now() });
  for (const name of ACTS) addEventListener(name, act, { capture: true, passive: true });
  // What the script writes after Back belongs to the entry that Back reached.
  addEventListener("popstate", () => { visit.acted = false; }, { capture: true });
  const [push, replace] = [history.pushState.bind(history), history.replaceState.bind(history)];
  history.pushState = (state, title, url) => {
    const to = new URL(url ?? "", document.baseURI);
    // A page link drops the query and the script writes it again: here it is not dropped.
    const bare = [...to.searchParams.keys()].every((key) => key.startsWith("embed"));
    if (bare && to.origin === location.origin && to.pathname !== location.pathname) to.search = location.search;
    (visit.acted ? push : replace)(state, title, to.href);
    visit.acted = false;
  };
  window.streamlitVisit = visit;
  return visit;
}

export default function tell({ data, setStateValue }) {
  const visit = watch();
  visit.known = data.known;
  clearTimeout(visit.timer);
  // Not right after a click on a page link: Streamlit would answer a message of the old page with an empty new page.
  const wait = visit.at + QUIET - performance.now();
  if (wait > 0) visit.timer = setTimeout(tell, wait, { data, setStateValue });
  else if (!data.known) setStateValue("token", visit.token);
}
