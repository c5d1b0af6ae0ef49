// The sequence panel's page: it shows the drawing, and stays at the end while it is there. A click, or an
// arrow key, selects a frame, here and in every linked panel.

import { NOTHING, button, copy, download, make, select, toggle } from "./panel.js";
import { whileAlive } from "./alive.js";
import { withIcon } from "./icons.js";

/** How many more entries the button draws. */
const STEP = 200;

/** A lifeline's name again, in the row that stays in sight while the drawing scrolls. @param {Element} text */
function nameAbove(text) {
  const name = make("span", "", text.textContent ?? "");
  name.style.left = `${text.getAttribute("x")}px`;
  return name;
}

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const root = make("section", "ablykit ablykit-sequence-panel", "", { "aria-label": "Sequence of frames" });
  const said = make("span", "ak-count", "", { role: "status" });
  const box = make("div", "ablykit-sequence-box", "", { tabindex: "0", role: "group", "aria-label": "Sequence of frames" });
  const timed = toggle("True time", model.get("spacing") === "time", (on) => {
    model.set("spacing", on ? "time" : "even");
    model.save_changes();
  });
  const pings = toggle("", model.get("pings"), (on) => {
    model.set("pings", on);
    model.save_changes();
  });
  const save = withIcon(button("", () => download("sequence.svg", model.get("drawing"), "image/svg+xml")), "save", "Save as SVG");
  const mermaid = withIcon(button("", () => model.send({ want: "mermaid" })), "copy", "Copy as Mermaid");
  const more = button("", () => {
    model.set("shown", model.get("shown") + STEP);
    model.save_changes();
  });
  const bar = make("div", "ak-bar");
  bar.append(make("strong", "", "Sequence"), said, more, timed, pings, save, mermaid);
  const names = make("div", "ak-names", "", { "aria-hidden": "true" });
  const drawn = make("div", "");
  box.append(names, drawn);
  root.append(bar, box);
  el.append(root);

  const arrows = () => /** @type {SVGGElement[]} */ ([...box.querySelectorAll("g[data-number]")]);

  const light = () => {
    const selected = String(model.get("selected"));
    for (const arrow of arrows()) {
      const chosen = arrow.dataset.number === selected;
      arrow.classList.toggle("chosen", chosen);
      if (chosen) arrow.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    const here = arrows().find((arrow) => arrow.dataset.number === selected);
    said.textContent = here ? (here.querySelector("text.label")?.textContent ?? "") : "";
  };

  const update = () => {
    pings.hidden = model.get("ping_count") === 0;
    pings.textContent = `Show pings (${model.get("ping_count")})`;
    const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 30;
    // Parsed as an image's XML, in which no script runs and frames' content is text.
    const drawing = new DOMParser().parseFromString(model.get("drawing"), "image/svg+xml").documentElement;
    drawn.replaceChildren(document.importNode(drawing, true));
    names.style.width = `${drawing.getAttribute("width")}px`;
    names.replaceChildren(...[...drawn.querySelectorAll("text.name")].map(nameAbove));
    const leftOut = model.get("left_out");
    more.hidden = leftOut === 0;
    more.textContent = leftOut > STEP ? `Draw ${STEP} of ${leftOut} earlier` : `Draw all ${leftOut} earlier`;
    if (atEnd) box.scrollTop = box.scrollHeight;
    if (model.get("selected") !== NOTHING) light();
  };

  box.addEventListener("click", (event) => {
    const arrow = /** @type {Element} */ (event.target).closest("g[data-number]");
    if (arrow instanceof SVGElement) select(model, Number(arrow.dataset.number));
  });
  box.addEventListener("keydown", (event) => {
    const all = arrows();
    const here = all.findIndex((arrow) => arrow.dataset.number === String(model.get("selected")));
    const moves = { ArrowDown: here + 1, ArrowUp: here < 0 ? all.length - 1 : here - 1, Home: 0, End: all.length - 1 };
    const to = moves[/** @type {keyof typeof moves} */ (event.key)];
    if (event.key !== "Escape" && (to === undefined || !all[to])) return;
    event.preventDefault();
    event.stopPropagation();
    select(model, event.key === "Escape" ? NOTHING : Number(all[to].dataset.number));
  });
  /** @param {any} message */
  const hear = async (message) => {
    if (message.mermaid === undefined) return;
    await copy(message.mermaid);
    said.textContent = "Copied as Mermaid";
  };

  model.on("change:drawing", update);
  model.on("change:ping_count", update);
  model.on("change:selected", light);
  model.on("msg:custom", hear);
  update();
  return () => {
    model.off("change:drawing", update);
    model.off("change:ping_count", update);
    model.off("change:selected", light);
    model.off("msg:custom", hear);
  };
}

export default { render: whileAlive(render) };
