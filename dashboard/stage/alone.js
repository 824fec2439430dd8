// The viewer alone, without knobs: all it shows comes with the component's data.

export default function (component) {
  const { data, parentElement } = component;
  try {
    const viewer = (parentElement.attributionViewer ??= new Viewer(parentElement, component.key ?? component.name));
    viewer.show(unpack(data));
    return () => {
      viewer.close();
      delete parentElement.attributionViewer;
    };
  } catch (error) {
    parentElement.attributionViewer?.close();
    delete parentElement.attributionViewer;
    const line = make("p", { role: "alert" }, `The viewer cannot run in this browser (${error.message}). `);
    line.append(make("a", { href: "?viewer=static" }, "Show plain images instead."));
    parentElement.append(line);
  }
}
