// Show the view that the part after the # of the address names.

import { forgetToken, hasToken, onTokenNeeded } from "./api.js";
import { askToken } from "./dialogs.js";
import { deadLettersView } from "./dead_letters.js";
import { write } from "./dom.js";
import { explainView } from "./explain.js";
import { tick } from "./format.js";
import { hookView } from "./hook.js";
import { editView, newView } from "./hook_form.js";
import { hooksView } from "./hooks.js";
import { isLive, onTrouble, setPaused } from "./live.js";
import { searchView } from "./search.js";
import { sendView } from "./sending.js";
import { tasksView } from "./tasks.js";

const VIEWS = [
  [/^\/?$/, "hooks", hooksView],
  [/^\/new$/, "hooks", newView],
  [/^\/hooks\/([0-9a-f]{32})$/, "hooks", hookView],
  [/^\/hooks\/([0-9a-f]{32})\/edit$/, "hooks", editView],
  [/^\/attempts$/, "attempts", searchView],
  [/^\/tasks$/, "tasks", tasksView],
  [/^\/dead-letters$/, "dead-letters", deadLettersView],
  [/^\/send$/, "send", sendView],
  [/^\/explain$/, "explain", explainView],
];

const main = document.getElementById("main");
const trouble = document.getElementById("trouble");
const liveButton = document.getElementById("live");
const forgetButton = document.getElementById("forget");
let ending = new AbortController();
let isFirst = true;

function show() {
  if (location.hash === "#main") return; // the skip link
  const [path, query = ""] = location.hash.slice(1).split("?");
  const [place, name, view] = VIEWS.map(([pattern, ...rest]) => [pattern.exec(path), ...rest]).find(([found]) => found)
    ?? [[], "hooks", hooksView];
  ending.abort();
  ending = new AbortController();
  for (const link of document.querySelectorAll("nav [data-view]")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  main.replaceChildren(view(ending.signal, new URLSearchParams(query), place[1]));
  document.title = `${main.querySelector("h1").textContent} · streamhooks`;
  if (!isFirst) {
    scrollTo(0, 0);
    main.querySelector("h1").focus();
  }
  isFirst = false;
}

onTrouble((error) => {
  forgetButton.hidden = !hasToken();
  trouble.hidden = error === null;
  write(trouble, error === null ? "" : `${error instanceof TypeError ? "The worker does not answer" : error.message}. Trying again …`);
});
onTokenNeeded(askToken);

liveButton.addEventListener("click", () => {
  const wasLive = liveButton.getAttribute("aria-pressed") === "true";
  liveButton.setAttribute("aria-pressed", String(!wasLive));
  write(liveButton, wasLive ? "Paused" : "Live");
  setPaused(wasLive);
});
forgetButton.addEventListener("click", () => {
  forgetToken();
  location.reload();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
setInterval(() => isLive() && tick(), 1000);
addEventListener("hashchange", show);
show();
