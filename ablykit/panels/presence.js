// The presence panel's page: a card for each member, and who left last.

import { make, select } from "./panel.js";
import { whileAlive } from "./alive.js";

/**
 * @typedef {{number: number, clientId: string, channel: string, connectionId: string, data: string,
 *   since: string, at: number}} Member
 */

/** How often the times go on, in ms. */
const TICK = 1000;

/** How long, in words. @param {number} ms */
export function howLong(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** A colour of its own for a name; the name stands beside it. @param {string} name */
export function hueOf(name) {
  let hash = 0;
  for (const char of name) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 360;
  return hash;
}

/** What tells a member from all others (TP3h), and from itself on another channel. @param {Member} member */
const keyOf = (member) => JSON.stringify([member.channel, member.connectionId, member.clientId]);

/** @param {HTMLElement} list @returns {HTMLElement[]} */
const facesOf = (list) => [...list.querySelectorAll(".ak-member")].map((face) => /** @type {HTMLElement} */ (face));

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const root = make("section", "ablykit ablykit-presence", "", { "aria-label": "Who is present" });
  const bar = make("div", "ak-bar");
  const count = make("span", "ak-count", "", { role: "status" });
  const list = make("ul", "ak-members", "", { "aria-label": "Members" });
  const gone = make("p", "ak-said");
  bar.append(make("strong", "", model.get("title")), count);
  root.append(bar, list, gone);
  el.append(root);

  /** When the page was last told the kernel's time, by the page's own clock. */
  let learned = 0;

  /** @param {Member} member */
  const lineOf = (member) => {
    const age = Math.max(model.get("now") - member.at, 0) + performance.now() - learned;
    return `${member.channel} · since ${member.since} (${howLong(age)}) · ${member.connectionId}`;
  };

  /** @param {Member} member */
  const card = (member) => {
    const item = make("li", "");
    const face = make("button", "ak-member", "", {
      type: "button",
      "data-number": String(member.number),
      "data-key": keyOf(member),
    });
    const mark = make("span", "ak-face", [...member.clientId][0]?.toUpperCase() ?? "?", { "aria-hidden": "true" });
    mark.style.setProperty("--ak-hue", String(hueOf(member.clientId)));
    const text = make("span", "ak-who-is");
    text.append(
      make("strong", "", member.clientId),
      make("span", "ak-data", member.data),
      make("small", "", lineOf(member)),
    );
    face.append(mark, text);
    face.addEventListener("click", () => select(model, member.number));
    item.append(face);
    return item;
  };

  const light = () => {
    for (const face of facesOf(list)) {
      face.setAttribute("aria-pressed", String(face.dataset.number === String(model.get("selected"))));
    }
  };
  const told = () => {
    learned = performance.now();
    update();
  };
  const update = () => {
    /** @type {Member[]} */
    const members = model.get("members");
    const focused = list.contains(document.activeElement) && document.activeElement;
    const key = focused instanceof HTMLElement ? focused.dataset.key : undefined;
    count.textContent = members.length === 1 ? "1 member" : `${members.length} members`;
    list.replaceChildren(...members.map(card));
    if (key) facesOf(list).find((face) => face.dataset.key === key)?.focus();
    const left = model.get("left").map((/** @type {Member} */ member) => member.clientId);
    gone.textContent = left.length ? `Left lately: ${left.join(", ")}` : members.length ? "" : "Nobody is present.";
    light();
  };

  /** The times go on while nothing changes. */
  const tick = () => {
    const lines = list.querySelectorAll("small");
    model.get("members").forEach((/** @type {Member} */ member, /** @type {number} */ index) => {
      const line = lines[index];
      if (line) line.textContent = lineOf(member);
    });
  };

  model.on("change:now", told);
  model.on("change:left", update);
  model.on("change:selected", light);
  told();
  model.send({ want: "now" });
  const ticking = setInterval(tick, TICK);
  return () => {
    clearInterval(ticking);
    model.off("change:now", told);
    model.off("change:left", update);
    model.off("change:selected", light);
  };
}

export default { render: whileAlive(render) };
