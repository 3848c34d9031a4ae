// A test of a hook: choose event and body, then see the request and the response.

import { body, facts, outcomeBadge } from "./attempts.js";
import { call, get, hookPath, jsonText } from "./api.js";
import { form, open } from "./dialogs.js";
import { button, copyable, fill, h, write } from "./dom.js";
import { visible } from "./format.js";

/** Ask for an event and a body, send them as often as the reader likes, and show request and response each time. */
export function test(id) {
  return open("Send a test", (close) => {
    const event = h("select", { id: "test-event", required: true });
    const text = h("textarea", { id: "test-body", class: "code", rows: 12, spellcheck: "false", required: true });
    const result = h("div", { "aria-live": "polite" });
    let sample = "";

    /** Fetch the sample of an event; it replaces the body unless that was edited. */
    async function read(chosen) {
      const found = await get(hookPath(id, "/test"), { event: chosen });
      if (chosen === undefined) fill(event, found.events.map((name) => h("option", { value: name, selected: name === found.event }, name)));
      const isEdited = text.value !== sample;
      sample = JSON.stringify(found.body, null, 2);
      if (!isEdited) text.value = sample;
    }

    const node = form([
      h("div", { class: "field" }, h("label", { for: event.id }, "Event"), event),
      h("div", { class: "field" }, h("label", { for: text.id }, "Body (JSON)"), text),
      h("p", { class: "hint" }, "A test is sent once, now. It is listed as a test, and neither counted nor retried."),
    ], "Send it", async () => {
      fill(result);
      const { data } = await call("POST", hookPath(id, "/test"), { json: `{"event":${JSON.stringify(event.value)},"body":${jsonText(text.value, "The body")}}` });
      fill(result, shown(data));
    }, (value) => { if (value !== undefined) close(value); }, {
      extra: [button("Reset to the sample", () => { text.value = sample; })], leave: "Close",
    });
    const problem = node.querySelector(".wrong");
    const report = (error) => write(problem, error.message);
    event.addEventListener("change", () => read(event.value).then(() => write(problem, ""), report));
    read().catch(report);
    return [node, result];
  });
}

function shown(result) {
  const answered = result.status !== null;
  return [
    h("p", {}, outcomeBadge(result.outcome), ` ${result.status ?? ""} ${result.error ?? ""} in ${Math.round(result.duration_ms)} ms`),
    facts([["webhook-id", copyable(result.webhook_id, "webhook-id")], ["URL", h("code", {}, result.url)]]),
    result.request === null ? h("p", { class: "hint" }, "Nothing was sent.") : [
      headersOf("Request headers", result.request_headers), body("Request body", result.request)],
    answered ? [headersOf("Response headers", result.response_headers), body("Response body", result.response)] : null,
  ].filter(Boolean);
}

function headersOf(title, headers) {
  const lines = headers.map(({ name, value }) => visible(`${name}: ${value}`));
  return h("div", {}, h("h4", {}, title), lines.length ? h("pre", { tabindex: 0, "aria-label": title }, lines.join("\n")) : h("p", { class: "hint" }, "none"));
}
