// The connection panel's page: state, ids, limits, and a bar that fills with silence.

import { make } from "./panel.js";

/**
 * @typedef {{name: string, state: string, reason: string, ids: [string, string][],
 *   limits: [string, string, string][], maxIdle: number, heartbeats: boolean, silence: number,
 *   received: number, sent: number}} Facts
 */

const TICK = 100; // ms
const GRACE = 10_000; // ms an SDK waits beyond maxIdleInterval before it gives the connection up (RTN23a)
const SIGNS = { connecting: "…", connected: "●", disconnected: "◌", closed: "○", failed: "✕" };

/**
 * What to say about a silence.
 * @param {number} silence ms @param {Facts} facts
 * @returns {{part: number, level: "fine" | "late" | "dead", text: string}}
 */
export function verdict(silence, facts) {
  const seconds = (silence / 1000).toFixed(1);
  const limit = (facts.maxIdle / 1000).toFixed(0);
  const part = facts.maxIdle ? Math.min(silence / facts.maxIdle, 1) : 0;
  if (!facts.heartbeats)
    return { part: 0, level: "fine", text: "Heartbeats are off: WebSocket pings go instead, below the frames." };
  if (silence > facts.maxIdle + GRACE)
    return { part, level: "dead", text: `${seconds} s of silence: an SDK would have given up by now.` };
  if (silence > facts.maxIdle * 1.1)
    return { part, level: "late", text: `${seconds} s of silence: a heartbeat is overdue.` };
  return { part, level: "fine", text: `${seconds} s of silence; after ${limit} s a heartbeat comes.` };
}

/** @param {[string, string, string?][]} facts */
function drawFacts(facts) {
  const list = make("dl", "ak-grid");
  for (const [name, value, meaning] of facts) {
    if (!value) continue;
    const pair = make("div", "ak-pair", "", meaning ? { title: meaning } : {});
    pair.append(make("dt", "", name), make("dd", "", value));
    list.append(pair);
  }
  return list;
}

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const root = make("section", "ablykit ablykit-connection", "", { "aria-label": "Connection" });
  const head = make("div", "ak-bar");
  const state = make("span", "ak-state", "", { role: "status" });
  const reason = make("span", "ak-reason");
  const counts = make("span", "ak-count");
  head.append(state, reason, counts);
  const body = make("div", "ak-body");
  const track = make("div", "ak-track", "", {
    role: "progressbar",
    "aria-label": "Silence",
    "aria-valuemin": "0",
    "aria-valuemax": "100",
  });
  const fill = make("div", "ak-fill");
  track.append(fill);
  const said = make("p", "ak-said");
  root.append(head, body, track, said);
  el.append(root);

  let heardAt = performance.now();

  const tick = () => {
    /** @type {Facts} */
    const facts = model.get("facts");
    const live = facts.state === "connected" && facts.maxIdle > 0;
    track.hidden = said.hidden = !live;
    if (!live) return;
    const { part, level, text } = verdict(performance.now() - heardAt, facts);
    fill.style.width = `${(part * 100).toFixed(1)}%`;
    track.setAttribute("aria-valuenow", (part * 100).toFixed(0));
    root.dataset.level = level;
    said.textContent = text;
  };

  const update = () => {
    /** @type {Facts} */
    const facts = model.get("facts");
    heardAt = performance.now() - facts.silence;
    const sign = SIGNS[/** @type {keyof typeof SIGNS} */ (facts.state)] ?? "?";
    root.dataset.state = facts.state;
    state.textContent = `${sign} ${facts.state}`;
    reason.textContent = facts.reason;
    counts.textContent = `${facts.received} in, ${facts.sent} out`;
    body.replaceChildren(drawFacts([...facts.ids, ...facts.limits]));
    tick();
  };

  model.on("change:facts", update);
  const timer = setInterval(tick, TICK);
  update();
  model.send({ want: "facts" });
  return () => {
    clearInterval(timer);
    model.off("change:facts", update);
  };
}

export default { render };
