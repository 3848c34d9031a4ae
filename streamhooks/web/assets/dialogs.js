// The browser's own dialogs, which keep the focus inside and return it.

import { button, copyable, fill, h, write } from "./dom.js";

let number = 0;

/** Open a dialog; `build(close)` returns its children. Resolves to the argument of `close(value)`, null if cancelled. */
export function open(title, build, { keep = false } = {}) {
  return new Promise((resolve) => {
    const id = `dialog-${(number += 1)}`;
    let result = null;
    const close = (value) => {
      result = value;
      node.close();
    };
    const node = h("dialog", { "aria-labelledby": id }, h("h2", { id }, title));
    node.append(...[build(close)].flat(Infinity).filter(Boolean));
    node.addEventListener("close", () => {
      node.remove();
      resolve(result);
    });
    // A secret that is shown once must not disappear by accident.
    if (keep) node.addEventListener("cancel", (event) => event.preventDefault());
    document.body.append(node);
    node.showModal();
  });
}

/** Return a form for a dialog. An error of `submit` is shown; its return value closes the dialog. */
export function form(fields, label, submit, close, { danger = false, extra = [], leave = "Cancel" } = {}) {
  const problem = h("p", { class: "wrong", role: "alert" });
  const go = h("button", { type: "submit", class: danger ? "danger" : "primary" }, label);
  return h(
    "form",
    {
      on: {
        submit: async (event) => {
          event.preventDefault();
          go.disabled = true;
          write(problem, "");
          try {
            close(await submit());
          } catch (error) {
            write(problem, error.message);
          } finally {
            go.disabled = false;
          }
        },
      },
    },
    fields,
    problem,
    h("div", { class: "actions" }, go, extra, button(leave, () => close(null))),
  );
}

/** Ask before doing something that can't be undone; resolves to true if it was done. `action` may throw. */
export async function confirm(title, text, label, action) {
  const done = await open(title, (close) => [
    h("p", {}, text),
    form([], label, async () => {
      await action();
      return true;
    }, close, { danger: true }),
  ]);
  return done === true;
}

export function showSecret(hook, title) {
  return open(title, (close) => [
    h("p", {}, "This is the secret of the hook. It is not shown again: give it to the receiver, or keep it."),
    h("p", { class: "secret" }, copyable(hook.secret, "Secret")),
    h("div", { class: "actions" }, button("I have it", () => close(true), { class: "primary", autofocus: true })),
  ], { keep: true });
}

export function askToken(wasRefused) {
  const ask = () => open("Token", (close) => {
    const input = h("input", { type: "password", id: "token", autocomplete: "current-password", required: true, autofocus: true });
    return [
      h("p", {}, wasRefused ? "This token is not valid." : "This worker shows its data only with a token."),
      h(
        "form",
        {
          on: {
            submit: (event) => {
              event.preventDefault();
              close(input.value);
            },
          },
        },
        h("label", { for: "token" }, "API token"),
        input,
        h("p", { class: "hint" }, "The worker's STREAMHOOKS_API_TOKEN. It is kept until you close this tab."),
        h("div", { class: "actions" }, h("button", { type: "submit", class: "primary" }, "Use it")),
      ),
    ];
  }, { keep: true });
  // Nothing can be shown without a token: if the dialog is closed anyway, ask again.
  return ask().then((token) => token ?? askToken(wasRefused));
}

/** Open a dialog that shows the result of an action once it has ended. */
export function showResult(title, work) {
  return open(title, (close) => {
    const place = h("div", { "aria-live": "polite" }, h("p", {}, "One moment …"));
    work().then(
      (children) => fill(place, children),
      (error) => fill(place, h("p", { class: "wrong" }, error.message)),
    );
    return [place, h("div", { class: "actions" }, button("Close", () => close(true), { autofocus: true }))];
  });
}
