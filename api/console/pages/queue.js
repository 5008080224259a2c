// The queue on a time axis: each delayed task moves towards now, where a worker takes it, the most urgent first.

import { path } from "../api.js";
import { h, show, showEach } from "../dom.js";
import { distance, duration, status, time } from "../format.js";
import { requestForm } from "../form.js";
import { invocation, note, section } from "../parts.js";

export const title = "Queue";

const SERVICE = "AsyncTaskWorker";
const SEND = `/${SERVICE}/runTask/send`;
const REFRESH = 2000;
const LISTED = 50;
const ENDED_SHOWN = 8;
const AT_ONCE = 4;
const SECOND = 1000;
const MARKS = [10, 60, 600, 3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400].map((seconds) => seconds * SECOND);
const TASK = { kind: "heavy_work", payload: { report: 7 }, priority: 3 };

export function mount(root, context) {
  const waiting = section("In the queue");
  const ended = section("Ended last");
  const tasks = new Tasks(context);
  const axis = h("div.axis", { "aria-hidden": "true" });
  const rows = h("ol.plain.queue");
  const none = note();
  const about = h("p.hint");
  const endedRows = h("ul.plain.queue");
  waiting.append(axis, rows, none, about);
  ended.append(endedRows);

  const draw = () => {
    const open = tasks.open();
    const longest = Math.max(60 * SECOND, ...open.map((each) => each.left));
    axis.hidden = about.hidden = !open.length;
    const cut = tasks.hasMore ? ` Shown are the ${LISTED} that were submitted last.` : "";
    show(about, `In the box: the priority, 1 to 5; of those that may run, 1 runs first.${cut}`);
    showEach(
      axis,
      [0, ...MARKS.filter((mark) => mark <= longest)],
      (mark) => mark,
      axisMark,
      (element, mark) => {
        element.style.setProperty("left", `${100 * place(mark, longest)}%`);
      },
    );
    showEach(
      rows,
      open,
      (each) => each.invocationId,
      row,
      (element, each) => updateRow(element, each, longest),
    );
    show(none, open.length ? null : "The queue is empty. Submit a task: with a delay it waits here first.");
    showEach(endedRows, tasks.ended(), (each) => each.invocationId, row, updateEnded);
    ended.hidden = !endedRows.children.length;
  };
  const refresh = context.every(REFRESH, async (signal) => (await tasks.read(signal), draw()), waiting);
  context.every(SECOND / 2, async () => draw(), waiting);
  const sent = (answer) => (tasks.add(answer.invocationId), refresh());
  show(root, waiting, submission(context, sent), ended);
}

function submission(context, sent) {
  const form = requestForm(context, {
    title: "Submit a task",
    about: "It runs once, now or after a delay. The same idempotency key with the same body is the same task.",
    fields: [
      { name: "delay", label: "Delay", value: "10s", hint: "10s, 5m, 12h; empty for now." },
      { name: "key", label: "Idempotency-Key", hint: "Any text; empty for a new task each time." },
    ],
    body: TASK,
    presets: [
      { label: "Now", values: { delay: "" }, body: TASK },
      { label: "In half a minute, urgent", values: { delay: "30s" }, body: { ...TASK, priority: 1 } },
      {
        label: "One that fails",
        values: { delay: "" },
        body: { ...TASK, payload: { fail: "no paper" }, maxAttempts: 3 },
      },
    ],
    request: ({ delay, key }) => ({ target: SEND, query: { delay }, headers: { "Idempotency-Key": key } }),
    send: "Submit",
    sent: (answer) => void sent(answer),
  });
  const many = h("button", { type: "button" }, "Submit ten: priorities 1 to 5, delays up to 45 s");
  many.addEventListener("click", async () => {
    many.disabled = true;
    await context.run(async () => {
      for (let number = 0; number < 10; number += 1) {
        const body = { kind: "heavy_work", payload: { report: number }, priority: 5 - (number % 5) };
        sent(await context.api.post(SEND, body, { query: { delay: `${number * 5}s` }, signal: context.signal }));
      }
    });
    many.disabled = false;
  });
  form.querySelector(".actions").append(many);
  return form;
}

