// Elements made from data. Foreign data becomes a text node or an attribute: nothing is parsed.

/** Return an element: h("a", {href, on: {click}}, "text", child, [children], null). */
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

/** Replace the children of a node. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
}

/** Change a text only if it differs: each change is read aloud in a live region, and loses a selection. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function button(label, onClick, attributes = {}) {
  return h("button", { type: "button", ...attributes, on: { click: onClick } }, label);
}

/** Return a table whose cells become labelled lines on a narrow screen. It names its roles, because CSS removes them there. */
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

/** Return a cell; its content stays together next to the label that it has on a narrow screen. */
export function cell(label, ...children) {
  return h("td", { role: "cell", "data-label": label }, h("div", {}, ...children));
}

const rowsOf = new WeakMap();

/**
 * Make the children of a node follow a list, so that the focus and open details survive a refresh.
 * `make(item)` returns {node, update(item)}; `update` is also called at once.
 */
export function keyed(parent, items, keyOf, make) {
  const previous = rowsOf.get(parent) ?? new Map();
  const rows = new Map();
  for (const item of items) {
    let key = keyOf(item);
    while (rows.has(key)) key += " again"; // attempts may be identical
    const row = previous.get(key) ?? make(item);
    row.update?.(item);
    rows.set(key, row);
  }
  for (const [key, row] of previous) if (!rows.has(key)) row.node.remove();
  let place = [...previous.values()].find((row) => row.node.parentNode === parent)?.node ?? null;
  for (const row of rows.values()) {
    if (row.node === place) place = place.nextElementSibling;
    else parent.insertBefore(row.node, place);
  }
  rowsOf.set(parent, rows);
  return rows;
}

/** Show a message for a short time; problems stay longer. */
export function toast(text, isProblem = false) {
  const node = h("p", { class: isProblem ? "toast problem" : "toast" }, text, button("Close", () => node.remove(), { class: "quiet" }));
  document.getElementById("toasts").append(node);
  setTimeout(() => node.remove(), isProblem ? 20_000 : 6_000);
}

export function badge(text, kind = "") {
  return h("span", { class: `badge ${kind}` }, text);
}

/** Return a text with a button that copies it. */
export function copyable(text, label) {
  const copy = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(text);
      toast(`${label} copied`);
    } catch {
      // Not allowed, for example without TLS on another machine: select the text for the keyboard.
      getSelection().selectAllChildren(code);
      toast("Press Ctrl+C to copy");
    }
  }, { class: "quiet", "aria-label": `Copy ${label}` });
  const code = h("code", {}, text);
  return h("span", { class: "copyable" }, code, copy);
}
