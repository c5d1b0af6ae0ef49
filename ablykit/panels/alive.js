// A panel stays on the page when its kernel ends, and looks as if it were still at work. So it is told.

import { make } from "./panel.js";
import { withIcon } from "./icons.js";

/** What a kernel is when those who talked to it will get no answer any more. */
const OVER = new Set(["restarting", "autorestarting", "terminating", "dead"]);

const ENDED =
  "This panel's kernel has ended: nothing new will arrive, and its controls are switched off. " +
  "To go on, choose Run, then Run All Above Selected Cell, and run this cell again.";

/**
 * A panel's `render` that says so when the kernel ends, and switches the panel's controls off. JupyterLab tells
 * when that happens; elsewhere it is noticed when something can't be sent.
 * @param {(context: any) => () => void} render
 * @returns {(context: any) => () => void}
 */
export function whileAlive(render) {
  return (context) => {
    const { model, el } = context;
    const kernels = model.widget_manager?.context?.sessionContext;
    let hasEnded = false;
    /** @type {(() => void) | null} */
    let stop = null;

    const finish = () => {
      stop?.();
      stop = null;
      for (const control of el.querySelectorAll("button, input, select, textarea")) control.disabled = true;
      const notice = make("p", "ak-ended", "", { role: "alert" });
      el.firstElementChild?.prepend(withIcon(notice, "warning", ENDED));
    };
    const end = () => {
      if (hasEnded) return;
      hasEnded = true;
      if (stop) finish();
    };
    const onStatus = (/** @type {any} */ _, /** @type {string} */ status) => OVER.has(status) && end();

    /** @param {(...values: any[]) => void} act */
    const guarded = (act) => (/** @type {any[]} */ ...values) => {
      if (hasEnded) return;
      try {
        act(...values);
      } catch {
        end();
      }
    };

    kernels?.statusChanged.connect(onStatus);
    kernels?.kernelChanged.connect(end);
    const guard = { ...model, send: guarded(model.send), save_changes: guarded(model.save_changes) };
    stop = render({ ...context, model: guard });
    guard.send({ want: "nothing" }); // a view made after the end finds out at once
    if (hasEnded) finish();
    return () => {
      kernels?.statusChanged.disconnect(onStatus);
      kernels?.kernelChanged.disconnect(end);
      stop?.();
    };
  };
}
