// A job as a grid that fills: a cell for each subtask, or for each batch of a job that has more than a hundred.

import { path } from "../api.js";
import { h, show, showEach } from "../dom.js";
import { count, duration, SIGNS, status, time } from "../format.js";
import { wait } from "../events.js";
import { requestForm } from "../form.js";
import { facts, invocation, note, section, webUi } from "../parts.js";
import { recent } from "../recent.js";

export const title = "Fan-out";

const SERVICE = "FanOutWorker";
const RETRY = 3000;
const NAMED = 24; // a job of more subtasks has small cells, without names
const SHOWN = 2000; // characters of a result
const MEANINGS = { PENDING: "pending", RUNNING: "running", DONE: "done", FAILED: "failed", CANCELLED: "ended" };

const SEED = "get out of bed,shower,make coffee,have breakfast";
const many = (number, name) => Array.from({ length: number }, (_, index) => `${name} ${index + 1}`).join(",");
const SLOWLY = SEED.split(",")
  .map((each) => `slowly ${each}`)
  .join(",");
const PRESETS = [
  ["Four, slowly", { description: SLOWLY }],
  ["Four", { description: SEED }],
  ["100, slowly", { description: many(100, "slow task") }],
  ["One fails", { description: `${SLOWLY},fail to shave` }],
  ["Stop when one fails", { description: `${SLOWLY},fail to shave`, onFailure: "stop" }],
  ["10,000", { description: many(10_000, "task") }],
];

export function mount(root, context) {
  const shown = h("div.job");
  const list = section("Jobs");
  let end = () => {};
  const choose = (id) => {
    end();
    context.keep({}, [id]);
    end = mountJob(shown, context, id);
  };
  const refresh = recent(list, context, {
    target: "/invocations",
    query: { service: SERVICE },
    page: "jobs",
    id: (each) => each.invocationId,
    text: (each) => time(each.startedAt),
    open: choose,
  });
  const started = (id) => {
    choose(id);
    refresh();
  };
  show(root, shown, form(context, started), list);
  if (context.path.length) choose(context.path[0]);
  else
    show(
      shown,
      h("h2", {}, "Job"),
      note(
        "Start a job, or choose one of the list. Its subtasks run concurrently, and their results are gathered in order.",
      ),
    );
}

function form(context, started) {
  return requestForm(context, {
    title: "Start a job",
    about:
      "A subtask takes up to 200 ms (setting SIMULATED_WORK), 40 times as long if its text begins with slow; it fails if it begins with fail.",
    body: PRESETS[0][1],
    presets: PRESETS.map(([label, body]) => ({ label, body })),
    request: () => ({ target: `${path(SERVICE)}/run/send` }),
    send: "Start",
    sent: (answer) => started(answer.invocationId),
  });
}

function mountJob(place, context, id) {
  const about = h("div");
  const numbers = h("ul.plain.numbers", { "aria-label": "Subtasks" });
  const cells = h("ul.plain.cells", { "aria-label": "Each of them" });
  const result = h("div");
  show(place, h("h2", {}, "Job ", invocation(id)), about, numbers, cells, result);
  const leaving = new AbortController();
  const signal = AbortSignal.any([context.signal, leaving.signal]);
  let last = null;
  const take = (state) => {
    last = state;
    show(about, description(state));
    if (state.progress) showProgress(numbers, cells, state.progress);
  };
  // A state has no progress while no worker answers; the last one is read again until it has.
  const complete = async () => {
    while (!last.progress && !signal.aborted) {
      await wait(RETRY, signal);
      take(await context.api.get(path("invocations", id), {}, { signal }));
    }
  };
  const handlers = {
    state: take,
    outcome: ({ status: code, body }) => {
      show(result, outcome(code, body));
      context.run(complete);
    },
    absent: (problem) => show(about, note(problem.detail)),
  };
  const end = context.watch(`${path("invocations", id)}/events`, handlers, about);
  return () => (leaving.abort(), end());
}

function description({ status: name, submittedAt, finishedAt, webUi: link }) {
  return facts([
    ["Status", status(name)],
    ["Started", time(submittedAt)],
    ["Took", finishedAt ? duration(new Date(finishedAt) - new Date(submittedAt)) : null],
    ["History", webUi(link)],
  ]);
}

function showProgress(numbers, cells, { total, done, failed, running, batches }) {
  const pending = total - done - failed - running;
  const number = (meaning, value, label) =>
    h(`li.${value ? meaning : "pending"}`, {}, h("b", {}, value.toLocaleString("en-GB")), " ", label);
  show(
    numbers,
    number("done", done, "done"),
    number("failed", failed, "failed"),
    number("running", running, "running"),
    number("pending", pending, "pending"),
    h(
      "li.quiet",
      {},
      `of ${count(total, "subtask")}`,
      batches.length < total ? `, in ${count(batches.length, "batch", "batches")}` : null,
    ),
  );
  const isNamed = batches.length <= NAMED;
  cells.classList.toggle("named", isNamed);
  showEach(
    cells,
    batches,
    (batch) => batch.first,
    () => h("li"),
    (cell, batch) => showCell(cell, batch, isNamed),
  );
}

function showCell(cell, batch, isNamed) {
  const meaning = MEANINGS[batch.status];
  const says = batch.status.toLowerCase() + (batch.subtasks > 1 && batch.failed ? `, ${batch.failed} failed` : "");
  if (cell.dataset.says === says) return;
  cell.dataset.says = says;
  cell.className = `cell ${meaning}`;
  cell.title = `${nameOf(batch)}: ${says}`;
  const words = isNamed
    ? [h("span.name", {}, nameOf(batch)), h("span.sr", {}, `: ${says}`)]
    : h("span.sr", {}, cell.title);
  show(cell, h("span.sign", { "aria-hidden": "true" }, SIGNS[meaning]), words);
}

function nameOf({ first, subtasks, name }) {
  if (name !== null) return name;
  return subtasks === 1 ? `subtask ${first + 1}` : `subtasks ${first + 1} to ${first + subtasks}`;
}

function outcome(code, body) {
  if (code !== 200) return section("Why it failed", h("p", {}, body.detail));
  const text = body.description;
  const cut = text.length > SHOWN;
  return section(
    "Gathered, in the order of the description",
    h("p.gathered", {}, cut ? `${text.slice(0, SHOWN)} …` : text),
  );
}
