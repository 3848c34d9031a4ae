// A test of a hook: which event, with which body; then what was sent and what came back.

import { body, facts, outcomeBadge } from "./attempts.js";
import { call, get, hookPath } from "./api.js";
import { form, open } from "./dialogs.js";
import { button, copyable, fill, h, write } from "./dom.js";
import { visible } from "./format.js";

/** Ask for an event and a body, send them as often as is wished, and show both sides each time. */
export function test(id) {
  return open("Send a test", (close) => {
    const event = h("select", { id: "test-event", required: true });
    const text = h("textarea", { id: "test-body", class: "code", rows: 12, spellcheck: "false", required: true });
    const result = h("div", { "aria-live": "polite" });
    let sample = "";

    /** Fetch the sample of an event; it replaces the body, unless that was edited. */
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
      const { data } = await call("POST", hookPath(id, "/test"), { json: `{"event":${JSON.stringify(event.value)},"body":${checked(text.value)}}` });
      fill(result, shown(data));
    }, (value) => { if (value !== undefined) close(value); }, {
      extra: [button("Reset to the sample", () => { text.value = sample; })], leave: "Close",
    });
    const problem = node.querySelector(".wrong");
    const tell = (error) => write(problem, error.message);
    event.addEventListener("change", () => read(event.value).then(() => write(problem, ""), tell));
    read().catch(tell);
    return [node, result];
  });
}

/** The text, which is sent as it is: parsed and written again, its numbers could be others. */
function checked(text) {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new Error(`The body is no JSON: ${error.message}`);
  }
  return text;
}

function shown(told) {
  const answered = told.status !== null;
  return [
    h("p", {}, outcomeBadge(told.outcome), ` ${told.status ?? ""} ${told.error ?? ""} in ${Math.round(told.duration_ms)} ms`),
    facts([["webhook-id", copyable(told.webhook_id, "webhook-id")], ["Sent to", h("code", {}, told.url)]]),
    told.request === null ? h("p", { class: "hint" }, "Nothing was sent.") : [
      headersOf("Request headers", told.request_headers), body("Request body", told.request)],
    answered ? [headersOf("Response headers", told.response_headers), body("Response body", told.response)] : null,
  ].filter(Boolean);
}

function headersOf(title, headers) {
  const lines = headers.map(({ name, value }) => visible(`${name}: ${value}`));
  return h("div", {}, h("h4", {}, title), lines.length ? h("pre", { tabindex: 0, "aria-label": title }, lines.join("\n")) : h("p", { class: "hint" }, "none"));
}
