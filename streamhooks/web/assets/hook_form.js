// The form for a new hook, and for changes of a hook.

import { Problem, get, hookPath, post } from "./api.js";
import { change } from "./changing.js";
import { inWords, readDefaults } from "./defaults.js";
import { showSecret } from "./dialogs.js";
import { fill, h, toast, write } from "./dom.js";
import { filterTrial } from "./filter_try.js";
import { Fields } from "./form_fields.js";
import { FIELDS } from "./hook_fields.js";
import { isApp, isMessage } from "./hook_state.js";

const SERVICE_EVENTS = ["event.created", "event.alert"];
const KNOWN = ["issue", "issue.created", "issue.resolved", "error.created", "comment", "comment.created", "event_alert.triggered"];

const MESSAGE_HINT = "Types such as order.paid; order.* means all below order., * everything.";
const APP_HINT = "Such as issue.created. issue means its known actions, issue.* all actions, * everything.";

const EMPTY = "Empty: the worker's default.";

const list = (text) => text.split(/[\s,]+/).filter(Boolean);
/** A text that is not a number stays a text, which the API rejects with a reason. */
const numberOf = (text) => (Number.isFinite(Number(text)) ? Number(text) : text);
const numberOrNull = (text) => (text.trim() === "" ? null : numberOf(text.trim()));

/** Show the default of each field that has one. */
function showDefaults(fields, defaults, ofApp) {
  for (const [name, text] of Object.entries(inWords(defaults, ofApp))) write(fields.all.get(name).note, `Empty: ${text}.`);
}

/** Show the fields that only message hooks have, or hide them. */
function showOfMessages(fields, isShown) {
  for (const name of ["format", "filter"]) fields.all.get(name).node.hidden = !isShown;
}

export function newView(signal) {
  const fields = new Fields();
  const message = kind("message", "Messages of any type, such as order.paid (message hook)", true);
  const service = kind("service", "Events and alerts of a project, in Sentry's shape (service hook)", false);
  const app = kind("app", "Changes of resources, in Sentry's shape (app hook)", false);
  const serviceEvents = eventBoxes(["event.created"]);
  const appEvents = eventText([]);
  const messageEvents = h("textarea", { rows: 3, spellcheck: "false", placeholder: "order.paid\norder.*" });
  const kinds = h("fieldset", { on: { change: choose } }, h("legend", {}, "What it gets"), message, service, app);
  const organization = fields.add("organization_id", "Organization", h("input", { required: true, autocomplete: "off" }), () => organizationInput().value.trim());
  const organizationInput = () => fields.all.get("organization_id").control;
  const appId = fields.add("app_id", "App", h("input", { autocomplete: "off" }), () => fields.all.get("app_id").control.value.trim() || null, "The id of the hook's app.");
  let defaults = null;
  const places = h("div", {});
  const common = commonFields(fields, null, places);

  function kind(value, text, checked) {
    return h("label", { class: "line" }, h("input", { type: "radio", name: "kind", value, checked }), h("span", {}, text));
  }

  const chosen = () => kinds.querySelector(":checked").value;
  const isOfApp = () => chosen() === "app";

  function choose() {
    const ofApp = isOfApp();
    fields.all.delete("events");
    fill(places, {
      service: () => fields.add("events", "Events", serviceEvents, () => checked(serviceEvents)),
      app: () => fields.add("events", "Events", appEvents, () => list(appEvents.value), APP_HINT),
      message: () => fields.add("events", "Events", messageEvents, () => list(messageEvents.value), MESSAGE_HINT),
    }[chosen()]());
    appId.hidden = !ofApp;
    const ofMessages = chosen() === "message";
    showOfMessages(fields, ofMessages);
    const format = fields.all.get("format").control;
    if (ofMessages && format.value === "sentry") format.value = "standard";
    showDefaults(fields, defaults, ofApp);
  }

  readDefaults(signal).then((found) => {
    defaults = found;
    showDefaults(fields, defaults, isOfApp());
  });
  choose();
  return formView("Add a hook", "#/", fields, [organization, kinds, appId, common], "Add it", async () => {
    const made = await post("/api/hooks", given(fields.values()));
    await showSecret(made, "The hook was added");
    if (made.warnings) toast(made.warnings.join(". "));
    location.hash = `#/hooks/${made.id}`;
  });
}

export function editView(signal, _query, id) {
  const place = h("div", {}, h("h1", { tabindex: "-1" }, "Edit"));
  get(hookPath(id), {}, signal).then((hook) => {
    const fields = new Fields();
    const hasBoxes = !isApp(hook) && !isMessage(hook);
    const control = hasBoxes ? eventBoxes(hook.events) : eventText(hook.events);
    const events = fields.add("events", "Events", control, () => (hasBoxes ? checked(control) : list(control.value)), hasBoxes ? "" : isApp(hook) ? APP_HINT : MESSAGE_HINT);
    const common = commonFields(fields, hook, events);
    showOfMessages(fields, isMessage(hook));
    const before = fields.values();
    readDefaults(signal).then((found) => showDefaults(fields, found, isApp(hook)));
    fill(place, formView("Edit", `#/hooks/${id}`, fields, common, "Save", async () => {
      // Only the changed fields, so that another person's changes in the meantime stay.
      const now = fields.values();
      const changed = Object.fromEntries(Object.entries(now).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])));
      const saved = Object.keys(changed).length ? await change(id, changed) : {};
      toast(["Saved", ...(saved.warnings ?? [])].join(". "));
      location.hash = `#/hooks/${id}`;
    }));
    place.querySelector("h1").focus();
  }, (problem) => {
    if (!signal.aborted) place.append(h("p", { class: "wrong", role: "alert" }, problem.message));
  });
  return place;
}

