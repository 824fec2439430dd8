// The texts under the pictures: status of a map, its values, its share in a box, its histogram.

Object.assign(Viewer.prototype, {
  // The text under each map: its status, and its value at the cross-hair, or its share in the box beside that of the area.
  values() {
    const { width } = this.head.photo;
    const { at, box } = this.state;
    const area = box && ((100 * (box[2] - box[0]) * (box[3] - box[1])) / (this.head.photo.pixels.length / 3)).toFixed(1);
    const said = [];
    const shown = this.maps();
    this.head.maps.forEach((map, m) => {
      let text = "";
      if (box) text = shareSaid(shareIn(map, width, box), area);
      else if (at) text = told(shown[m].raw[at[1] * width + at[0]]);
      const random = this.looksAtRandom(m + 1) ? map.random.said : "";
      mark(this.tiles[m + 1].canvas, "aria-label", pictureSaid(map, random));
      const flag = map.random?.flagged ? map.random.said : "";
      say(this.tiles[m + 1].note, random || [map.status, flag, text].filter(Boolean).join(" · "));
      if (text) said.push(`${map.title} ${text}`);
    });
    const place = box ? `box of ${box[2] - box[0]} × ${box[3] - box[1]} pixels, ${area} % of the photo`
      : at ? `column ${at[0]}, row ${at[1]}` : "";
    this.line.classList.toggle("at", Boolean(place));
    say(this.line, place ? `${place}: ${said.join(", ")}` : "Point at a map to read its values, or click it and use the arrow keys.");
  },

  words() {
    const { photo, maps } = this.head;
    mark(this.tiles[0].canvas, "aria-label", photo.words);
    say(this.tiles[0].note, photo.status ?? "");
    [photo, ...maps].forEach((part, k) => {
      const tile = this.tiles[k];
      tile.canvas.classList.toggle("old", Boolean(part.old));
      say(tile.heading, part.title);
      say(tile.gloss, part.gloss ?? "");
    });
    this.tiles[maps.length + 1]?.canvas.setAttribute("aria-label", this.tiles[maps.length + 1].heading.textContent);
    const titles = this.tiles.map((tile) => tile.cell.firstChild.textContent).join("\n");
    if (titles === this.titles) return;
    this.titles = titles;
    this.even();
  },

  // The histogram of each map's values with logarithmic counts, and the clip value. The stage has no room for it.
  bars() {
    if (!this.head) return;
    this.maps().forEach((map, m) => {
      const canvas = this.tiles[m + 1].bars;
      const across = canvas.clientWidth;
      if (!across) return;
      canvas.width = across;
      const down = (canvas.height = 28);
      const sorted = ordered(map, this.state.kind);
      const bins = 60;
      map.counts ??= {};
      const counts = (map.counts[this.state.kind === "positive"] ??= histogram(sorted, bins));
      const most = Math.log1p(Math.max(...counts));
      const context = canvas.getContext("2d");
      context.fillStyle = getComputedStyle(canvas).color;
      counts.forEach((count, k) => {
        const tall = (Math.log1p(count) / most) * down;
        context.fillRect((k * across) / bins, down - tall, across / bins - 1, tall);
      });
      const high = sorted[sorted.length - 1];
      context.fillStyle = getComputedStyle(canvas).getPropertyValue("--mark");
      if (high) context.fillRect(clamp((this.ends[m][1] / high) * across, 0, across - 2), 0, 2, down);
      canvas.title = `values from 0 to ${told(high)}; the last colour starts at ${told(this.ends[m][1])}`;
    });
  },
});

// What a tile shows: its map, or what stands in its place.
function pictureSaid({ title, instead, words }, random) {
  if (random) return `${title}, same photo, all layers of the network random: ${random}`;
  return instead ? `${title}: the photo with replaced regions` : words;
}

// What is said of a map's share in a box that has so many percent of the area.
function shareSaid(share, area) {
  if (Number.isNaN(share)) return "blank map: no attribution to share";
  return `${(100 * share).toFixed(1)} % of |attribution| in ${area} % of the area`;
}
