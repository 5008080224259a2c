// The state of a key, of any service that has keys, as it changes.

import { path } from "../api.js";
import { h, show } from "../dom.js";
import { time } from "../format.js";
import { json, note } from "../parts.js";

export const title = "Key";

export function mount(root, context) {
  const [service, key] = context.path;
  if (!key) return show(root, note("The address names no key: search for one at the top of the page."));
  const since = h("p.quiet");
  const state = h("div");
  show(root, h("p.id", {}, `${service} ${key}`), since, state);
  const handlers = {
    state: (data) => {
      show(since, "Last change seen at ", time(new Date().toISOString()));
      show(state, json(data, "State"));
    },
    absent: (problem) => show(state, note(problem.detail)),
    gone: (problem) => show(state, note(problem.detail)),
  };
  return context.watch(`${path(service, key)}/events`, handlers, state);
}
