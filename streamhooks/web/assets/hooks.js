// The list of hooks, page by page; counts are read only for the rows on the screen.

import { call, get, getIfKnown, hookPath } from "./api.js";
import { sparkline } from "./chart.js";
import { button, cell, fill, h, keyed, table, write } from "./dom.js";
import { count, plural, span } from "./format.js";
import { kindOf, stateBadges, titleOf } from "./hook_state.js";
import { fewAtATime, live } from "./live.js";

const MINUTES = 10;
const OLDEST_OF = 100;
const COLUMNS = ["Hook", "State", `Attempts, ${MINUTES} min`, "Failed", "Undelivered"];
const STATES = [
  ["", "any state"], ["trouble", "in trouble"], ["active", "active"], ["disabled", "disabled"], ["disabled_by_system", "disabled by the system"],
  ["disabled_by_owner", "disabled by its owner"], ["blocked", "blocked"], ["breaker_open", "breaker open"], ["failing", "failing"], ["paused", "paused"],
];
/** The defaults, which are left out of the address. */
const USUAL = { sort: "trouble", limit: "25" };
const TEXTS = ["q", "organization_id", "app_id", "project_id"];
const FILTERS = [...TEXTS, "state"];
let trail = [];

export function hooksView(signal, query) {
  const state = Object.fromEntries([...FILTERS, "sort", "limit", "cursor"].map((name) => [name, query.get(name) ?? USUAL[name] ?? ""]));
  if (!state.cursor) trail = [];

  const input = (name, attributes) => h("input", { type: "search", id: name, value: state[name], autocomplete: "off", ...attributes });
  const inputs = {
    q: input("q", { placeholder: "a part of the name, URL or id" }),
    organization_id: input("organization_id", {}),
    app_id: input("app_id", {}),
    project_id: input("project_id", {}),
    state: choice("state", STATES),
    sort: choice("sort", [["trouble", "trouble first"], ["id", "by id"]]),
    limit: choice("limit", ["25", "50", "100"].map((value) => [value, value])),
  };
  const rows = h("tbody", { role: "rowgroup" });
  const list = table("Hooks", COLUMNS, "cards framed hooks");
  list.append(rows);
  const summary = h("p", { class: "summary", role: "status" });
  const empty = h("p", { class: "empty", hidden: true });
  const back = button("Previous", () => go(trail.pop() ?? ""), { disabled: true });
  const onward = button("Next", () => {
    trail.push(state.cursor);
    go(next);
  }, { disabled: true });
  const overview = h("dl", { class: "overview" });
  let next = null;

  const seen = new Map();
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) seen.set(entry.target, entry.target.dataset.id);
      else seen.delete(entry.target);
    }
    readCounts();
  });
  signal.addEventListener("abort", () => observer.disconnect());

  function choice(name, options) {
    return h("select", { id: name }, options.map(([key, text]) => h("option", { value: key, selected: key === state[name] }, text)));
  }

  function address() {
    const parts = new URLSearchParams(Object.entries(state).filter(([name, value]) => value && value !== USUAL[name]));
    return parts.size ? `#/?${parts}` : "#/";
  }

  function go(cursor) {
    state.cursor = cursor;
    history.pushState(null, "", address());
    scrollTo(0, 0);
    readList();
  }

  function filter() {
    for (const [name, control] of Object.entries(inputs)) state[name] = control.value.trim();
    state.cursor = "";
    trail = [];
    history.replaceState(null, "", address());
    readList();
  }

  let typing = 0;
  for (const name of TEXTS) {
    inputs[name].addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(filter, 200);
    });
  }
  for (const name of ["state", "sort", "limit"]) inputs[name].addEventListener("change", filter);

  const readList = live(signal, 5, async () => {
    const asked = { ...state };
    const { data, headers } = await call("GET", "/api/hooks", { query: asked, signal });
    if (signal.aborted || Object.keys(asked).some((name) => asked[name] !== state[name])) return;
    next = data.next_cursor;
    for (const node of seen.keys()) if (!data.hooks.some((hook) => hook.id === node.dataset.id)) seen.delete(node);
    keyed(rows, data.hooks, (hook) => hook.id, () => row(observer));
    back.disabled = !state.cursor;
    onward.disabled = next === null;
    const total = headers.get("X-Total-Count");
    write(summary, total === null ? plural(data.hooks.length, "hook") : plural(Number(total), "hook"));
    list.hidden = data.hooks.length === 0;
    empty.hidden = !list.hidden;
    fill(empty, FILTERS.some((name) => state[name]) ? "No hook matches." : ["There are no hooks yet. ", h("a", { href: "#/new" }, "Add the first one"), "."]);
  });

  const readCounts = live(signal, 10, async () => {
    const nodes = [...seen];
    await fewAtATime(nodes, 4, async ([node, id]) => {
      if (signal.aborted || !node.isConnected) return;
      node.showCounts(await countsOf(id, signal));
    });
  });

  live(signal, 10, async () => {
    const found = await getIfKnown("/api/overview", {}, signal);
    if (!found || signal.aborted) return;
    const oldest = found.oldest_undelivered_seconds;
    fill(overview, [
      ["active", those("active", found.active), ""],
      ["disabled", those("disabled", found.disabled), found.disabled ? "off" : ""],
      ["failing", those("failing", found.failing), found.failing ? "bad" : ""],
      ["breakers open", those("breaker_open", found.breakers_open), found.breakers_open ? "bad" : ""],
      ["pending here", count(found.pending), ""],
      ["oldest undelivered", typeof oldest === "number" ? span(oldest) : "none", ""],
    ].map(([name, value, kind]) => h("div", { class: kind }, h("dt", {}, name), h("dd", {}, value))));
  });

  return h("div", {},
    h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, "Hooks"), h("a", { class: "button primary", href: "#/new" }, "Add a hook")),
    overview,
    h("form", { class: "filters", role: "search", on: { submit: (event) => { event.preventDefault(); filter(); } } },
      [["q", "Search"], ["organization_id", "Organization"], ["app_id", "App"], ["project_id", "Project"], ["state", "State"], ["sort", "Order"], ["limit", "Per page"]]
        .map(([name, text]) => h("div", { class: name === "q" ? "grow" : "" }, h("label", { for: name }, text), inputs[name]))),
    summary, list, empty,
    h("div", { class: "actions pages" }, back, onward));
}

