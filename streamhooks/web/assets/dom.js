// Elements made from data. Everything that comes from outside becomes a text node or an attribute: nothing is parsed.

/** Make an element: h("a", {href, on: {click}}, "text", child, [children], null). */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (value === true) {
      node.setAttribute(name, "");
    } else if (value !== false && value !== null && value !== undefined) {
      node.setAttribute(name, value);
    }
  }
  fill(node, ...children);
  return node;
}

/** Replace what a node holds. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
}

/** Change a text only if it is another one: a live region speaks up, and a selection is lost, at each change. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function button(label, onClick, attributes = {}) {
  return h("button", { type: "button", ...attributes, on: { click: onClick } }, label);
}

/** A table whose cells become labelled lines on a narrow screen; roles are given, since CSS there takes them away. */
export function table(caption, columns, extra = "") {
  const heads = columns.map((name) => h("th", { role: "columnheader", scope: "col" }, name));
  const node = h(
    "table",
    { role: "table", class: extra },
    h("caption", { class: "unseen" }, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads)),
  );
  return node;
}

/** A cell; what it holds is kept together beside the label that it has on a narrow screen. */
export function cell(label, ...children) {
  return h("td", { role: "cell", "data-label": label }, h("div", {}, ...children));
}

const rowsOf = new WeakMap();

/**
 * Make the children of a node follow a list, so that focus and what was unfolded survive a refresh.
 * `make(item)` returns {node, update(item)}; `update` is also called at once. `before` is the first child to leave alone.
 */
export function keyed(parent, items, keyOf, make) {
  const former = rowsOf.get(parent) ?? new Map();
  const rows = new Map();
  for (const item of items) {
    let key = keyOf(item);
    while (rows.has(key)) key += " again"; // attempts may differ in nothing
    const row = former.get(key) ?? make(item);
    row.update?.(item);
    rows.set(key, row);
  }
  for (const [key, row] of former) if (!rows.has(key)) row.node.remove();
  let place = [...former.values()].find((row) => row.node.parentNode === parent)?.node ?? null;
  for (const row of rows.values()) {
    if (row.node === place) place = place.nextElementSibling;
    else parent.insertBefore(row.node, place);
  }
  rowsOf.set(parent, rows);
  return rows;
}

/** Say something in passing; problems stay longer. */
export function toast(text, isProblem = false) {
  const node = h("p", { class: isProblem ? "toast problem" : "toast" }, text, button("Close", () => node.remove(), { class: "quiet" }));
  document.getElementById("toasts").append(node);
  setTimeout(() => node.remove(), isProblem ? 20_000 : 6_000);
}

export function badge(text, kind = "") {
  return h("span", { class: `badge ${kind}` }, text);
}

/** A text that may be copied with one press. */
export function copyable(text, label) {
  const copy = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(text);
      toast(`${label} copied`);
    } catch {
      // Not allowed, as on a page without TLS that is not on this machine: select it, so that the keyboard copies.
      getSelection().selectAllChildren(code);
      toast("Press Ctrl+C to copy");
    }
  }, { class: "quiet", "aria-label": `Copy ${label}` });
  const code = h("code", {}, text);
  return h("span", { class: "copyable" }, code, copy);
}
