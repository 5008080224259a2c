// What an ID, a key or a service names.

import { path, Refused } from "../api.js";
import { h, show } from "../dom.js";
import { status, time } from "../format.js";
import { invocation, note, refusal, section } from "../parts.js";
import { address, addressOfKey } from "../pages.js";

export const title = "Search";

const LIMIT = 20;

export async function mount(root, context) {
  const { q = "" } = context.query;
  const found = h("div");
  show(root, h("p", {}, "For ", h("strong", {}, q)), found);
  show(found, note("Searching"));
  const results = await Promise.all([
    byId(context, q),
    byKey(context, q),
    byService(context, q),
    bySubscription(context, q),
  ]);
  const refused = results.find((each) => each instanceof Refused);
  const shown = results.filter((each) => each && !(each instanceof Refused));
  show(
    found,
    refused ? refusal(refused, context) : null,
    shown.length
      ? shown
      : note("Nothing has this ID or key. Lists are a moment behind: what was just accepted may be missing."),
  );
}

/** The value of `work`; null if there is none, the error if the gateway does not allow it. */
async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return [401, 403].includes(error.status) || error.status === 0 ? error : null;
  }
}

function byId(context, id) {
  return attempt(async () => {
    if (!id.includes(":")) return null;
    const state = await context.api.get(path("invocations", id), {}, { signal: context.signal });
    return section(
      "Invocation",
      h("ul.plain", {}, h("li", {}, invocation(state.invocationId), " ", status(state.status))),
    );
  });
}

function byKey(context, key) {
  return attempt(async () => {
    const page = await context.api.get("/invocations", { key, limit: LIMIT }, { signal: context.signal });
    if (!page.executions.length) return null;
    const rows = page.executions.map((each) => {
      const link = each.invocationId
        ? invocation(each.invocationId)
        : h("a.id", { href: addressOfKey(each.service, each.key) }, `${each.service} ${each.key}`);
      return h("li", {}, link, " ", status(each.status), " ", h("span.quiet", {}, "started ", time(each.startedAt)));
    });
    return section("Executions with this key", h("ul.plain", {}, rows));
  });
}

function byService(context, name) {
  return attempt(async () => {
    const counted = await context.api.get("/invocations/counts", {}, { signal: context.signal });
    const services = counted
      .map((each) => each.service)
      .filter((each) => each.toLowerCase().includes(name.toLowerCase()));
    if (!services.length) return null;
    const rows = services.map((service) =>
      h("li", {}, h("a", { href: address("overview", [], { service }) }, service)),
    );
    return section("Services", h("ul.plain", {}, rows));
  });
}

function bySubscription(context, id) {
  return attempt(async () => {
    const all = await context.api.get("/subscriptions", {}, { signal: context.signal });
    const found = all.filter((each) => [each.id, each.source, each.sink].some((text) => text.includes(id)));
    const rows = found.map((each) =>
      h("li", {}, h("span.id", {}, each.id), " ", status(each.status), " ", h("span.quiet", {}, each.source)),
    );
    return rows.length ? section("Subscriptions", h("ul.plain", {}, rows)) : null;
  });
}
