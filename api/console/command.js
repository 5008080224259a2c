// A command for a POSIX shell, to copy.

import { h } from "./dom.js";
import { copy } from "./form.js";

export function command(summary, about, text) {
  return h(
    "details",
    {},
    h("summary", {}, summary),
    h("p", {}, about),
    h("pre", { tabindex: "0", "aria-label": summary }, text),
    copy(() => text),
  );
}
