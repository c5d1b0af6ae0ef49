// The replay panel's page: play, step, slow down, go anywhere; and send again.

import { button, make } from "./panel.js";
import { whileAlive } from "./alive.js";
import { withIcon } from "./icons.js";

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const root = make("section", "ablykit ablykit-replay", "", { "aria-label": "Replay" });
  const bar = make("div", "ak-bar");
  /** @param {string} says @param {() => number} position */
  const seeker = (says, position) =>
    button("", () => model.send({ want: "seek", position: position() }), { "aria-label": says, title: says });
  const first = withIcon(seeker("Back to the start", () => 0), "first");
  const before = withIcon(seeker("One back", () => model.get("position") - 1), "previous");
  const play = button("", () => model.send({ want: model.get("playing") ? "pause" : "play" }));
  const step = withIcon(button("", () => model.send({ want: "step" })), "step", "Step");
  const speed = /** @type {HTMLSelectElement} */ (make("select", "ak-choose", "", { "aria-label": "How fast" }));
  for (const name of model.get("speeds")) speed.append(make("option", "", name, { value: name }));
  const slider = /** @type {HTMLInputElement} */ (
    make("input", "ak-slider", "", { type: "range", min: "0", step: "1", "aria-label": "How much has been played" })
  );
  const count = make("span", "ak-count", "", { role: "status" });
  const at = make("p", "ak-at");
  const send = button("", () => model.send({ want: "send" }), {
    title: "Send the client's side to the live service, and compare what it answers",
  });
  withIcon(send, "send", "Send again");
  const sending = make("p", "ak-said", "", { role: "status" });
  const differences = make("pre", "ak-differences", "", { tabindex: "0", "aria-label": "Differences" });
  bar.append(make("strong", "", "Replay"), first, before, play, step, speed, slider, count, send);
  root.append(bar, at, sending, differences);
  el.append(root);

  const update = () => {
    const [position, total] = [model.get("position"), model.get("total")];
    slider.max = String(total);
    slider.value = String(position);
    slider.setAttribute("aria-valuetext", `${position} of ${total}`);
    count.textContent = `${position} of ${total}`;
    if (model.get("playing")) withIcon(play, "pause", "Pause");
    else withIcon(play, "play", "Play");
    speed.value = model.get("speed");
    at.textContent = model.get("at") || "Nothing has been played yet.";
    send.hidden = model.get("sending") === "-";
    sending.textContent = send.hidden ? "" : model.get("sending");
    sending.hidden = !sending.textContent;
    differences.textContent = model.get("differences").join("\n");
    differences.hidden = !differences.textContent;
  };

  speed.addEventListener("change", () => {
    model.set("speed", speed.value);
    model.save_changes();
  });
  slider.addEventListener("change", () => model.send({ want: "seek", position: Number(slider.value) }));
  root.addEventListener("keydown", (event) => event.stopPropagation()); // no commands of the notebook
  model.on("change", update);
  update();
  return () => model.off("change", update);
}

export default { render: whileAlive(render) };