function formView(title, back, fields, nodes, label, submit) {
  const problem = h("p", { class: "wrong", role: "alert" });
  const go = h("button", { type: "submit", class: "primary" }, label);
  return h("div", { class: "narrow" },
    h("p", { class: "back" }, h("a", { href: back }, "← Back")),
    h("h1", { tabindex: "-1" }, title),
    h("form", {
      novalidate: true,
      on: {
        submit: async (event) => {
          event.preventDefault();
          go.disabled = true;
          write(problem, "");
          fields.showProblems({});
          try {
            await submit();
          } catch (error) {
            write(problem, (error instanceof Problem ? fields.showProblems(error.fields) : [error.message]).join("; "));
          } finally {
            go.disabled = false;
          }
        },
      },
    }, nodes, problem, h("div", { class: "actions" }, go, h("a", { class: "button", href: back }, "Cancel"))));
}

/** The input of a field by its kind: its control, how it is read, and a further hint for an existing hook. */
const KINDS = {
  line: { control: (value, field) => input({ value: value ?? "", maxlength: field.maxlength, dir: "auto" }), read: (text) => text.trim() || null },
  url: {
    control: (value, field) => input({ type: "url", inputmode: "url", value: value ?? "", placeholder: field.input.placeholder, maxlength: field.maxlength }),
    read: (text) => text.trim(),
  },
  ids: { control: (value) => input({ value: value?.join(", ") ?? "" }), read: list },
  headers: {
    control: (value, field) => h("textarea", { rows: 3, spellcheck: "false", placeholder: field.input.placeholder }, headerText(value)),
    read: headersOf,
    hintOfChange: " A value shown as ******** stays as it is. If the URL moves to another origin, give each value again.",
  },
  number: { control: (value) => input({ inputmode: "decimal", value: value ?? "" }), read: numberOrNull },
  whole: { control: (value) => input({ inputmode: "numeric", value: value ?? "" }), read: numberOrNull },
  delays: {
    control: (value, field) => input({ value: value?.join(", ") ?? "", placeholder: field.input.placeholder }),
    read: (text) => {
      const delays = list(text).map(numberOf);
      return delays.length ? delays : null;
    },
  },
  choice: {
    control: (value, field) => h("select", {}, field.choices.map((one) => h("option", { value: one, selected: one === value }, one))),
    read: (text) => text,
  },
  expression: {
    control: (value, field) => h("textarea", { rows: 2, spellcheck: "false", autocomplete: "off", placeholder: field.input.placeholder, maxlength: field.maxlength }, value ?? ""),
    read: (text) => text.trim() || null,
  },
  secret: { control: () => input({ type: "password", autocomplete: "new-password" }), read: (text) => text || null },
};

const input = (attributes) => h("input", { autocomplete: "off", ...attributes });

/** Return the fields of a new or an existing hook; `events` is the node for its events. */
function commonFields(fields, hook, events) {
  const add = (field) => {
    if (field.kind === "events") return events;
    const { control, read, hintOfChange } = KINDS[field.kind];
    const { label, hint } = field.input;
    const node = control(hook?.[field.name], field);
    const added = fields.add(field.name, label, node, () => read(node.value), field.has_setting ? EMPTY : hint + (hook && hintOfChange ? hintOfChange : ""));
    if (field.kind === "expression") added.append(filterTrial(() => read(node.value), () => ({ ...hook, ...fields.values() })));
    return added;
  };
  const of = (place) => FIELDS.filter((field) => field.input?.place === place).map(add);
  return [...of("main"), h("details", { class: "more-fields" }, h("summary", {}, "More"), of("more"), hook ? null : of("new"))];
}

function eventBoxes(chosen) {
  return h("fieldset", {}, h("legend", {}, "Events"), SERVICE_EVENTS.map((name) => h("label", { class: "line" },
    h("input", { type: "checkbox", value: name, checked: chosen.includes(name) }), h("span", {}, name))));
}

function eventText(chosen) {
  return h("textarea", { rows: 3, spellcheck: "false", placeholder: KNOWN.slice(1, 3).join("\n") }, chosen.join("\n"));
}

const checked = (fieldset) => [...fieldset.querySelectorAll(":checked")].map((box) => box.value);

/** Return the values without nulls: null is the default of every field of a new hook. */
function given(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
}

function headerText(headers) {
  return Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`).join("\n");
}

function headersOf(text) {
  const pairs = text.split("\n").filter((line) => line.trim()).map((line) => {
    const [name, ...value] = line.split(":");
    return [name.trim(), value.join(":").trim()];
  });
  return pairs.length ? Object.fromEntries(pairs) : null;
}
