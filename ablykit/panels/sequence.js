// The sequence panel's page: it shows the drawing, and stays at the end while it is there.

import { make } from "./panel.js";

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const box = make("div", "ablykit ablykit-sequence-box", "", { tabindex: "0", role: "region", "aria-label": "Sequence of frames" });
  el.append(box);
  const update = () => {
    const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 30;
    // Parsed as an image's XML, in which no script runs and frames' content is text.
    const drawing = new DOMParser().parseFromString(model.get("drawing"), "image/svg+xml").documentElement;
    box.replaceChildren(document.importNode(drawing, true));
    if (atEnd) box.scrollTop = box.scrollHeight;
  };
  model.on("change:drawing", update);
  update();
  return () => model.off("change:drawing", update);
}

export default { render };
