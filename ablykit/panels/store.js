// The rows of one inspector, kept once for all views of it in a page.

import { isPing } from "./search.js";

/**
 * @typedef {import("./search.js").Row} Row
 * @typedef {import("./search.js").Known} Known
 * @typedef {import("./search.js").Question} Question
 * @typedef {{rows: Row[], next: number, isAsking: boolean, era: number, lost: number, title: string, live: boolean, clearedTo: number,
 *   detail: any, notice: string, names: Set<string>, answers: Map<number, number>, pings: number,
 *   changed: Set<() => void>} & Known} Store
 */

/** How many rows that fell out of the transcript are kept until all are let go at once. */
const SLACK = 5000;

/** @returns {Store} */
export function emptyStore() {
  return {
    rows: [],
    next: 0,
    isAsking: false,
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
    answers: new Map(),
    pings: 0,
    changed: new Set(),
  };
}

/**
 * Take in what the kernel sent. `era` counts how often rows came or went other than at the end.
 * @param {Store} store @param {any} message
 */
export function take(store, message) {
  if (message.reset) {
    const { title, live, changed } = store;
    Object.assign(store, emptyStore(), { era: store.era + 1, title, live, changed });
  }
  if (message.rows && !append(store, message)) return;
  for (const { expression, numbers, all } of message.found ?? []) {
    if (all) store.found.set(expression, new Set(numbers));
    else for (const number of numbers) store.found.get(expression)?.add(number);
    if (all) store.era += 1;
  }
  if (message.detail) store.detail = message.detail;
  if (message.notice !== undefined) store.notice = message.notice;
}

/**
 * Put rows at the end, in time that grows with their number alone. The kernel tells every page of a panel the same,
 * in order; `from` says from which number on nothing is missing in a message. A page that has just been opened may
 * hear of new rows before it has the rows before them: it drops these, since its own question brings both. A page
 * that was there before hears what the new one asked for, and skips what it has. Returns whether the message was used.
 * @param {Store} store @param {any} message
 */
function append(store, message) {
  if (message.from > store.next) return false;
  for (const row of message.rows) {
    if (row.number < store.next) continue;
    store.rows.push(row);
    store.next = row.number + 1;
    store.names.add(row.connection);
    if (isPing(row)) store.pings += 1;
    for (const asked of row.answers) store.answers.set(asked, row.number);
  }
  Object.assign(store, { lost: message.lost, title: message.title, live: message.live, isAsking: false });
  store.waiting = new Set(message.waiting);
  forget(store);
  return true;
}

/** Let rows go that fell out of the transcript. @param {Store} store */
function forget(store) {
  const first = store.rows[0];
  if (!first || store.lost - first.number < SLACK) return;
  store.rows = store.rows.slice(placeOf(store.rows, store.lost));
  store.pings = store.rows.filter(isPing).length;
  for (const numbers of [store.answers, ...store.found.values()]) {
    for (const number of numbers.keys()) if (number < store.lost) numbers.delete(number);
  }
  store.era += 1;
}

/**
 * Where a number stands in rows, or would.
 * @param {Row[]} rows @param {number} number
 */
export function placeOf(rows, number) {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].number < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The row of a number, if it is there. @param {Row[]} rows @param {number} number @returns {Row | undefined} */
export function rowOf(rows, number) {
  const row = rows[placeOf(rows, number)];
  return row?.number === number ? row : undefined;
}

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
   * @param {Store} store @param {Question} question @param {string} typed what the question was made of
   * @param {{heartbeats: boolean, pings: boolean}} hidden
   */
  update(store, question, typed, hidden) {
    const waiting = /unanswered/i.test(typed) && [...store.waiting];
    const asked = JSON.stringify([typed, hidden, store.era, store.clearedTo, waiting]);
    if (asked !== this._asked) {
      this._asked = asked;
      this.rows = [];
      this.frames = this._read = 0;
    }
    for (; this._read < store.rows.length; this._read += 1) {
      const row = store.rows[this._read];
      if (row.number < store.clearedTo || (hidden.pings && isPing(row))) continue;
      if ((hidden.heartbeats && row.action === "HEARTBEAT") || !question(row, store)) continue;
      this.rows.push(row);
      if (row.kind === "frame") this.frames += 1;
    }
  }
}
