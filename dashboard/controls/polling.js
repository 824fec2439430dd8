// Asks for the next update of a part of the page, when visit.js says that it may.

const UNANSWERED = 5000; // milliseconds to wait for an answer, before the same question is asked again

export default function poll({ data, parentElement, setTriggerValue }) {
  const ask = () => {
    const wait = window.streamlitVisit?.wait() ?? 0;
    if (!wait) setTriggerValue("update", true);
    parentElement.timer = setTimeout(ask, wait ? Math.min(wait, data.every) : UNANSWERED);
  };
  clearTimeout(parentElement.timer);
  parentElement.timer = setTimeout(ask, data.every);
  return () => clearTimeout(parentElement.timer);
}
