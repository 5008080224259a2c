// Makes elements. Data only ever becomes text: there is no innerHTML here, and the Content-Security-Policy refuses it.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element: `h("a.link", {href: "#/overview"}, "Overview")`.
 *
 * A function under `onclick` and the like listens; `true` is an attribute without a value; null, undefined and false
 * leave an attribute or a child out. `style` is an object of CSS properties. Children are nodes, texts, numbers, lists.
 */
export function h(name, properties = {}, ...children) {
  return fill(document.createElement(name.split(".")[0]), name, properties, children);
}

/** The same for SVG. */
export function svg(name, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, name.split(".")[0]), name, properties, children);
}

function fill(element, name, properties, children) {
  for (const each of name.split(".").slice(1)) element.classList.add(each);
  for (const [property, value] of Object.entries(properties)) set(element, property, value);
  append(element, children);
  return element;
}

function set(element, property, value) {
  if (value === null || value === undefined || value === false) return;
  if (typeof value === "function" && property.startsWith("on")) {
    element.addEventListener(property.slice(2), value);
  } else if (property === "style") {
    for (const [name, each] of Object.entries(value)) element.style.setProperty(name, each);
  } else {
    if (property === "href" && !isSafe(value)) return;
    element.setAttribute(property, value === true ? "" : value);
  }
}

function isSafe(link) {
  return String(link).startsWith("#") || ["http:", "https:"].includes(new URL(link, location.href).protocol);
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** Replace the children of `element`. */
export function show(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/**
 * Replace the rows of `parent` by one for each item, keeping the elements of items that stay: focus, selection and
 * animations survive. `key` names an item; `make` returns its element; `update` is called for each, new or kept.
 */
export function showEach(parent, items, key, make, update = () => {}) {
  const kept = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const rows = items.map((item) => {
    const name = String(key(item));
    const row = kept.get(name) ?? make(item);
    row.dataset.key = name;
    update(row, item);
    return row;
  });
  const staying = new Set(rows);
  for (const child of [...parent.children]) if (!staying.has(child)) child.remove();
  rows.forEach((row, index) => {
    if (parent.children[index] !== row) parent.insertBefore(row, parent.children[index] ?? null);
  });
}
