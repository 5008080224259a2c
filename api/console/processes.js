// The processes of the embedded stack, below every page: which one is down since when, and a button that kills it.
//
// Only the embedded stack names its supervisor in the page. The supervisor is asked itself, and not through the
// gateway, which may be the process that is down.

import { h, show, showEach } from "./dom.js";
import { count, duration, status } from "./format.js";

const REFRESH = 1000;
const NARROW = "(max-width: 52rem)";
const UNKILLABLE = "It is not to be killed: its records are in memory only.";
const SILENT = "The stack's supervisor does not answer. If the stack was started again, reload the page.";

/** Show them, for as long as the page is open. `frame.fail(text)` shows why a process was not killed. */
export function mount({ origin, token }, frame) {
  const says = h("span", { role: "status" });
  const list = h("ul.plain");
  const hint = h("span.quiet", {}, "Kill one while something runs: it is started again, and the work goes on.");
  const summary = h("summary", {}, h("b", {}, "Processes"), " ", says, " ", hint);
  const details = h("details", { open: !matchMedia(NARROW).matches }, summary, list);
  document.body.append(h("section.processes", { "aria-label": "Processes" }, details));

  const ask = async (path, method = "GET") => {
    const headers = { Authorization: `Bearer ${token}` };
    const answer = await fetch(origin + path, { method, headers, cache: "no-store" });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  };
  const kill = async (name) => {
    try {
      await ask(`/processes/${encodeURIComponent(name)}/kill`, "POST");
    } catch (error) {
      frame.fail(`${name} was not killed: ${error.message}`);
    }
    await refresh();
  };
  const refresh = async () => {
    try {
      const processes = await ask("/processes");
      showEach(list, processes, (each) => each.name, (each) => row(each, kill), update);
      say(says, summaryOf(processes));
    } catch (error) {
      // A request that was not answered is a TypeError, whose text differs from browser to browser.
      say(says, error instanceof TypeError ? SILENT : error.message);
    }
    list.hidden = !list.children.length;
  };
  const again = () => (document.hidden ? Promise.resolve() : refresh()).then(() => setTimeout(again, REFRESH));
  again();
}

function row({ name, canBeKilled }, kill) {
  const label = `kill -9 ${name}`;
  const button = h("button", { type: "button", "aria-label": label, title: label }, "kill -9");
  button.addEventListener("click", () => isDown(button) || kill(name));
  const last = canBeKilled ? button : h("span.hint", { title: UNKILLABLE }, "no kill: records in memory");
  return h("li", {}, h("b", {}, name), h("span"), h("span.quiet"), last);
}

function update(element, { status: name, since, restarts }) {
  const [, state, facts, button] = element.children;
  show(state, status(name, name === "UP" ? "done" : "failed"));
  const span = duration(Date.now() - new Date(since).getTime());
  show(facts, restarts ? `for ${span}, ${count(restarts, "restart")}` : `for ${span}`);
  button.setAttribute("aria-disabled", String(name !== "UP")); // a disabled button would lose the focus
}

function isDown(button) {
  return button.getAttribute("aria-disabled") === "true";
}

function summaryOf(processes) {
  const down = processes.filter((each) => each.status !== "UP").map((each) => each.name);
  return down.length ? `Down: ${down.join(", ")}.` : "All up.";
}

/** A screen reader reads what is written, so write only what is new. */
function say(place, text) {
  if (place.textContent !== text) show(place, text);
}
