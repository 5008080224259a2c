// One invocation, as it changes: what it is doing, its outcome, its cancellation.

import { path } from "../api.js";
import { h, show } from "../dom.js";
import { plain, status, ticking, time } from "../format.js";
import { facts, json, note, refusal, section, webUi } from "../parts.js";
import { addressOfKey } from "../pages.js";

export const title = "Invocation";

const OPEN = ["SCHEDULED", "RUNNING", "PAUSED"];

export function mount(root, context) {
  const [id] = context.path;
  if (!id) return show(root, note("Search for an ID at the top of the page, such as booking:trip12."));
  const about = h("div");
  const actions = h("div.actions");
  const progress = h("div");
  const outcome = h("div");
  const seen = h("ol.log", { "aria-label": "What was seen" });
  show(root, h("p.id", {}, id), about, actions, progress, outcome, section("Seen since this page is open", seen));
  const log = (...what) => seen.prepend(h("li", {}, time(new Date().toISOString()), " ", what));
  const handlers = {
    state: (state) => {
      show(about, description(state));
      show(actions, OPEN.includes(state.status) ? cancellation(context, id) : null);
      show(progress, state.progress ? section("Progress", json(state.progress, "Progress")) : null);
      log(status(state.status), progressIn(state));
    },
    outcome: ({ status: code, body }) =>
      show(outcome, section("Outcome", code === 200 ? null : h("p", {}, plain(body.detail)), json(body, "Outcome"))),
    gone: (problem) => log(problem.detail),
    absent: (problem) => show(about, note(problem.detail)),
    refused: (error) => show(about, refusal(error, context)),
  };
  context.watch(`${path("invocations", id)}/events`, handlers, about);
}

/** What the workflow says of itself, if that is more. */
function progressIn({ status: name, progress }) {
  return progress?.status && progress.status !== name ? [" ", status(progress.status)] : null;
}

function description(state) {
  return facts([
    ["Status", status(state.status)],
    ["Service", `${state.service}${state.handler ? ` / ${state.handler}` : ""}`],
    ["Key", state.key ? h("a", { href: addressOfKey(state.service, state.key) }, state.key) : null],
    ["Submitted", state.submittedAt ? time(state.submittedAt) : null],
    [
      "Delayed until",
      isDelayed(state)
        ? [time(state.executionTime), state.status === "SCHEDULED" ? [" ", ticking(state.executionTime)] : null]
        : null,
    ],
    ["Ended", state.finishedAt ? time(state.finishedAt) : null],
    ["Attempts", state.attempts === null ? null : String(state.attempts)],
    ["History", webUi(state.webUi)],
  ]);
}

/** Temporal has an execution time of each; it is the end of a delay if it comes after the submission. */
function isDelayed(state) {
  return state.executionTime && new Date(state.executionTime) - new Date(state.submittedAt) > 500;
}

function cancellation(context, id) {
  const ask = h("button", { type: "button" }, "Cancel");
  const sure = h("button.danger", { type: "button", hidden: true }, "Cancel it: a saga compensates first");
  ask.addEventListener("click", () => {
    ask.hidden = true;
    sure.hidden = false;
    sure.focus();
  });
  sure.addEventListener("click", async () => {
    sure.disabled = true;
    const asked = await context.run(() => context.api.delete(path("invocations", id)));
    if (asked) context.say(`${id} was asked to end.`);
    sure.disabled = false;
  });
  return [ask, sure];
}
