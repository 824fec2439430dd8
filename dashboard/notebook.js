// The linked viewer alone, in a frame of its own in a notebook.

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const given = JSON.parse(document.getElementById("given").textContent);
const pixels = bytesOf(given.photo.bytes);
const viewer = new Viewer(document.body, "notebook");
viewer.show({
  ...given,
  photo: { ...given.photo, pixels, grey: greyOf(pixels) },
  maps: given.maps.map((map) => ({ ...map, raw: rawOf(bytesOf(map.bytes), map.unit), sorted: {} })),
});
