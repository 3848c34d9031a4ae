// Attempts and pending calls as rows of tables.

import { hookPath, post, remove } from "./api.js";
import { confirm } from "./dialogs.js";
import { badge, button, cell, copyable, fill, h, keyed, table, toast } from "./dom.js";
import { ago, at, cameBack, pretty } from "./format.js";
import { OUTCOMES } from "./tables.js";

/** A badge with the cause of an attempt, unless it is live or a retry. */
export const causeBadge = (attempt) => attempt.cause && !["live", "retry"].includes(attempt.cause) ? [" ", badge(attempt.cause, "off")] : "";

export const outcomeBadge = (outcome) => badge(outcome, OUTCOMES[outcome] ?? "");

export function sourceLink(source) {
  return source ? h("a", { href: `#/explain?source=${encodeURIComponent(source)}`, title: "Explain this record" }, source) : "–";
}

/**
 * Return a table of attempts: {node, update(attempts)}. Each row has details; those of failures include the bodies.
 * `hookId` is their hook, null if each attempt names its own; `changed` is called after a request was sent again.
 */
export function attemptsTable(hookId, changed) {
  const columns = ["Time", hookId === null && "Hook", "Event", "Attempt", "Outcome", "Response", "Took", "Details"].filter(Boolean);
  const node = table(hookId === null ? "Requests" : "Latest requests", columns, hookId === null ? "cards framed" : "cards");
  return { node, update: (attempts) => keyed(node, attempts, keyOf, (attempt) => attemptRow(attempt, hookId, changed)) };
}

const keyOf = (one) => `${one.webhook_id} ${one.attempt} ${one.at} ${one.cause}`;

function attemptRow(attempt, hookId, changed) {
  const more = h("tr", { role: "row", class: "more", hidden: true });
  const unfold = button("Show", () => {
    more.hidden = !more.hidden;
    unfold.setAttribute("aria-expanded", String(!more.hidden));
    fill(unfold, more.hidden ? "Show" : "Hide");
    if (!more.childNodes.length) more.append(h("td", { role: "cell", colspan: hookId === null ? 8 : 7 }, attemptDetails(attempt, hookId ?? attempt.hook_id, changed)));
  }, { class: "quiet", "aria-expanded": "false", "aria-label": `Details of attempt ${attempt.attempt} of ${attempt.webhook_id}` });
  return {
    node: h("tbody", { role: "rowgroup" },
      h("tr", { role: "row" },
        cell("Time", at(attempt.at)),
        hookId === null && cell("Hook", h("a", { class: "clip", title: attempt.hook_id, href: `#/hooks/${encodeURIComponent(attempt.hook_id)}` }, `${attempt.hook_id.slice(0, 8)}…`)),
        cell("Event", attempt.event ?? "–"),
        cell("Attempt", String(attempt.attempt), causeBadge(attempt)),
        cell("Outcome", outcomeBadge(attempt.outcome)),
        cell("Response", h("span", { class: "clip" }, cameBack(attempt))),
        cell("Took", `${Math.round(attempt.duration_ms)} ms`),
        cell("Details", unfold)),
      more),
  };
}

function attemptDetails(attempt, hookId, changed) {
  return h("div", { class: "details" },
    facts([
      ["webhook-id", copyable(attempt.webhook_id, "webhook-id")],
      ["Record", sourceLink(attempt.source)],
      ["URL", h("code", {}, attempt.url ?? "–")],
      ["Error", attempt.error],
    ]),
    "request" in attempt || "response" in attempt
      ? [body("Request", attempt.request), body("Response", attempt.response)]
      : h("p", { class: "hint" }, "Only the bodies of failures are kept."),
    attempt.source && attempt.cause !== "test" ? resend(attempt, hookId, changed) : null);
}

function resend(attempt, hookId, changed) {
  const path = hookPath(hookId, `/requests/${encodeURIComponent(attempt.webhook_id)}/resend`);
  const send = button("Resend", async () => {
    send.disabled = true;
    await attemptTo(() => post(path, { source: attempt.source }), "The request is sent again");
    send.disabled = false;
    changed();
  });
  return h("div", { class: "actions" }, send,
    h("span", { class: "hint" }, "The request is made from its record, for the hook's current settings, with the same webhook-id. It is listed as a replay, and not counted again."));
}

export function body(title, text) {
  if (text === undefined || text === null) return h("p", { class: "hint" }, `${title}: not kept.`);
  return h("div", {}, h("h4", {}, title), text ? h("pre", { tabindex: 0, "aria-label": title }, pretty(text)) : h("p", { class: "hint" }, "empty"));
}

/** Return a list of names and values, without empty values. */
export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** Return a table of a hook's pending calls: {node, update(calls)}; `changed` is called after one was run or dropped. */
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
        await confirm("Drop this call?", "It will not be sent. Earlier attempts stay as they are.", "Drop it", () => remove(path));
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

/** Do the work of a button, and show the result. */
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
