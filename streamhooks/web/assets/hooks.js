// All hooks, a page at a time; the counts are asked for only of the rows that are on the screen.

import { call, get, getIfKnown, hookPath } from "./api.js";
import { sparkline } from "./chart.js";
import { button, cell, fill, h, keyed, table, write } from "./dom.js";
import { count, plural, span } from "./format.js";
import { kindOf, stateBadges } from "./hook_state.js";
import { fewAtATime, live } from "./live.js";

const MINUTES = 10;
const OLDEST_OF = 100;
const COLUMNS = ["Hook", "State", `Attempts, ${MINUTES} min`, "Failed", "Undelivered"];
let trail = [];

export function hooksView(signal, query) {
  const state = { q: query.get("q") ?? "", status: query.get("status") ?? "", limit: query.get("limit") ?? "25", cursor: query.get("cursor") ?? "" };
  if (!state.cursor) trail = [];

  const search = h("input", { type: "search", id: "q", value: state.q, placeholder: "a part of the URL or the id", autocomplete: "off" });
  const status = choice("status", state.status, [["", "any state"], ["active", "active"], ["disabled", "disabled"]]);
  const limit = choice("limit", state.limit, ["25", "50", "100"].map((value) => [value, value]));
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

  function choice(id, value, options) {
    return h("select", { id }, options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
  }

  function address() {
    const parts = new URLSearchParams(Object.entries(state).filter(([name, value]) => value && !(name === "limit" && value === "25")));
    return parts.size ? `#/?${parts}` : "#/";
  }

  function go(cursor) {
    state.cursor = cursor;
    history.pushState(null, "", address());
    scrollTo(0, 0);
    readList();
  }

  function filter() {
    Object.assign(state, { q: search.value.trim(), status: status.value, limit: limit.value, cursor: "" });
    trail = [];
    history.replaceState(null, "", address());
    readList();
  }

  let typing = 0;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(filter, 200);
  });
  status.addEventListener("change", filter);
  limit.addEventListener("change", filter);

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
    fill(empty, state.q || state.status ? "No hook matches." : ["There is no hook yet. ", h("a", { href: "#/new" }, "Add the first one"), "."]);
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
      ["active", count(found.active), ""],
      ["disabled", count(found.disabled), found.disabled ? "off" : ""],
      ["failing", count(found.failing), found.failing ? "bad" : ""],
      ["breakers open", count(found.breakers_open), found.breakers_open ? "bad" : ""],
      ["pending here", count(found.pending), ""],
      ["oldest undelivered", typeof oldest === "number" ? span(oldest) : "none", ""],
    ].map(([name, value, kind]) => h("div", { class: kind }, h("dt", {}, name), h("dd", {}, value))));
  });

  return h("div", {},
    h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, "Hooks"), h("a", { class: "button primary", href: "#/new" }, "Add a hook")),
    overview,
    h("form", { class: "filters", role: "search", on: { submit: (event) => { event.preventDefault(); filter(); } } },
      h("div", { class: "grow" }, h("label", { for: "q" }, "Search"), search),
      h("div", {}, h("label", { for: "status" }, "State"), status),
      h("div", {}, h("label", { for: "limit" }, "Per page"), limit)),
    summary, list, empty,
    h("div", { class: "actions pages" }, back, onward));
}

/** A row; its node is watched, and asked for counts when it is on the screen. */
function row(observer) {
  const link = h("a", {});
  const about = h("span", { class: "minor" });
  const [states, rate, failed, waiting] = ["", "…", "…", "…"].map((text) => h("div", { class: "number" }, text));
  states.className = "badges";
  const node = h("tr", { role: "row" },
    h("td", { role: "cell", class: "main" }, link, about),
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
      write(link, hook.url);
      write(about, `${kindOf(hook)} · organization ${hook.organization_id} · ${hook.events.join(", ")} · ${hook.id.slice(0, 8)}…`);
      fill(states, stateBadges(hook));
    },
  };
}

/** Counts of one hook; null where its owner can't tell at this moment. */
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