/** Return the number of hooks in a state, as a link to them. */
function those(state, number) {
  return h("a", { href: `#/?state=${state}` }, count(number));
}

/** Return a row; the observer reads its counts when it is on the screen. */
function row(observer) {
  const link = h("a", { dir: "auto" });
  const description = h("span", { class: "minor", dir: "auto" });
  const about = h("span", { class: "minor" });
  const [states, rate, failed, waiting] = ["", "…", "…", "…"].map((text) => h("div", { class: "number" }, text));
  states.className = "badges";
  const node = h("tr", { role: "row" },
    h("td", { role: "cell", class: "main" }, link, description, about),
    cell("State", states), cell(COLUMNS[2], rate), cell("Failed", failed), cell("Undelivered", waiting));

  node.showCounts = (counts) => {
    if (counts === null) {
      for (const one of [rate, failed, waiting]) fill(one, "–");
      return;
    }
    const sum = counts.fired.reduce((total, value) => total + value, 0);
    fill(rate, sum ? `${perMinute(sum)} per minute` : "none", sparkline(counts.fired));
    write(failed, count(counts.failed));
    failed.className = counts.failed ? "number bad" : "number";
    write(waiting, counts.pending
      ? `${count(counts.pending)}, oldest ${counts.pending > OLDEST_OF ? "over " : ""}${span(Math.max(0, (Date.now() - counts.oldest) / 1000))}`
      : "none");
  };

  return {
    node,
    update(hook) {
      if (node.dataset.id !== hook.id) {
        node.dataset.id = hook.id;
        link.href = `#/hooks/${hook.id}`;
        observer.observe(node);
      }
      write(link, titleOf(hook));
      write(description, hook.description ?? "");
      write(about, `${hook.name ? `${hook.url} · ` : ""}${kindOf(hook)} · organization ${hook.organization_id} · ${hook.events.join(", ")} · ${hook.id.slice(0, 8)}…`);
      fill(states, stateBadges(hook));
    },
  };
}

/** Return the counts of one hook; null if its owner can't answer now. */
async function countsOf(id, signal) {
  const until = Math.floor(Date.now() / 1000);
  const span = { until, since: until - MINUTES * 60 + 1, resolution: "10s" };
  try {
    const [fired, failed, pending] = await Promise.all([
      get(hookPath(id, "/stats"), { ...span, outcome: "fired" }, signal),
      get(hookPath(id, "/stats"), { ...span, outcome: "failed" }, signal),
      call("GET", hookPath(id, "/pending"), { query: { limit: OLDEST_OF }, signal }),
    ]);
    const bars = [];
    fired.forEach((point, index) => { bars[Math.floor(index / 3)] = (bars[Math.floor(index / 3)] ?? 0) + point.total; });
    return {
      fired: bars,
      failed: failed.reduce((total, point) => total + point.total, 0),
      pending: Number(pending.headers.get("X-Total-Count") ?? pending.data.length),
      oldest: Math.min(...pending.data.map((one) => one.created)),
    };
  } catch {
    return null;
  }
}

function perMinute(sum) {
  const rate = sum / MINUTES;
  return rate >= 10 ? count(Math.round(rate)) : rate.toFixed(1);
}
