// Parts that several pages are made of.

import { h } from "./dom.js";
import { address } from "./pages.js";

/** A section with a heading. */
export function section(heading, ...children) {
  return h("section", {}, h("h2", {}, heading), ...children);
}

/** A table that scrolls within itself where the window is narrow. Return its frame, and its body for `showEach`. */
export function table(label, columns) {
  const body = h("tbody");
  const head = h(
    "thead",
    {},
    h(
      "tr",
      {},
      columns.map((each) => h("th", { scope: "col" }, each)),
    ),
  );
  const frame = h("div.scrolls", { tabindex: "0", role: "region", "aria-label": label }, h("table", {}, head, body));
  return { frame, body };
}

/** Names and values, of a list of pairs; pairs without a value are left out. */
export function facts(pairs) {
  const given = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h(
    "dl.facts",
    {},
    given.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}

export function json(value, label = "JSON") {
  return h("pre.json", { tabindex: "0", "aria-label": label }, JSON.stringify(value, null, 2));
}

/** A link to an execution's page in the Temporal Web UI, in a tab of its own. */
export function webUi(link, text = "Temporal Web UI") {
  return link ? h("a", { href: link, target: "_blank", rel: "noopener" }, `${text} ↗`) : null;
}

export function invocation(id, text = id) {
  return h("a.id", { href: address("invocation", [id]), title: id }, text);
}

export function note(...children) {
  return h("p.note", {}, ...children);
}

/** Why the gateway refused to show something; for missing credentials or a missing role, a way to show others. */
export function refusal(error, context) {
  const other = [401, 403].includes(error.status)
    ? h("button", { type: "button", onclick: context.signIn }, "Use other credentials")
    : null;
  return h("div.refusal", { role: "alert" }, h("p", {}, error.message), other);
}
