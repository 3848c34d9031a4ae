// The labelled fields of a form, each with its hint and its problem.

import { h, write } from "./dom.js";

/** The input fields by name: the control, its label, and how it is read. */
export class Fields {
  constructor() {
    this.all = new Map();
  }

  add(name, label, control, read, hint = "") {
    const id = `field-${name}`;
    const problem = h("p", { class: "wrong", id: `${id}-wrong` });
    const note = hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null;
    control.id = id;
    control.setAttribute("aria-describedby", [note && note.id, problem.id].filter(Boolean).join(" "));
    const node = control.tagName === "FIELDSET"
      ? h("div", { class: "field" }, control, note, problem)
      : h("div", { class: "field" }, h("label", { for: id }, label), control, note, problem);
    this.all.set(name, { control, read, problem, note, node });
    return node;
  }

  values() {
    return Object.fromEntries([...this.all].filter(([, one]) => !one.node.hidden).map(([name, one]) => [name, one.read()]));
  }

  /** Show the problem of each field; return the problems without a field. */
  showProblems(wrong) {
    const rest = [];
    for (const [, { control, problem }] of this.all) {
      write(problem, "");
      control.removeAttribute("aria-invalid");
    }
    for (const [name, text] of Object.entries(wrong)) {
      const field = this.all.get(name);
      if (!field || field.node.hidden) rest.push(name === "detail" ? text : `${name}: ${text}`);
      else {
        write(field.problem, text);
        field.control.setAttribute("aria-invalid", "true");
        field.node.closest("details")?.setAttribute("open", "");
      }
    }
    const first = [...this.all.values()].find(({ control }) => control.getAttribute("aria-invalid"));
    (first?.control.matches("fieldset") ? first.control.querySelector("input") : first?.control)?.focus();
    return rest;
  }
}
