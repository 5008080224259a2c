// A form that sends one request, prefilled, and shows the `curl` that sends the same.

import { h, show } from "./dom.js";
import { json, invocation } from "./parts.js";
import { url } from "./api.js";

let forms = 0;

/**
 * A form. `of` has
 *
 *   title, about      what the request does
 *   fields            `{name, label, value, hint, options, required}`; `options` makes it a list to choose from
 *   body              the JSON body, shown for editing; a function of the values if fields go into it; none if left out
 *   request(values)   `{method, target, query, headers}`; method is POST by default
 *   presets           `{label, values, body}`: buttons that fill the form differently
 *   send              the label of its button
 *   sent(answer, values)  called after the gateway has accepted it; may return values for the next request
 */
export function requestForm(context, of) {
  const prefix = `form-${(forms += 1)}`;
  const inputs = new Map((of.fields ?? []).map((field) => [field.name, input(field, prefix)]));
  const body =
    of.body === undefined ? null : h("textarea", { id: `${prefix}-body`, spellcheck: "false", autocomplete: "off" });
  const answer = h("div.answer", { role: "status" });
  const curl = h("pre.curl", { tabindex: "0", "aria-label": "The same with curl" });
  const button = h("button.primary", {}, of.send ?? "Send");
  let isEdited = false;

  const values = () => Object.fromEntries([...inputs].map(([name, each]) => [name, each.value.trim()]));
  const text = () => (body ? body.value : undefined);
  const write = (given) => {
    if (!body || isEdited) return;
    body.value = JSON.stringify(typeof given === "function" ? given(values()) : given, null, 2);
    body.rows = body.value.split("\n").length;
  };
  let source = of.body;
  const update = () => {
    write(source);
    curl.textContent = curlOf(of.request(values()), text(), Boolean(context.api.credentials.value));
  };
  const choose = (preset) => {
    isEdited = false;
    source = preset.body ?? of.body;
    fillIn(preset.values);
  };
  const fillIn = (given) => {
    for (const [name, value] of Object.entries(given ?? {})) inputs.get(name).value = value;
    update();
  };
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      const given = values();
      const { method = "POST", target, query, headers } = of.request(given);
      const found = await context.api.call(method, target, { query, headers, body: text(), signal: context.signal });
      show(answer, accepted(found));
      fillIn(of.sent?.(found, given));
    } catch (error) {
      if (!context.signal.aborted) show(answer, h("div.error", { role: "alert" }, reasons(error)));
    } finally {
      button.disabled = false;
    }
  };
  body?.addEventListener("input", () => (isEdited = true));
  const form = h(
    "form.request",
    { onsubmit: submit, oninput: update, "aria-labelledby": `${prefix}-title` },
    h("h2", { id: `${prefix}-title` }, of.title),
    of.about ? h("p", {}, of.about) : null,
    presets(of.presets ?? [], choose),
    h(
      "div.fields",
      {},
      (of.fields ?? []).map((field) => labelled(field, inputs.get(field.name))),
    ),
    body ? h("div.field", {}, h("label", { for: body.id }, "Body"), body) : null,
    h("div.actions", {}, button),
    answer,
    h(
      "details",
      {},
      h("summary", {}, "The same with curl"),
      curl,
      copy(() => curl.textContent),
    ),
  );
  update();
  return form;
}

function input(field, prefix) {
  const about = { id: `${prefix}-${field.name}`, name: field.name, required: field.required };
  if (field.options) {
    const options = field.options.map((each) => h("option", { selected: each === field.value }, each));
    return h("select", about, options);
  }
  const element = h("input", { ...about, autocomplete: "off", spellcheck: "false" });
  element.value = field.value ?? "";
  return element;
}

function labelled(field, element) {
  const hint = field.hint ? h("span.hint", { id: `${element.id}-hint` }, field.hint) : null;
  if (hint) element.setAttribute("aria-describedby", hint.id);
  return h("div.field", {}, h("label", { for: element.id }, field.label), element, hint);
}

function presets(given, choose) {
  if (!given.length) return null;
  const buttons = given.map((each) => h("button", { type: "button", onclick: () => choose(each) }, each.label));
  return h("div.presets", { role: "group", "aria-label": "Fill in" }, h("span.quiet", {}, "Fill in:"), buttons);
}

function accepted(answer) {
  if (!answer?.invocationId) return answer === null ? h("p", {}, "Done.") : json(answer, "Answer");
  const repeated = answer.status === "PreviouslyAccepted" ? "It was accepted before: " : "Accepted: ";
  return h("p", {}, repeated, invocation(answer.invocationId));
}

function reasons(error) {
  const errors = error.problem?.errors ?? [];
  if (!errors.length) return error.message;
  return h(
    "ul",
    {},
    errors.map((each) => h("li", {}, h("code", {}, each.field), ` ${each.message}`)),
  );
}

export function copy(text) {
  if (!navigator.clipboard) return null; // a page that came over plain HTTP from another machine
  const button = h("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text());
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  return button;
}

/** The command that sends the same, for a POSIX shell, which takes the credential from PATTERNS_KEY. */
export function curlOf({ method = "POST", target, query = {}, headers = {} }, body, hasCredential) {
  const lines = [`curl -X ${method} ${quote(url(target, query).href)}`];
  for (const [name, value] of Object.entries(headers)) if (value) lines.push(`-H ${quote(`${name}: ${value}`)}`);
  if (hasCredential) lines.push(`-H "Authorization: Bearer $PATTERNS_KEY"`);
  if (body !== undefined) lines.push("-H 'Content-Type: application/json'", `-d ${quote(compact(body))}`);
  return lines.join(" \\\n  ");
}

function compact(text) {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text; // not JSON yet
  }
}

function quote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
