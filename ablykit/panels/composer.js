// The composer's page: a frame is chosen, written, checked as it is typed, and sent.

import { button, make, select } from "./panel.js";
import { whileAlive } from "./alive.js";
import { withIcon } from "./icons.js";
import { completed, completion } from "./complete.js";

const PAUSE = 150; // ms without typing before what is written is checked

/**
 * A frame in a few words, for the list of those already sent.
 * @param {string} text
 */
export function shortened(text) {
  const line = text.replace(/\s+/g, " ");
  return line.length > 90 ? `${line.slice(0, 89)}…` : line;
}

let views = 0;

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const choices = model.get("choices");
  const name = `ablykit-composer-${(views += 1)}`;
  const root = make("section", "ablykit ablykit-composer", "", { "aria-label": "Composer" });

  const choose = /** @type {HTMLSelectElement} */ (make("select", "ak-choose", "", { "aria-label": "Which frame" }));
  choose.append(make("option", "", "A frame to begin with …", { value: "" }));
  for (const [action, sentence] of choices.templates) {
    choose.append(make("option", "", action, { value: action, title: sentence }));
  }
  const bar = make("div", "ak-bar");
  bar.append(make("strong", "", "Composer"), choose, make("span", "ak-count", "or a mistake on purpose:"));
  for (const mistake of choices.mistakes) {
    bar.append(button(mistake, () => model.send({ want: "template", text: mistake })));
  }

  const text = /** @type {HTMLTextAreaElement} */ (
    make("textarea", "ak-text", "", {
      rows: "8",
      spellcheck: "false",
      "aria-label": "The frame, as JSON",
      "aria-autocomplete": "list",
      "aria-haspopup": "listbox",
      "aria-controls": `${name}-offers`,
    })
  );
  const offers = make("div", "ak-offers", "", { role: "listbox", id: `${name}-offers`, "aria-label": "What may stand here" });
  offers.hidden = true;
  const verdict = make("div", "ak-verdict", "", { role: "status" });
  const submit = () => model.send({ want: "send", text: text.value });
  const send = withIcon(button("", submit, { title: "Ctrl+Enter" }), "send", "Send");
  send.classList.add("ak-send");
  const again = make("ol", "ak-again", "", { "aria-label": "Sent before" });
  const foot = make("div", "ak-foot");
  foot.append(send, verdict);
  const answer = make("div", "ak-answer", "", { role: "status", "aria-label": "What it got" });
  root.append(bar, text, offers, foot, answer, again);
  el.append(root);

  /** @type {import("./complete.js").Completion | null} */
  let found = null;
  let [timer, chosen, pressed] = [0, 0, false];

  const check = () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      model.set("draft", text.value);
      model.save_changes();
      model.send({ want: "check", text: text.value });
    }, PAUSE);
  };

  /** @param {string[]} problems @param {string} fine */
  const say = (problems, fine) => {
    const wrong = problems.map((problem) => withIcon(make("p", "ak-wrong"), "warning", problem));
    verdict.replaceChildren(...(wrong.length ? wrong : [withIcon(make("p", "ak-fine"), "check", fine)]));
  };

  /** @param {string} frame */
  const write = (frame) => {
    text.value = frame;
    text.focus();
    offer(null);
    check();
  };

  /** @param {import("./complete.js").Completion | null} what */
  const offer = (what) => {
    found = what;
    chosen = 0;
    offers.replaceChildren(...(found?.offers ?? []).map(([value, said], index) => drawOffer(value, said, index)));
    offers.hidden = !found;
    light();
  };

  /** @param {string} value @param {string} said @param {number} index */
  const drawOffer = (value, said, index) => {
    const line = make("div", "ak-offer", "", { role: "option", id: `${name}-offer-${index}` });
    line.append(make("code", "", value), " ", make("span", "ak-soft", said));
    line.addEventListener("mousedown", (event) => {
      event.preventDefault();
      accept(index);
    });
    return line;
  };

  const light = () => {
    [...offers.children].forEach((line, index) => line.setAttribute("aria-selected", String(index === chosen)));
    if (found) text.setAttribute("aria-activedescendant", `${name}-offer-${chosen}`);
    else text.removeAttribute("aria-activedescendant");
  };

  /** @param {number} index */
  const accept = (index) => {
    if (!found) return;
    const after = completed(text.value, found, found.offers[index][0]);
    text.value = after.text;
    text.setSelectionRange(after.caret, after.caret);
    offer(null);
    check();
  };

  /** What a key does while something is offered. @type {Record<string, () => void>} */
  const keys = {
    ArrowDown: () => (chosen = (chosen + 1) % (found?.offers.length ?? 1)),
    ArrowUp: () => (chosen = (chosen + (found?.offers.length ?? 1) - 1) % (found?.offers.length ?? 1)),
    Enter: () => accept(chosen),
    Tab: () => accept(chosen),
    Escape: () => offer(null),
  };

  root.addEventListener("keydown", (event) => {
    event.stopPropagation(); // what is typed here is no command of the notebook
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      submit();
    } else if (found && event.target === text && Object.hasOwn(keys, event.key)) {
      event.preventDefault();
      keys[event.key]();
      light();
    } else if (event.key === " " && event.ctrlKey && event.target === text) {
      event.preventDefault();
      offer(completion(text.value, text.selectionStart, choices));
    }
  });
  text.addEventListener("input", () => {
    offer(completion(text.value, text.selectionStart, choices));
    check();
  });
  // While a button of the mouse is down nothing may move, or what is pressed would not be what is let go.
  const gone = new AbortController();
  const always = { capture: true, signal: gone.signal };
  document.addEventListener("pointerdown", () => (pressed = true), always);
  document.addEventListener(
    "pointerup",
    () => {
      pressed = false;
      setTimeout(() => document.activeElement !== text && offer(null));
    },
    always,
  );
  text.addEventListener("blur", () => pressed || offer(null));
  choose.addEventListener("change", () => {
    if (choose.value) model.send({ want: "template", text: choose.value });
    choose.value = "";
  });

  /** @param {any} message */
  const hear = (message) => {
    if (message.text !== undefined) write(message.text);
    else if (message.sent !== undefined) say(message.problems, "sent");
    else if (message.checked === text.value) say(message.problems, "nothing wrong with it");
  };
  const drawHistory = () => {
    again.hidden = model.get("history").length === 0;
    again.replaceChildren(
      ...model.get("history").map((/** @type {string} */ said) => {
        const item = make("li", "");
        const link = button(shortened(said), () => write(said), { title: "Put it back into the composer" });
        link.className = "ak-link";
        item.append(link);
        return item;
      }),
    );
  };
  const drawAnswer = () => {
    const { number, words, fault } = model.get("answer");
    answer.hidden = words === undefined;
    if (answer.hidden) return;
    const link = button("", () => select(model, number), { title: "Show it in the linked panels" });
    link.className = fault ? "ak-link ak-wrong" : "ak-link ak-fine";
    answer.replaceChildren(withIcon(link, fault ? "warning" : "check", words));
  };
  const drawDraft = () => {
    if (model.get("draft") === text.value) return;
    text.value = model.get("draft");
    check();
  };

  model.on("msg:custom", hear);
  model.on("change:history", drawHistory);
  model.on("change:draft", drawDraft);
  model.on("change:answer", drawAnswer);
  drawHistory();
  drawAnswer();
  drawDraft();
  return () => {
    clearTimeout(timer);
    gone.abort();
    model.off("msg:custom", hear);
    model.off("change:history", drawHistory);
    model.off("change:draft", drawDraft);
    model.off("change:answer", drawAnswer);
  };
}

export default { render: whileAlive(render) };
