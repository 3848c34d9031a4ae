// A form that sends a message, and where those that were sent are.

import { sourceLink } from "./attempts.js";
import { Problem, call, jsonText } from "./api.js";
import { h, write } from "./dom.js";
import { Fields } from "./form_fields.js";
import { at } from "./format.js";

const LINES = [
  ["type", "Type", "order.paid", "Segments of letters, digits, _ and -, with dots between them."],
  ["organization_id", "Organization", "", ""],
  ["project_id", "Project", "", "Empty: only hooks for every project of the organization get it."],
  ["id", "Your own id", "order-42", "Empty: none. It is in CloudEvents, and tells duplicates if the worker looks for them."],
];

export function sendView() {
  const fields = new Fields();
  const lines = LINES.map(([name, label, placeholder, hint]) => {
    const input = h("input", { placeholder, autocomplete: "off", spellcheck: "false" });
    return fields.add(name, label, input, () => input.value.trim(), hint);
  });
  const text = h("textarea", { class: "code", rows: 8, spellcheck: "false", placeholder: '{"order": 42, "total": 129.5}' });
  const data = fields.add("data", "Data (JSON)", text, () => text.value.trim(), "Any JSON. Empty: null.");
  const problem = h("p", { class: "wrong", role: "alert" });
  const go = h("button", { type: "submit", class: "primary" }, "Send it");
  const title = h("h2", { hidden: true }, "Sent");
  const sent = h("ul", { class: "history", "aria-live": "polite" });

  async function submit(submitted) {
    submitted.preventDefault();
    go.disabled = true;
    write(problem, "");
    fields.showProblems({});
    const values = fields.values();
    try {
      const coordinates = await send(values);
      title.hidden = false;
      sent.prepend(h("li", {}, at(Date.now()), ` ${values.type} as `, sourceLink(coordinates)));
    } catch (error) {
      write(problem, (error instanceof Problem ? fields.showProblems(error.fields) : [error.message]).join("; "));
    } finally {
      go.disabled = false;
    }
  }

  return h("div", { class: "narrow" },
    h("h1", { tabindex: "-1" }, "Send a message"),
    h("p", { class: "hint" }, "It is written to Kafka, and goes to the message hooks that subscribed to its type. This is no test: their receivers get it."),
    h("form", { novalidate: true, on: { submit } }, lines, data, problem, h("div", { class: "actions" }, go)),
    h("div", { class: "explained" }, title, sent));
}

/** Write a message and return its coordinates; throw Problem. */
async function send({ data, ...lines }) {
  const given = Object.entries(lines).filter(([, value]) => value).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  try {
    if (data) given.push(`"data":${jsonText(data, "This")}`);
  } catch (error) {
    throw new Problem(400, { data: error.message });
  }
  try {
    return (await call("POST", "/api/messages", { json: `{${given.join(",")}}` })).data.messages[0].coordinates;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.isUnknownCall) throw new Problem(404, { detail: "This worker can't send messages." });
    const one = error.fields.messages?.[0];
    if (!one) throw error;
    const told = one.status === "unknown" ? "It may be written all the same, now or later." : "It is not written.";
    throw new Problem(error.status, { detail: `${one.error}. ${told}` });
  }
}
