// The line to the server: a socket that opens again when it is cut, with one question in flight at most, and none twice.

const AGAIN = [250, 1000, 3000, 8000]; // milliseconds before another try
const TRIES = 3; // without any success: then the page says so
const REFUSED = { 1013: "refused", 4404: "unknown" }; // by the server's code for a line that it does not open (route.py),
const LATER = 10000; // and milliseconds before it is asked again: a place is free when another viewer has left

// A message -> {part, ..., bytes}.
function message(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  head.bytes = new Uint8Array(buffer, 4 + length);
  return head;
}

// A message that the script gives as text (base64).
function bufferOf(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let k = 0; k < bytes.length; k++) bytes[k] = letters.charCodeAt(k);
  return bytes.buffer;
}

class Line {
  // `hear` gets each message, `state` gets "open", "cut", "none", "unknown" (the session), or "refused" and why.
  constructor(address, hear, state) {
    Object.assign(this, { address, hear, state, tries: 0, opened: false, number: 0, asked: null, next: null, last: null });
    this.connect();
  }

  connect() {
    this.socket = new WebSocket(this.address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.go();
    this.socket.onmessage = ({ data }) => {
      if (this.tries || !this.opened) this.reached();
      const heard = message(data);
      if (heard.part === "answer" && heard.number === this.asked) {
        this.asked = null;
        this.go();
      }
      if (heard.part === "settled") this.last = null;
      this.hear(heard);
    };
    this.socket.onclose = ({ code, reason }) => {
      this.asked = this.last = null; // who still holds a knob asks again (stage.js)
      if (this.closed) return;
      this.tries += 1;
      const refused = REFUSED[code];
      if (refused) this.state(refused, reason);
      else this.state(!this.opened && this.tries >= TRIES ? "none" : "cut");
      this.timer = setTimeout(() => this.connect(), refused ? LATER : AGAIN[Math.min(this.tries - 1, AGAIN.length - 1)]);
    };
  }

  // The first message says that pictures come. A socket that opens says less: one that is refused opens too.
  reached() {
    this.tries = 0;
    this.opened = true;
    this.state("open");
  }

  // Asks what it would be with these values. Only the newest question is kept while one is unanswered.
  turn(values) {
    this.next = values;
    this.go();
  }

  // Whether pictures of a question are still to come.
  get unanswered() {
    return this.asked !== null;
  }

  // A question that was not sent yet is not sent any more.
  forget() {
    this.next = null;
  }

  press(button) {
    this.say({ press: button });
  }

  // A draft that nobody asks for any more is over, and what was still to be asked of it.
  drop() {
    this.next = this.last = null;
    this.say({ drop: true });
  }

  // A hand is at a knob: batches that are computed become small, so that its first question waits for none that is large.
  near() {
    this.say({ near: true });
  }

  say(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  go() {
    if (!this.next || this.asked !== null || this.socket.readyState !== WebSocket.OPEN) return;
    const [turn, last] = [this.next, this.last];
    this.next = null;
    this.last = JSON.stringify(turn);
    if (this.last === last) return;
    this.asked = ++this.number;
    this.socket.send(JSON.stringify({ turn, number: this.asked }));
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket.close();
  }
}