/** The tasks that the page knows, as the gateway describes them. */
class Tasks {
  #known = new Map();
  #sent = new Set();
  /** Whether more are open than the page reads. */
  hasMore = false;

  constructor(context) {
    this.context = context;
  }

  /** A task that was just submitted: Temporal's index has it a moment later. */
  add(id) {
    this.#sent.add(id);
  }

  async read(signal) {
    const list = async (wanted) => {
      const query = { service: SERVICE, status: wanted, limit: LISTED };
      const { executions, next } = await this.context.api.get("/invocations", query, { signal });
      return { ids: executions.map((each) => each.invocationId), isCut: Boolean(next) };
    };
    const open = [await list("RUNNING"), await list("SCHEDULED")];
    this.hasMore = open.some((each) => each.isCut);
    const listed = new Set([...open, await list(undefined)].flatMap((each) => each.ids));
    const changing = [...this.#known.values()].filter(
      (each) => isOpen(each) && new Date(each.executionTime) <= Date.now(),
    );
    const unknown = [...listed, ...this.#sent].filter((id) => !this.#known.has(id));
    const wanted = [...new Set([...unknown, ...changing.map((each) => each.invocationId)])];
    for (let index = 0; index < wanted.length; index += AT_ONCE) {
      const read = (id) => this.context.api.get(path("invocations", id), {}, { signal });
      for (const each of await Promise.all(wanted.slice(index, index + AT_ONCE).map(read))) {
        this.#known.set(each.invocationId, each);
        this.#sent.delete(each.invocationId);
      }
    }
  }

  /** Those that run, the most urgent first, and those that wait, the next first. */
  open() {
    const open = [...this.#known.values()].filter(isOpen).map((each) => ({ ...each, left: left(each) }));
    return open.sort((a, b) => a.left - b.left || a.progress.priority - b.progress.priority);
  }

  ended() {
    const ended = [...this.#known.values()].filter((each) => !isOpen(each));
    return ended.sort((a, b) => b.finishedAt.localeCompare(a.finishedAt)).slice(0, ENDED_SHOWN);
  }
}

function isOpen(task) {
  return ["SCHEDULED", "RUNNING", "PAUSED"].includes(task.status);
}

function left(task) {
  return Math.max(0, new Date(task.executionTime) - Date.now());
}

/** Where on the axis: 0 is now, 1 the longest delay. Logarithmic, since delays are seconds and weeks. */
function place(milliseconds, longest) {
  return Math.log1p(milliseconds / SECOND) / Math.log1p(longest / SECOND);
}

function axisMark(mark) {
  return h("span", {}, mark ? duration(mark) : "now");
}

function row(task) {
  const { priority, kind } = task.progress;
  const label = h(
    "span.priority",
    { title: `Priority ${priority}: 1 runs first`, "data-priority": priority },
    priority,
  );
  const about = h(
    "span.about",
    {},
    label,
    h("span", {}, kind, " "),
    invocation(task.invocationId, shortened(task.invocationId)),
  );
  return h("li", {}, about, h("span.track", { "aria-hidden": "true" }, h("span.dot")), h("span.when"));
}

/** The beginning of what distinguishes an ID from others. */
function shortened(id) {
  return `${id.split(":").at(-1).slice(0, 8)}…`;
}

function updateRow(element, task, longest) {
  const [, track, when] = element.children;
  track.firstChild.style.setProperty("left", `${100 * place(task.left, longest)}%`);
  track.firstChild.className = `dot ${task.left ? "waiting" : "running"}`;
  show(when, task.left ? [status("SCHEDULED"), " ", distance(task.executionTime)] : [status("RUNNING"), attempts(task)]);
}

function attempts({ attempts: number, progress }) {
  return number ? h("span.quiet", {}, ` attempt ${number} of ${progress.maxAttempts}`) : null;
}

function updateEnded(element, task) {
  const [, track, when] = element.children;
  track.hidden = true;
  show(when, status(task.status), " ", time(task.finishedAt), task.status === "FAILED" ? attempts(task) : null);
}
