// From the numbers of a map to colours. Pure functions. Mirrors attribution/heatmaps.py.

const SHADES = 511;
const KINDS = ["absolute", "signed", "positive"];
const SCALES = ["per map", "shared", "raw"];
const AVERAGES = ["pixels", "56 cells", "28 cells"];

// All float16 numbers, indexed by their bits. Maps are sent as float16.
const HALVES = Float32Array.from({ length: 65536 }, (_, bits) => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
});

// The values of a map, which is sent in float16, divided by its unit.
function rawOf(bytes, unit) {
  const raw = new Float32Array(bytes.length / 2);
  for (let k = 0; k < raw.length; k++) raw[k] = HALVES[bytes[2 * k] | (bytes[2 * k + 1] << 8)] * unit;
  return raw;
}

// The means of a map over a grid of cells, row by row, as torch's adaptive_avg_pool2d: where the side is no multiple of
// the cells, a cell takes in each pixel that it touches.
function meansOf(raw, width, height, cells) {
  const ends = (side) => Array.from({ length: cells }, (_, k) => [Math.floor((k * side) / cells), Math.ceil(((k + 1) * side) / cells)]);
  const across = ends(width);
  return Float32Array.from(ends(height).flatMap(([top, bottom]) => across.map(([left, right]) => {
    let sum = 0;
    for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) sum += raw[y * width + x];
    return sum / ((bottom - top) * (right - left));
  })));
}

// The map with each pixel at the mean of its cell, made once for each number of cells. A small map stays as it is.
function averaged(map, width, height, average) {
  const cells = parseInt(average);
  if (!(cells < Math.min(width, height))) return map;
  map.averages ??= {};
  const known = map.averages[cells];
  if (known) return known;
  const means = meansOf(map.raw, width, height, cells);
  const cell = (place, side) => Math.floor(((place + 0.5) * cells) / side);
  const raw = Float32Array.from(map.raw, (_, k) => means[cell(Math.floor(k / width), height) * cells + cell(k % width, width)]);
  return (map.averages[cells] = { raw, sorted: {}, measure: map.measure });
}

// Loops, here and below: Float32Array.from calls a function for each pixel, and takes several times as long.
function valuesOf(raw, kind) {
  const values = new Float32Array(raw.length);
  for (let k = 0; k < raw.length; k++) values[k] = kind === "absolute" ? Math.abs(raw[k]) : Math.max(raw[k], 0);
  return values;
}

// The same, sorted. There are only so many float16 numbers: to count each takes a tenth of the time of sorting.
function sortedOf({ halves, unit }, kind) {
  const counts = new Uint32Array(0x8000); // by the bits without the sign
  for (const bits of halves) counts[kind === "positive" && bits & 0x8000 ? 0 : bits & 0x7fff]++;
  const sorted = new Float32Array(halves.length);
  for (let bits = 0, k = 0; k < sorted.length; k += counts[bits++]) sorted.fill(HALVES[bits] * unit, k, k + counts[bits]);
  return sorted;
}

// The sorted values of the map (absolute values if signed), computed once for each kind. `halves`: as it was sent.
function ordered(map, kind) {
  const by = kind === "positive" ? "positive" : "absolute";
  map.sorted[by] ??= map.halves ? sortedOf(map, by) : valuesOf(map.raw, by).sort();
  return map.sorted[by];
}

