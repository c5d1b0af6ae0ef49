// The composer's page: a frame is chosen, written, checked as it is typed, and sent.

import { make } from "./panel.js";

const PAUSE = 150; // ms without typing before what is written is checked

/**
 * A frame in a few words, for the list of those already sent.
 * @param {string} text
 */
export function shortened(text) {
  const line = text.replace(/\s+/g, " ");
  return line.length > 90 ? `${line.slice(0, 89)}…` : line;
}

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const { templates, mistakes, members } = model.get("choices");
  const root = make("section", "ablykit ablykit-composer", "", { "aria-label": "Composer" });

  const choose = /** @type {HTMLSelectElement} */ (make("select", "ak-choose", "", { "aria-label": "Which frame" }));
  choose.append(make("option", "", "A frame to begin with …", { value: "" }));
  for (const [name, sentence] of templates) choose.append(make("option", "", name, { value: name, title: sentence }));
  const bar = make("div", "ak-bar");
  bar.append(make("strong", "", "Composer"), choose, make("span", "ak-count", "or a mistake on purpose:"));
  for (const name of mistakes) bar.append(make("button", "ak-button ak-mistake", name, { type: "button" }));

  const text = /** @type {HTMLTextAreaElement} */ (
    make("textarea", "ak-text", "", { rows: "8", spellcheck: "false", "aria-label": "The frame, as JSON" })
  );
  const verdict = make("div", "ak-verdict", "", { role: "status" });
  const send = make("button", "ak-button ak-send", "Send", { type: "button", title: "Ctrl+Enter" });
  const help = make("details", "ak-members");
  const list = make("dl", "");
  for (const [name, sentence] of members) list.append(make("dt", "", name), make("dd", "", sentence));
  help.append(make("summary", "", "Which members are there?"), list);
  const again = make("ol", "ak-again");
  const foot = make("div", "ak-foot");
  foot.append(send, verdict);
  root.append(bar, text, foot, help, again);
  el.append(root);

  let timer = 0;
  const check = () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => model.send({ want: "check", text: text.value }), PAUSE);
  };

  /** @param {string[]} problems @param {string} fine */
  const say = (problems, fine) => {
    const lines = problems.length ? problems.map((problem) => `⚠ ${problem}`) : [`✓ ${fine}`];
    verdict.replaceChildren(...lines.map((line) => make("p", problems.length ? "ak-wrong" : "ak-fine", line)));
  };

  /** @param {string} frame */
  const write = (frame) => {
    text.value = frame;
    text.focus();
    check();
  };

  /** @param {any} message */
  const hear = (message) => {
    if (message.text !== undefined) write(message.text);
    else if (message.sent !== undefined) say(message.problems, "sent");
    else if (message.checked === text.value) say(message.problems, "nothing wrong with it");
  };

  const drawHistory = () => {
    again.replaceChildren(
      ...model.get("history").map((/** @type {string} */ said) => {
        const item = make("li", "");
        const button = make("button", "ak-link", shortened(said), { type: "button", title: "Take it up again" });
        button.addEventListener("click", () => write(said));
        item.append(button);
        return item;
      }),
    );
  };

  const submit = () => model.send({ want: "send", text: text.value });
  choose.addEventListener("change", () => {
    if (choose.value) model.send({ want: "template", text: choose.value });
    choose.value = "";
  });
  bar.addEventListener("click", (event) => {
    const button = /** @type {HTMLElement} */ (event.target);
    if (button.classList.contains("ak-mistake")) model.send({ want: "template", text: button.textContent });
  });
  text.addEventListener("input", check);
  root.addEventListener("keydown", (event) => {
    event.stopPropagation(); // what is typed here is no command of the notebook
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      submit();
    }
  });
  send.addEventListener("click", submit);
  model.on("msg:custom", hear);
  model.on("change:history", drawHistory);
  drawHistory();
  return () => {
    clearTimeout(timer);
    model.off("msg:custom", hear);
    model.off("change:history", drawHistory);
  };
}

export default { render };
