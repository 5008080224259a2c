// The frame of the console: header, navigation, search, credentials, messages, and which page is shown.

import { Api, Credentials } from "./api.js";
import { Context } from "./context.js";
import { askForCredential } from "./credential_dialog.js";
import { h, show } from "./dom.js";
import { tick } from "./format.js";
import { address, find, GROUPS } from "./pages.js";
import { note } from "./parts.js";

const main = document.getElementById("main");
const nav = document.getElementById("pages");
const trouble = h("p.trouble", { role: "status" });
const messages = h("div.messages", { role: "status" });
const credentials = new Credentials(askForCredential);
const api = new Api(credentials);
const frame = {
  say: (text) => message(text, "said", 6000),
  fail: (text) => message(text, "failed", 20_000),
  trouble: (text) => show(trouble, text),
  signIn: () => {
    credentials.forget();
    credentials.replace(null, null).then(open, (error) => frame.fail(error.message));
  },
};
let current = null;

function message(text, kind, milliseconds) {
  const close = h("button.plain", { type: "button", "aria-label": "Close", onclick: () => box.remove() }, "✕");
  const box = h(`div.message.${kind}`, {}, h("p", {}, text), close);
  messages.append(box);
  setTimeout(() => box.remove(), milliseconds);
}

const other = h("button", { type: "button", onclick: () => frame.signIn() }, "Credentials");

function header() {
  const input = h("input", { type: "search", placeholder: "ID, key or service", "aria-label": "Search", name: "q" });
  const search = (event) => {
    event.preventDefault();
    if (input.value.trim()) location.hash = address("search", [], { q: input.value.trim() });
  };
  const menu = h("button.menu", { type: "button", "aria-controls": "pages", "aria-expanded": "false" }, "Menu");
  menu.addEventListener("click", () => toggle(!nav.classList.contains("open")));
  const toggle = (isOpen) => {
    nav.classList.toggle("open", isOpen);
    menu.setAttribute("aria-expanded", String(isOpen));
  };
  nav.addEventListener("click", (event) => event.target.closest("a") && toggle(false));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") toggle(false);
    if (event.key !== "/" || event.target.closest("input, textarea, select, dialog")) return;
    event.preventDefault();
    input.focus();
  });
  return [
    h("a.brand", { href: address("overview") }, "Durable patterns"),
    h("form.search", { role: "search", onsubmit: search }, input, h("kbd", { "aria-hidden": "true" }, "/")),
    h("div.tools", {}, other, themes(), menu),
  ];
}

const THEMES = { auto: "Auto", light: "Light", dark: "Dark" };

function themes() {
  const root = document.documentElement;
  const names = Object.keys(THEMES);
  const choose = (theme) => {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    show(button, h("span.wide", {}, "Theme: "), THEMES[theme]);
    button.setAttribute("aria-label", `Theme: ${THEMES[theme]}`);
    button.title = "Theme: as the system, light or dark";
  };
  const next = () => {
    const theme = names[(names.indexOf(root.dataset.theme ?? "auto") + 1) % names.length];
    choose(theme);
    localStorage.setItem("patterns-theme", theme);
  };
  const button = h("button.theme", { type: "button", onclick: next });
  choose(root.dataset.theme ?? "auto");
  return button;
}

function navigation() {
  return GROUPS.filter((group) => group.pages.length).map((group) => [
    group.title ? h("h2", {}, group.title) : null,
    h(
      "ul",
      {},
      group.pages.map((each) => h("li", {}, h("a", { href: address(each.name), "data-page": each.name }, each.label))),
    ),
  ]);
}

function place() {
  const [target, query = ""] = (location.hash.slice(2) || "overview").split("?");
  const [name, ...path] = target.split("/").map(decode);
  return { name, path, query: Object.fromEntries(new URLSearchParams(query)) };
}

function decode(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment; // not percent-encoded
  }
}

async function open() {
  current?.leave();
  other.hidden = !credentials.value; // a gateway that asks for none needs no button
  const { name, path, query } = place();
  const context = new Context(api, frame, name, path, query);
  current = context;
  for (const link of nav.querySelectorAll("a")) {
    if (link.dataset.page === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const page = await context.run(() => find(name)?.load() ?? nowhere);
  if (current !== context || !page) return;
  document.title = `${page.title} · Durable patterns`;
  const root = h("div.page", { "data-page": name });
  show(main, h("h1", {}, page.title), trouble, root);
  if (document.activeElement !== document.body) main.focus({ preventScroll: true });
  scrollTo(0, 0);
  await context.run(() => page.mount(root, context));
}

const nowhere = {
  title: "No such page",
  mount: (root) => show(root, note("The address names no page of the console. The pages are in the navigation.")),
};

show(document.getElementById("top"), header());
show(nav, navigation());
document.body.append(messages);
addEventListener("hashchange", open);
setInterval(tick, 1000);
open();

const supervisor = document.querySelector("meta[name=supervisor]");
if (supervisor) {
  const { mount } = await import("./processes.js");
  mount({ origin: supervisor.content, token: supervisor.dataset.token }, frame);
}
