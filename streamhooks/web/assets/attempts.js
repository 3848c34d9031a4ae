// Attempts and pending calls as rows, for the view of a hook and for what explains a record.

import { hookPath, post, remove } from "./api.js";
import { confirm } from "./dialogs.js";
import { badge, button, cell, copyable, fill, h, keyed, table, toast } from "./dom.js";
import { ago, at, cameBack, pretty } from "./format.js";

/** Why an attempt was made, where that is not plain. */
export const causeBadge = (attempt) => attempt.cause && !["live", "retry"].includes(attempt.cause) ? [" ", badge(attempt.cause, "off")] : "";

const KINDS = { delivered: "good", retried: "warn", dead: "bad", failed: "bad", dropped: "off" };

export const outcomeBadge = (outcome) => badge(outcome, KINDS[outcome] ?? "");

export function sourceLink(source) {
  return source ? h("a", { href: `#/explain?source=${encodeURIComponent(source)}`, title: "Explain this record" }, source) : "–";
}

/** The attempts of a hook: {node, update(attempts)}. Each can be unfolded, failures to what was sent and came back. */
export function attemptsTable() {
  const node = table("Latest requests", ["Time", "Event", "Attempt", "Outcome", "Came back", "Took", "Details"], "cards");
  return { node, update: (attempts) => keyed(node, attempts, (one) => `${one.webhook_id} ${one.attempt} ${one.at}`, attemptRow) };
}

function attemptRow(attempt) {
  const more = h("tr", { role: "row", class: "more", hidden: true });
  const unfold = button("Show", () => {
    more.hidden = !more.hidden;
    unfold.setAttribute("aria-expanded", String(!more.hidden));
    fill(unfold, more.hidden ? "Show" : "Hide");
    if (!more.childNodes.length) more.append(h("td", { role: "cell", colspan: 7 }, attemptDetails(attempt)));
  }, { class: "quiet", "aria-expanded": "false", "aria-label": `Details of attempt ${attempt.attempt} of ${attempt.webhook_id}` });
  return {
    node: h("tbody", { role: "rowgroup" },
      h("tr", { role: "row" },
        cell("Time", at(attempt.at)),
        cell("Event", attempt.event ?? "–"),
        cell("Attempt", String(attempt.attempt), causeBadge(attempt)),
        cell("Outcome", outcomeBadge(attempt.outcome)),
        cell("Came back", h("span", { class: "clip" }, cameBack(attempt))),
        cell("Took", `${Math.round(attempt.duration_ms)} ms`),
        cell("Details", unfold)),
      more),
  };
}

function attemptDetails(attempt) {
  return h("div", { class: "details" },
    facts([
      ["webhook-id", copyable(attempt.webhook_id, "webhook-id")],
      ["Record", sourceLink(attempt.source)],
      ["Sent to", h("code", {}, attempt.url ?? "–")],
      ["Error", attempt.error],
    ]),
    "request" in attempt || "response" in attempt
      ? [body("Request", attempt.request), body("Response", attempt.response)]
      : h("p", { class: "hint" }, "Only the bodies of failures are kept."));
}

export function body(title, text) {
  if (text === undefined || text === null) return h("p", { class: "hint" }, `${title}: not kept.`);
  return h("div", {}, h("h4", {}, title), text ? h("pre", { tabindex: 0, "aria-label": title }, pretty(text)) : h("p", { class: "hint" }, "empty"));
}

/** A list of names and values; those without a value are left out. */
export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** The pending calls of a hook: {node, update(calls)}; `changed` is called after a person ran or dropped one. */
export function pendingTable(hookId, changed) {
  const node = table("Pending calls", ["Due", "Event", "Next attempt", "Why", "Last", "Record", "Actions"], "cards");
  return { node, update: (calls) => keyed(node, calls, (one) => one.call_id, () => pendingRow(hookId, changed)) };
}

function pendingRow(hookId, changed) {
  const node = h("tbody", { role: "rowgroup" });
  let shown = "";
  return {
    node,
    update(pending) {
      const text = JSON.stringify(pending);
      if (text === shown) return;
      shown = text;
      const path = hookPath(hookId, `/pending/${encodeURIComponent(pending.webhook_id)}`);
      const focused = node.contains(document.activeElement) ? document.activeElement.dataset.does : null;
      const run = button("Run now", async () => {
        await attemptTo(() => post(`${path}/retry`), "It runs now");
        changed();
      }, { "data-does": "run", disabled: pending.state === "running" });
      const drop = button("Drop", async () => {
        await confirm("Drop this call?", "It is not sent again. What was sent before stays as it is.", "Drop it", () => remove(path));
        changed();
      }, { "data-does": "drop", class: "danger-quiet" });
      fill(node, h("tr", { role: "row" },
        cell("Due", pending.state === "waiting" ? ago(pending.due) : badge(pending.state, "warn")),
        cell("Event", pending.event ?? pending.task),
        cell("Next attempt", String(pending.attempt)),
        cell("Why", pending.reason),
        cell("Last", h("span", { class: "clip" }, pending.last ? cameBack(pending.last) : "–")),
        cell("Record", sourceLink(pending.source)),
        cell("Actions", h("span", { class: "actions" }, run, drop))));
      if (focused) node.querySelector(`[data-does=${focused}]`)?.focus();
    },
  };
}

/** Do what a button asks for, and say how it went. */
export async function attemptTo(work, done) {
  try {
    const result = await work();
    toast(typeof done === "function" ? done(result) : done);
    return result;
  } catch (error) {
    toast(error.message, true);
    return null;
  }
}
