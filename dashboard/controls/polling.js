// Asks for the next update of a part of the page.
//
// If the browser has left a page and asks for an update of it, Streamlit answers with an empty page. So nothing is asked
// after a click that can lead to another page, until a run of the whole page has answered. All times are milliseconds.

const LINK = 30000; // the longest wait after a click on a link, which leads to another page
const BUTTON = 1000; // the longest wait after a click on a button, which can lead to another page
const UNANSWERED = 5000; // the wait for an answer, before the same question is asked again

function watch() {
  if (window.streamlitPolling) return window.streamlitPolling;
  const polling = { until: 0, runs: {} };
  const wait = (time) => { polling.until = performance.now() + time; };
  addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector);
    const link = at("a[href]");
    const newTab = event.ctrlKey || event.metaKey || event.shiftKey || link?.target === "_blank";
    if (link && !newTab) wait(LINK);
    if (at("button") && !at(".viewer")) wait(BUTTON);
  }, { capture: true, passive: true });
  addEventListener("popstate", () => wait(LINK), { capture: true });
  window.streamlitPolling = polling;
  return polling;
}

export default function poll({ data, parentElement, setTriggerValue }) {
  const polling = watch();
  if (polling.runs[data.key] !== data.run) polling.until = 0; // a run of the whole page has answered
  polling.runs[data.key] = data.run;
  const ask = () => {
    const left = polling.until - performance.now();
    if (left <= 0) setTriggerValue("update", true);
    parentElement.timer = setTimeout(ask, left > 0 ? Math.min(left, data.every) : UNANSWERED);
  };
  clearTimeout(parentElement.timer);
  parentElement.timer = setTimeout(ask, data.every);
  return () => clearTimeout(parentElement.timer);
}