function percentileOf(sorted, percent) {
  const at = ((sorted.length - 1) * percent) / 100;
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

const equal = (low, high) => !(high - low > 1e-12 * Math.max(Math.abs(low), Math.abs(high)));

// A map that puts no pixel before another. Such a map is blank, as in the core.
function constant(map, kind) {
  const sorted = ordered(map, kind);
  const [first] = map.raw;
  return equal(sorted[0], sorted[sorted.length - 1]) && (kind !== "signed" || map.raw.every((value) => value < 0 === first < 0));
}

// The values that get the first and the last colour.
function endsOf(map, kind, percent) {
  const sorted = ordered(map, kind);
  const low = kind === "signed" ? 0 : sorted[0];
  const clipped = percentileOf(sorted, percent);
  // So few pixels can differ from the others that the percentile is not one of them: they would not be seen.
  const top = equal(low, clipped) ? sorted[sorted.length - 1] : clipped;
  return kind === "signed" ? [-top, top] : [low, top];
}

// The ends of each map. "per map": its own; "shared": the same for all whose values have the same unit, their measure;
// "raw": shared, without clipping, from zero.
function allEnds(maps, kind, percent, scale) {
  // Raw values are seen as they are, also where all are equal.
  const own = maps.map((map) =>
    scale === "raw" ? endsOf(map, kind, 100) : constant(map, kind) ? [0, 0] : endsOf(map, kind, percent));
  if (scale === "per map" || !maps.length) return own;
  return maps.map((map) => {
    const alike = own.filter((_, k) => maps[k].measure === map.measure);
    const high = Math.max(...alike.map((ends) => ends[1]));
    const low = kind === "signed" ? -high : scale === "raw" ? 0 : Math.min(...alike.map((ends) => ends[0]));
    return [low, high];
  });
}

// Values of a map -> values scaled by the ends to [0, 1], or to [-1, 1] if signed; zeros if the ends are equal.
function fill(values, raw, kind, [low, high]) {
  const flat = equal(low, high);
  const span = low < 0 ? high : high - low;
  const base = low < 0 ? 0 : low;
  const floor = low < 0 ? -1 : 0;
  for (let k = 0; k < raw.length; k++) {
    const value = kind === "absolute" ? Math.abs(raw[k]) : kind === "positive" && raw[k] < 0 ? 0 : raw[k];
    const scaled = flat ? 0 : (value - base) / span;
    values[k] = scaled < floor ? floor : scaled > 1 ? 1 : scaled;
  }
}

// Colours at equal steps -> [r, g, b, r, g, b, ...] of all shades between them.
function paletteOf(anchors) {
  const parts = anchors.map((text) => [1, 3, 5].map((k) => parseInt(text.slice(k, k + 2), 16)));
  const palette = new Uint8Array(3 * SHADES);
  for (let k = 0; k < SHADES; k++) {
    const at = (k / (SHADES - 1)) * (anchors.length - 1);
    const below = Math.min(Math.floor(at), anchors.length - 2);
    for (let c = 0; c < 3; c++) {
      palette[3 * k + c] = Math.round(parts[below][c] + (at - below) * (parts[below + 1][c] - parts[below][c]));
    }
  }
  return palette;
}

// The pixels of the photo -> their brightness.
function greyOf(photo) {
  const grey = new Float32Array(photo.length / 3);
  for (let k = 0, p = 0; k < grey.length; k++, p += 3) grey[k] = 0.299 * photo[p] + 0.587 * photo[p + 1] + 0.114 * photo[p + 2];
  return grey;
}

// Fills `out` (RGBA) with the colours of values in [0, 1] or [-1, 1], alone or over the grey photo.
function paint(out, values, palette, signed, grey, opacity) {
  const [scale, shift] = signed ? [(SHADES - 1) / 2, (SHADES - 1) / 2 + 0.5] : [SHADES - 1, 0.5];
  // The square root raises low values: most of a map is far below its maximum, and would be invisible over a photo.
  const alphas = Float32Array.from({ length: SHADES }, (_, k) =>
    opacity ? opacity * Math.sqrt(Math.abs(signed ? (2 * k) / (SHADES - 1) - 1 : k / (SHADES - 1))) : 1);
  for (let k = 0, p = 0; k < values.length; k++, p += 4) {
    const shade = (values[k] * scale + shift) | 0;
    const alpha = alphas[shade];
    const rest = (1 - alpha) * grey[k];
    out[p] = alpha * palette[3 * shade] + rest;
    out[p + 1] = alpha * palette[3 * shade + 1] + rest;
    out[p + 2] = alpha * palette[3 * shade + 2] + rest;
    out[p + 3] = 255;
  }
}

// The share of the absolute attribution inside a box [left, top, right, bottom], right and bottom excluded; NaN for a map
// of zeros, as in the core.
function shareIn(map, width, [left, top, right, bottom]) {
  let inside = 0;
  let all = 0;
  map.raw.forEach((raw, k) => {
    const size = Math.abs(raw);
    const x = k % width;
    const y = (k - x) / width;
    all += size;
    if (x >= left && x < right && y >= top && y < bottom) inside += size;
  });
  return all ? inside / all : NaN;
}

// The number of values in each of `bins` equal intervals from 0 to the largest value.
function histogram(sorted, bins) {
  const counts = new Array(bins).fill(0);
  const most = sorted[sorted.length - 1] || 1;
  for (const value of sorted) counts[Math.min(bins - 1, Math.floor((value / most) * bins))]++;
  return counts;
}
