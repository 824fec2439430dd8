// One glance: above each map the same map of a network in which all layers are random. It is shown in place of the map while
// a pointer or the focus is on it, or with key n. It leads to the page of all such checks.

Object.assign(Viewer.prototype, {
  // The link with the small picture; hidden as long as there is nothing to show.
  glance(k) {
    const { width, height } = this.head.photo;
    const one = {
      canvas: make("canvas", { "aria-hidden": "true" }), number: make("b"), said: make("small"), map: null,
      picture: new OffscreenCanvas(width, height), pixels: new ImageData(width, height), values: new Float32Array(width * height),
    };
    const look = (at) => () => ((this.looked = at), this.redraw());
    one.link = make("a", { class: "random", hidden: true, onclick: (event) => this.follow(event),
      onpointerenter: (event) => event.pointerType === "mouse" && look(k)(), onpointerleave: look(null), onfocus: look(k), onblur: look(null) },
    one.number, one.canvas, one.said);
    one.canvas.style.aspectRatio = `${width} / ${height}`;
    return one;
  },

  // A link of the navigation leads there without loading the page anew.
  follow(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const { pathname } = event.currentTarget;
    const same = [...document.querySelectorAll("[data-testid^=stTopNav] a")].find((link) => link.pathname === pathname);
    if (!same) return;
    event.preventDefault();
    same.click();
  },

  // The maps of the random network -> colours: each with a scale of its own.
  recolourRandom(palette, signed, strength) {
    this.head.maps.forEach(({ title, random, instead }, m) => {
      const one = this.tiles[m + 1].random;
      one.map = random?.map && !instead ? random.map : null;
      one.link.hidden = !random;
      one.link.classList.toggle("old", Boolean(random?.old));
      one.link.classList.toggle("waits", Boolean(random && !random.map));
      one.link.classList.toggle("flagged", Boolean(random?.flagged));
      if (!random) return;
      const words = `${title}, same photo, all layers of the network random: ${random.said}. Leads to the sanity checks`;
      if (one.words !== words + random.href) Object.assign(one, { words: words + random.href }).link.setAttribute("aria-label", words);
      Object.assign(one.link, { href: random.href, title: `The same photo, all layers of the network random: ${random.said}.` });
      one.number.textContent = random.number;
      one.said.textContent = random.said;
      if (!random.map) return;
      const { photo: { width, height, grey } } = this.head;
      const map = averaged(random.map, width, height, this.state.average);
      const [ends] = allEnds([map], this.state.kind, this.state.percent, "per map");
      fill(one.values, map.raw, this.state.kind, ends);
      paint(one.pixels.data, one.values, palette, signed, grey, strength);
      one.picture.getContext("2d").putImageData(one.pixels, 0, 0);
    });
  },

  // Whether the k-th tile shows the map of the random network in place of its own.
  looksAtRandom(k) {
    const one = this.tiles[k]?.random;
    return Boolean(one?.map) && (this.state.peek || this.looked === k);
  },

  drawRandom() {
    for (const { random } of this.tiles) {
      if (!random || random.link.hidden) continue;
      const { canvas, picture, map } = random;
      const across = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
      const down = Math.max(1, Math.round((across * picture.height) / picture.width));
      if (canvas.width !== across || canvas.height !== down) Object.assign(canvas, { width: across, height: down });
      const context = canvas.getContext("2d");
      context.clearRect(0, 0, across, down);
      context.imageSmoothingQuality = "high";
      if (map) context.drawImage(picture, 0, 0, across, down);
    }
  },
});
