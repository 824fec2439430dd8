// The visit of a tab: one history entry for each action of the user, a token that survives a reload, and the time to
// wait before components may ask the server anything.

// Every action of the user causes one of these events.
const ACTS = ["pointerdown", "keydown", "click", "input"];
const NAME = "visit";
// If the browser has left a page and asks for an update of it, Streamlit answers with an empty page.
const LINK = 30000; // milliseconds to wait for the page of a link
const BUTTON = 1000; // milliseconds after a click on a button: it can lead to another page

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
  const visit = { acted: true, token: token() };
  for (const name of ACTS) addEventListener(name, () => { visit.acted = true; }, { capture: true, passive: true });
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
  window.streamlitVisit = Object.assign(visit, gate());
  return visit;
}

// From a click on a link until the page of that link has come, nothing may be asked. A run of the last page can still
// come in between, so its page is compared, and not only that a run has come.
function gate() {
  let pages = [], shown = null, target = null, until = 0;
  const named = (path) => pages.find((page) => path.split("/").filter(Boolean).at(-1) === page) ?? "";
  const leave = (path) => { target = named(path); until = performance.now() + LINK; };
  addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector);
    const link = at("a[href]");
    const newTab = event.ctrlKey || event.metaKey || event.shiftKey || link?.target === "_blank";
    if (link && !newTab && !link.hash && link.origin === location.origin) leave(link.pathname);
    else if (at("button") && !at(".viewer")) until = Math.max(until, performance.now() + BUTTON);
  }, { capture: true, passive: true });
  // Streamlit runs nothing for a place on the page that it shows.
  const stays = () => location.hash && named(location.pathname) === shown;
  addEventListener("popstate", () => stays() || leave(location.pathname), { capture: true });
  const wait = () => Math.max(0, until - performance.now());
  const come = (page, all) => {
    [pages, shown] = [all, page];
    if (target !== null && target !== page && wait()) return;
    [target, until] = [null, 0];
  };
  return { come, wait };
}

export default function tell({ data, setStateValue }) {
  const visit = watch();
  visit.known = data.known;
  if (visit.run !== data.run) visit.come(data.page, data.pages);
  visit.run = data.run;
  clearTimeout(visit.timer);
  if (data.known) return;
  const wait = visit.wait();
  if (wait > 0) visit.timer = setTimeout(tell, wait, { data, setStateValue });
  else setStateValue("token", visit.token);
}
