// The connection panel's page: the state machine, ids, limits, rates, and the timers that run.

import { make } from "./panel.js";
import { whileAlive } from "./alive.js";
import { drawMachine } from "./machine.js";

/**
 * @typedef {{name: string, age: number, limit: number, says: string}} Timer
 * @typedef {{name: string, state: string, before: string, reason: string, ids: [string, string][],
 *   limits: [string, string, string][], timers: Timer[], heartbeats: boolean, frozen: boolean,
 *   frames: {in: number, out: number}, bytes: {in: number, out: number}}} Facts
 * @typedef {{at: number, in: number, out: number}} Sample
 */

const TICK = 100; // ms
const WINDOW = 5000; // ms over which rates are told
const GRACE = 10_000; // ms an SDK waits beyond maxIdleInterval before it gives the connection up (RTN23a)

/**
 * What to say about a timer.
 * @param {number} age ms @param {Timer} timer
 * @returns {{part: number, level: "fine" | "late" | "dead", text: string}}
 */
export function verdict(age, timer) {
  const [seconds, limit] = [(age / 1000).toFixed(1), +(timer.limit / 1000).toFixed(1)];
  const part = Math.min(age / timer.limit, 1);
  if (timer.name !== "silence") {
    const level = age > timer.limit ? "dead" : "fine";
    return { part, level, text: `${seconds} of ${limit} s: ${age > timer.limit ? "over" : timer.says}` };
  }
  if (age > timer.limit + GRACE) return { part, level: "dead", text: `${seconds} s of silence: an SDK would have given up by now.` };
  if (age > timer.limit * 1.1) return { part, level: "late", text: `${seconds} s of silence: a heartbeat is overdue.` };
  return { part, level: "fine", text: `${seconds} s of silence; after ${limit} s a heartbeat comes.` };
}

/**
 * Frames a second each way, over the last few seconds.
 * @param {Sample[]} samples oldest first @param {number} now
 */
export function rates(samples, now) {
  const first = samples.find((sample) => sample.at >= now - WINDOW) ?? samples.at(-1);
  const last = samples.at(-1);
  if (!first || !last || first === last) return { in: 0, out: 0 };
  const seconds = Math.max(now - first.at, 1000) / 1000;
  return { in: (last.in - first.in) / seconds, out: (last.out - first.out) / seconds };
}

/** A number of bytes, short. @param {number} bytes */
export function short(bytes) {
  return bytes < 1024 ? `${bytes} B` : bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
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

/** One timer: its bar and what is said of it. @param {Timer} timer @param {boolean} frozen */
function drawTimer(timer, frozen) {
  const track = make("div", "ak-track", "", {
    role: "progressbar",
    "aria-label": timer.name,
    "aria-valuemin": "0",
    "aria-valuemax": "100",
  });
  const fill = make("div", "ak-fill");
  const said = make("p", "ak-said");
  track.append(fill);
  const since = performance.now() - timer.age;
  const tick = () => {
    const { part, level, text } = verdict(frozen ? timer.age : performance.now() - since, timer);
    fill.style.width = `${(part * 100).toFixed(1)}%`;
    track.setAttribute("aria-valuenow", (part * 100).toFixed(0));
    track.dataset.level = level;
    said.textContent = text;
  };
  return { parts: [track, said], tick };
}

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const root = make("section", "ablykit ablykit-connection", "", { "aria-label": "Connection" });
  const head = make("div", "ak-bar");
  const state = make("span", "ak-state", "", { role: "status" });
  const reason = make("span", "ak-reason");
  const counts = make("span", "ak-count");
  head.append(state, reason, counts);
  const machine = drawMachine(model.get("machine"));
  const body = make("div", "ak-body");
  const timers = make("div", "ak-timers");
  root.append(head, machine.svg, body, timers);
  el.append(root);

  /** @type {Sample[]} */
  let samples = [];
  /** @type {(() => void)[]} */
  let ticks = [];

  const tick = () => {
    const now = performance.now();
    /** @type {Facts} */
    const { frames, bytes } = model.get("facts");
    const rate = rates(samples, now);
    counts.textContent = [
      `← ${frames.in} (${short(bytes.in)}, ${rate.in.toFixed(1)}/s)`,
      `→ ${frames.out} (${short(bytes.out)}, ${rate.out.toFixed(1)}/s)`,
    ].join(" · ");
    for (const each of ticks) each();
  };

  const update = () => {
    const now = performance.now();
    /** @type {Facts} */
    const facts = model.get("facts");
    samples = [...samples.filter((sample) => sample.at > now - 2 * WINDOW), { at: now, ...facts.frames }];
    root.dataset.state = facts.state;
    state.textContent = facts.state;
    reason.textContent = facts.reason;
    machine.light(facts.state, facts.before);
    body.replaceChildren(drawFacts([...facts.ids, ...facts.limits]));
    const drawn = facts.timers.map((timer) => drawTimer(timer, facts.frozen));
    ticks = drawn.map((timer) => timer.tick);
    const off = "Heartbeats are off: WebSocket pings go instead, below the frames.";
    timers.replaceChildren(...drawn.flatMap((timer) => timer.parts), ...(facts.heartbeats ? [] : [make("p", "ak-said", off)]));
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

export default { render: whileAlive(render) };
