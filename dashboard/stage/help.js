// Question marks. Each opens an explanation, while a pointer or the focus is on it, and by a key or a tap. Escape closes it.

const EDGE = 8; // pixels between an explanation and the edge of the screen

// One for all: only one is open at a time. As a popover it lies above everything, and nothing cuts it off.
const tip = make("div", { class: "tip", role: "tooltip", popover: "manual" });
let shown = new AbortController(); // ends what listens while it is open

// The text is where the sign has it for screen readers, so another one can take its place.
function helpOf(text) {
  const open = () => explain(sign);
  const away = ({ relatedTarget }) => relatedTarget !== tip && document.activeElement !== sign && unexplain();
  const sign = make("button",
    { type: "button", class: "help", "aria-label": "Explanation", "aria-description": text, onfocus: open, onblur: unexplain,
      onclick: () => (sign.focus(), open()), // Safari gives a button that is clicked no focus
      onpointerenter: ({ pointerType }) => pointerType === "mouse" && open(), onpointerleave: away }, "?");
  return sign;
}

function explain(sign) {
  unexplain();
  shown = new AbortController();
  const { signal } = shown;
  tip.textContent = sign.getAttribute("aria-description");
  sign.closest(".stage").append(tip);
  tip.showPopover?.();
  const follow = () => (sign.isConnected ? beside(sign) : unexplain());
  follow();
  addEventListener("scroll", follow, { capture: true, signal });
  addEventListener("resize", follow, { signal });
  addEventListener("keydown", ({ key }) => key === "Escape" && unexplain(), { capture: true, signal });
  addEventListener("pointerdown", ({ target }) => target !== sign && target !== tip && unexplain(), { capture: true, signal });
  tip.addEventListener("pointerleave", () => document.activeElement !== sign && unexplain(), { signal });
}

function unexplain() {
  shown.abort();
  tip.remove();
}

// Under the question mark, or above it where there is no room. A pointer can go there without a gap between them.
function beside(sign) {
  const { left, top, bottom } = sign.getBoundingClientRect();
  const { width, height } = tip.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  const room = bottom + height + EDGE <= clientHeight;
  tip.style.left = `${clamp(left, EDGE, Math.max(EDGE, clientWidth - EDGE - width))}px`;
  tip.style.top = `${room ? bottom : Math.max(EDGE, top - height)}px`;
}
