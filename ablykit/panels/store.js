// The rows of one inspector, kept once however many views show them.

/**
 * @typedef {import("./search.js").Row} Row
 * @typedef {import("./search.js").Known} Known
 * @typedef {import("./search.js").Question} Question
 * @typedef {{rows: Row[], era: number, lost: number, title: string, live: boolean, clearedTo: number,
 *   detail: any, notice: string, names: Set<string>, changed: Set<() => void>} & Known} Store
 */

/** How many rows that fell out of the transcript are kept until all are let go at once. */
const SLACK = 5000;

/** @returns {Store} */
export function emptyStore() {
  return {
    rows: [],
    era: 0,
    lost: 0,
    title: "Frames",
    live: true,
    clearedTo: 0,
    detail: null,
    notice: "",
    found: new Map(),
    waiting: new Set(),
    names: new Set(),
    changed: new Set(),
  };
}

/**
 * Take in what the kernel sent. `era` counts how often rows came or went other than at the end.
 * @param {Store} store @param {any} message
 */
export function take(store, message) {
  if (message.reset) {
    const era = store.era + 1;
    Object.assign(store, { rows: [], clearedTo: 0, detail: null, era, found: new Map(), names: new Set() });
  }
  if (message.rows) {
    if (!merge(store.rows, message.rows)) store.era += 1;
    Object.assign(store, { lost: message.lost, title: message.title, live: message.live });
    store.waiting = new Set(message.waiting);
    for (const row of message.rows) store.names.add(row.connection);
    forget(store);
  }
  for (const { expression, numbers } of message.found ?? []) {
    const known = store.found.get(expression) ?? new Set();
    for (const number of numbers) known.add(number);
    store.found.set(expression, known);
    if (!message.rows) store.era += 1;
  }
  if (message.detail) store.detail = message.detail;
  if (message.notice !== undefined) store.notice = message.notice;
}

/**
 * Put rows into a list that is in order of number, each once; tells whether all went to its end.
 * @param {Row[]} rows @param {Row[]} added
 */
export function merge(rows, added) {
  let atEnd = true;
  for (const row of added) {
    let place = rows.length;
    while (place > 0 && rows[place - 1].number > row.number) place -= 1;
    if (place > 0 && rows[place - 1].number === row.number) continue;
    if (place === rows.length) rows.push(row);
    else {
      rows.splice(place, 0, row);
      atEnd = false;
    }
  }
  return atEnd;
}

/** Let rows go that fell out of the transcript. @param {Store} store */
function forget(store) {
  const first = store.rows[0];
  if (!first || store.lost - first.number < SLACK) return;
  const kept = store.rows.findIndex((row) => row.number >= store.lost);
  store.rows = kept < 0 ? [] : store.rows.slice(kept);
  for (const numbers of store.found.values()) for (const n of numbers) if (n < store.lost) numbers.delete(n);
  store.era += 1;
}

/** Whether a row is only a sign of life. @param {Row} row */
const isHeartbeat = (row) => row.action === "HEARTBEAT" || row.kind === "ping" || row.kind === "pong";

/**
 * The rows that a view shows: those that the question finds, kept up to date as more come. Only new rows
 * are asked, unless rows went, or the question is another one.
 */
export class Shown {
  constructor() {
    /** @type {Row[]} */
    this.rows = [];
    this.frames = 0;
    this._read = 0;
    this._asked = "";
  }

  /**
   * @param {Store} store @param {Question} question @param {string} typed @param {boolean} hideHeartbeats
   */
  update(store, question, typed, hideHeartbeats) {
    const asked = JSON.stringify([typed, hideHeartbeats, store.era, store.clearedTo, /unanswered/.test(typed) && [...store.waiting]]);
    if (asked !== this._asked) {
      this._asked = asked;
      this.rows = [];
      this.frames = this._read = 0;
    }
    for (; this._read < store.rows.length; this._read += 1) {
      const row = store.rows[this._read];
      if (row.number < store.clearedTo || (hideHeartbeats && isHeartbeat(row)) || !question(row, store)) continue;
      this.rows.push(row);
      if (row.kind === "frame") this.frames += 1;
    }
  }
}
