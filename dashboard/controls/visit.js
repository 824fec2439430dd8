// The visit of a tab: one history entry for each action of the user, and a token that survives a reload.

// Every action of the user causes one of these events.
const ACTS = ["pointerdown", "keydown", "click", "input"];
const NAME = "visit";
const QUIET = 1000; // milliseconds

// Not crypto.randomUUID: it is not available over plain http.
const made = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

function token() {
  try {
    if (!sessionStorage.getItem(NAME)) sessionStorage.setItem(NAME, made());
    return sessionStorage.getItem(NAME);
  } catch {
    return made(); // the browser blocks storage: the token is lost with a reload
  }
}

// Streamlit would add up to three history entries for one click: old page without query, new page, its query.
function watch() {
  if (window.streamlitVisit) return window.streamlitVisit;
  const visit = { acted: true, at: -QUIET, token: token() };
  const act = () => Object.assign(visit, { acted: true, at: performance.now() });
  for (const name of ACTS) addEventListener(name, act, { capture: true, passive: true });
  // A URL that the script writes after Back must replace the entry that Back reached.
  addEventListener("popstate", () => { visit.acted = false; }, { capture: true });
  const [push, replace] = [history.pushState.bind(history), history.replaceState.bind(history)];
  history.pushState = (state, title, url) => {
    const to = new URL(url ?? "", document.baseURI);
    // A page link drops the query, and the script writes it again. Keep it instead.
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
  // Wait after a click on a page link: Streamlit would answer a message of the old page with an empty new page.
  const wait = visit.at + QUIET - performance.now();
  if (wait > 0) visit.timer = setTimeout(tell, wait, { data, setStateValue });
  else if (!data.known) setStateValue("token", visit.token);
}
