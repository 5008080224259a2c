// Links to what has started last, each with its status.

import { h, show, showEach } from "./dom.js";
import { status } from "./format.js";
import { address } from "./pages.js";

const LISTED = 24;
const REFRESH = 3000;

/**
 * A list within `place`, read again and again. `of` has
 *
 *   target, query     the list of executions
 *   page, id(each)    the page that shows one of them, and the segment of its address
 *   text(each)        what the link says; its ID if left out
 *   open(id)          what a click does
 *   limit             how many; 24 if left out
 *   found(executions) called after each read; may be left out
 *
 * Return a function that reads it at once.
 */
export function recent(place, context, { target, query = {}, page, id, text = id, open, limit = LISTED, found = () => {} }) {
  const list = h("ul.plain.chips");
  const service = query.service ?? target.slice(1);
  const all = h("a", { href: address("overview", [], { service }) }, "All of them");
  const more = h("p.hint", { hidden: true }, `The ${limit} that started last. `, all);
  place.append(list, more);
  const make = (each) => {
    const chosen = (event) => (event.preventDefault(), open(id(each)));
    return h("li", {}, h("a.id", { href: address(page, [id(each)]), onclick: chosen }, text(each)), " ", h("span"));
  };
  const read = async (signal) => {
    const { executions, next } = await context.api.get(target, { ...query, limit }, { signal });
    showEach(list, executions, id, make, (row, each) => show(row.lastChild, status(each.patternStatus ?? each.status)));
    if (!executions.length) show(list, h("li.quiet", {}, "There are none yet."));
    more.hidden = !next;
    found(executions);
  };
  return context.every(REFRESH, read, list);
}
