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

  // A link of the navigation leads there without loading the page anew. In a narrow window it is in the sidebar.
  follow(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const { pathname } = event.currentTarget;
    const same = [...document.querySelectorAll(":is([data-testid^=stTopNav], [data-testid=stSidebarNav]) a")].find((link) => link.pathname === pathname);
    if (!same) return;
    event.preventDefault();
    same.click();
  },

  // The maps of the random network -> colours: each with a scale of its own. True if there is something new to draw.
  recolourRandom(palette, strength) {
    return this.head.maps.filter((map, m) => this.tintRandom(map, this.tiles[m + 1].random, palette, strength)).length > 0;
  },

  tintRandom({ title, random, instead }, one, palette, strength) {
    const before = [one.map, one.link.hidden];
    one.map = random?.map && !instead ? random.map : null;
    one.link.hidden = !random;
    this.tellRandom(title, random, one);
    const other = !alike(before, [one.map, one.link.hidden]);
    if (!random?.map) return other;
    const { kind, percent, average } = this.state;
    const { photo: { width, height, grey } } = this.head;
    const map = averaged(random.map, width, height, average);
    const [ends] = allEnds([map], kind, percent, "per map");
    if (!coloured(one, [map.raw, kind, ...ends, palette, grey, strength])) return other;
    one.picture.getContext("2d").putImageData(one.pixels, 0, 0);
    return true;
  },

  tellRandom(title, random, one) {
    one.link.classList.toggle("old", Boolean(random?.old));
    one.link.classList.toggle("waits", Boolean(random && !random.map));
    one.link.classList.toggle("flagged", Boolean(random?.flagged));
    if (!random) return;
    const words = `${title}, same photo, all layers of the network random: ${random.said}. Leads to the sanity checks`;
    mark(one.link, "aria-label", words);
    mark(one.link, "href", random.href);
    mark(one.link, "title", `The same photo, all layers of the network random: ${random.said}.`);
    say(one.number, random.number);
    say(one.said, random.said);
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
