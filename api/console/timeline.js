// A time axis: what came in above the line, what went out below it, what is planned on its dashed part.

import { h, showEach } from "./dom.js";
import { SIGNS, ticking, time } from "./format.js";

const WIDTH = 190; // of a label, in pixels
const ROW = 56;
const SPARE = 0.04; // of the axis, after the last mark

/**
 * An axis that moves on by itself until `signal` aborts. Return the element and `set(marks, endsAt)`: a mark has
 * `{key, at, label, meaning, sign, isAbove, isPlanned}` with `at` in ISO 8601; an axis without `endsAt` goes on to now.
 */
export function timeline(label, signal) {
  const marks = h("ol.marks", { "aria-label": label });
  const element = h(
    "div.timeline",
    {},
    h("div.line", { "aria-hidden": "true" }),
    h("div.line.ahead", { "aria-hidden": "true" }),
    marks,
  );
  let current = { marks: [], endsAt: null };
  const draw = () => layOut(element, marks, current.marks, current.endsAt);
  const timer = setInterval(draw, 1000);
  const resized = new ResizeObserver(draw);
  resized.observe(element);
  signal.addEventListener("abort", () => (clearInterval(timer), resized.disconnect()), { once: true });
  return { element, set: (given, endsAt = null) => ((current = { marks: given, endsAt }), draw()) };
}

function layOut(element, list, given, endsAt) {
  element.hidden = !given.length;
  if (!given.length) return;
  const now = Date.now();
  const marks = given.map((mark) => ({ ...mark, when: new Date(mark.at).getTime() }));
  if (!endsAt) marks.push({ key: "now", at: new Date(now).toISOString(), when: now, isNow: true });
  marks.sort((one, other) => one.when - other.when);
  const first = marks[0].when;
  const span = Math.max(marks.at(-1).when - first, 1000) * (1 + SPARE);
  const share = (when) => (Math.min(Math.max(when - first, 0), span) / span) * 100;
  const rows = placeLabels(marks, share, element.clientWidth);
  showEach(
    list,
    marks,
    (mark) => mark.key,
    make,
    (item, mark) => {
      item.style.setProperty("--x", share(mark.when));
      item.style.setProperty("--row", rows.of.get(mark) ?? 0);
      item.classList.toggle("back", rows.isBack(mark));
    },
  );
  element.style.setProperty("--now", share(endsAt ? new Date(endsAt).getTime() : now));
  element.style.setProperty("--last", share(marks.at(-1).when));
  element.style.setProperty("--above", `${Math.max(1, rows.above) * ROW}px`);
  element.style.setProperty("--below", `${Math.max(1, rows.below) * ROW}px`);
}

function make(mark) {
  if (mark.isNow) return h("li.mark-at.now", {}, h("span.label", {}, h("span.quiet", {}, "now")));
  const place = mark.isAbove ? "above" : "beneath";
  const sign = h("span.sign", { "aria-hidden": "true" }, mark.sign ?? SIGNS[mark.meaning]);
  const when = mark.isPlanned ? ticking(mark.at) : time(mark.at, true);
  const text = h("span.text", {}, mark.label, " ", when);
  return h(
    `li.mark-at.${place}.${mark.meaning}${mark.isPlanned ? ".planned" : ""}`,
    {},
    h("span.label", {}, sign, text),
  );
}

/** Labels that would overlap get rows of their own, the first nearest to the line; those at the right end go to the left. */
function placeLabels(marks, share, width) {
  const isBack = (mark) => (share(mark.when) / 100) * width > width - WIDTH;
  const of = new Map();
  const ends = { above: [], below: [] };
  for (const mark of marks.filter((each) => !each.isNow)) {
    const x = (share(mark.when) / 100) * width;
    const from = isBack(mark) ? x - WIDTH : x;
    const rows = mark.isAbove ? ends.above : ends.below;
    const free = rows.findIndex((end) => end <= from);
    const row = free < 0 ? rows.length : free;
    rows[row] = from + WIDTH;
    of.set(mark, row);
  }
  return { of, isBack, above: ends.above.length, below: ends.below.length };
}
