// The page: which of its parts is shown, the look, and the keys.
import { fill, h, say } from "./dom.js";
import { Refusal, takeToken } from "./record.js";
import * as keys from "./keys.js";
import { showField } from "./field.js";
import { showRuns } from "./runs.js";
import { showTrial } from "./trial.js";

const main = document.getElementById("main");
const link = document.getElementById("link");
let leave = new AbortController();
let shown = { up: null, keys: {} };

/** `#/`, `#/RUN`, `#/RUN/TRIAL`, `#/RUN/TRIAL/ATTEMPT`. */
function where() {
  const parts = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
  return { run: parts[0], trial: parts[1], attempt: parts[2] };
}

export function address(...parts) {
  return `#/${parts.filter(Boolean).map(encodeURIComponent).join("/")}`;
}

function trail({ run, trial, attempt }) {
  const items = [["Runs", address()]];
  if (run) items.push([run, address(run)]);
  if (trial) items.push([attempt ? `${trial}, attempt ${attempt}` : trial, address(run, trial, attempt)]);
  const last = items.length - 1;
  fill(document.getElementById("trail"), h("ol", {}, items.map(([text, href], index) =>
    h("li", {}, h("a", { href, "aria-current": index === last ? "page" : null }, text)))));
  document.title = [trial, run, "Preflight"].filter(Boolean).join(" · ");
  return last > 0 ? items[last - 1][1] : null;
}

/** What stands at the top right: whether what is shown is still followed. */
function tell(state, error) {
  const words = { live: "live", ended: "ended", away: "connection lost, trying again", refused: "refused", "": "" };
  link.dataset.state = state;
  say(link, words[state] ?? state);
  if (state === "refused") explain(error);
}

function explain(error) {
  const isToken = error instanceof Refusal && error.status === 401;
  fill(main, h("section", { class: "empty" },
    h("h1", {}, isToken ? "This page needs its token" : "This cannot be shown"),
    h("p", {}, isToken
      ? "Open the address that `preflight dashboard` printed, with all that follows the #. Each start makes a new one."
      : error.message),
    error.hint ? h("p", { class: "soft" }, error.hint) : null));
}

async function show() {
  leave.abort();
  leave = new AbortController();
  const signal = leave.signal;
  const place = where();
  const up = trail(place);
  shown = { up, keys: {} };
  tell("");
  const part = h("div", {});
  fill(main, part);
  window.scrollTo(0, 0);
  keys.chooseAmong(() => []);
  try {
    const view = place.trial ? showTrial : place.run ? showField : showRuns;
    shown.keys = (await view(part, place, { signal, tell, address })) ?? {};
  } catch (error) {
    if (!signal.aborted) {
      tell("");
      explain(error);
    }
  }
}

const looks = ["system", "light", "dark"];

function wear(look) {
  if (look === "system") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.dataset.theme = look;
  const button = document.getElementById("theme");
  const names = { system: "Auto", light: "Light", dark: "Dark" };
  say(button, names[look]);
  button.setAttribute("aria-label", `Look: ${names[look]}`);
}

function start() {
  let look = localStorage.getItem("preflight-look") ?? "system";
  if (!looks.includes(look)) look = "system";
  wear(look);
  document.getElementById("theme").addEventListener("click", () => {
    look = looks[(looks.indexOf(look) + 1) % looks.length];
    localStorage.setItem("preflight-look", look);
    wear(look);
  });
  document.getElementById("help-button").addEventListener("click", () => document.getElementById("help").showModal());
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  keys.listen(() => shown.keys, () => { if (shown.up) location.hash = shown.up; });
  window.addEventListener("hashchange", arrive);
  arrive();
}

async function arrive() {
  await takeToken();
  show();
}

start();
