// A run: its head, the curves, the field, verdicts and the ledger.
import { bar, count, fill, h, picture, say, time } from "./dom.js";
import { chooseAmong, mark } from "./keys.js";
import { askText, follow, rest } from "./record.js";

const stateWords = { running: "runs", ended: "ended", lost: "lost", silent: "silent" };
const stateStyles = { running: "live well", ended: "calm", lost: "bad", silent: "warn" };
const kinds = {
  good: "well", bad: "bad", lost: "bad", stopped: "warn", waiting: "warn live", running: "live", busy: "calm",
  pending: "calm",
};
const columns = [
  ["trial"], ["state"], ["does"], ["turns", "n"], ["tools", "n"], ["tokens", "n"], ["spent", "n"], ["of cap"],
  ["cache", "n"], ["idle", "n"], ["time", "n"], ["score", "n"], ["nearest policy"],
];

export async function showField(part, { run }, { signal, tell, address }) {
  const page = build(run);
  fill(part, page.root);
  const state = { parts: {}, rows: new Map(), filter: "", curves: null };
  chooseAmong(() => [...page.body.querySelectorAll("tr[data-key]:not([hidden])")]);
  page.filter.addEventListener("input", () => { state.filter = page.filter.value; sift(page, state); });

  follow(run, signal, (parts) => {
    Object.assign(state.parts, parts);
    draw(page, state, address, run);
  }, tell);
  tick(page, state, signal);
  curves(page, state, run, signal);
  return {};
}

function build(run) {
  const title = h("h1", {}, run);
  const lead = h("p", { class: "lead" });
  const figures = h("dl", { class: "figures" });
  const notes = h("ul", { class: "notes" });
  const chart = h("div", { class: "picture" }, h("p", { class: "soft" }, "Reading logs…"));
  const filter = h("input", { type: "search", placeholder: "filter trials  /", "aria-label": "Filter trials" });
  const body = h("tbody", {});
  const verdicts = h("ol", { class: "verdicts" });
  const ledger = h("div", {});
  const heads = columns.map(([name, style]) => h("th", { scope: "col", class: style ?? null, "data-name": name }, name));
  const root = h("div", {}, title, lead, figures, notes,
    h("section", { "aria-labelledby": "spend-title" }, h("h2", { id: "spend-title" }, "Spend over time"), chart),
    h("section", { "aria-labelledby": "field-title" },
      h("div", { class: "headline" }, h("h2", { id: "field-title" }, "Field"), filter),
      h("div", { class: "table", tabindex: "0", role: "region", "aria-label": "The field" },
        h("table", { class: "rows field" }, h("thead", {}, h("tr", {}, heads)), body))),
    h("section", { "aria-labelledby": "verdicts-title" }, h("h2", { id: "verdicts-title" }, "Verdicts and orders"),
      verdicts),
    h("section", { "aria-labelledby": "ledger-title" }, h("h2", { id: "ledger-title" }, "Ledger"), ledger));
  return { root, title, lead, figures, notes, chart, filter, body, verdicts, ledger };
}

function draw(page, state, address, run) {
  const { parts } = state;
  if (parts.head) head(page, parts.head, state);
  const order = parts.order ?? [];
  for (const alias of order) {
    const told = parts[`trial/${alias}`];
    if (!told) continue;
    let row = state.rows.get(alias);
    if (!row) {
      row = makeRow(alias, address(run, alias));
      state.rows.set(alias, row);
    }
    if (row.told !== told) writeRow(row, told);
  }
  // Trials that run stand above those that have ended, each in the order planned.
  const rank = (alias) => {
    const told = parts[`trial/${alias}`];
    return !told ? 3 : told.outcome ? 2 : told.kind === "pending" ? 1 : 0;
  };
  const sorted = order.filter((alias) => state.rows.has(alias))
    .map((alias, index) => [rank(alias), index, alias]).sort((a, b) => a[0] - b[0] || a[1] - b[1])
    .map(([, , alias]) => state.rows.get(alias).element);
  if (sorted.some((row, index) => page.body.children[index] !== row)) {
    const focus = document.activeElement;
    page.body.replaceChildren(...sorted);
    if (page.body.contains(focus)) focus.focus({ preventScroll: true });
  }
  // What nobody does any more needs no column.
  page.root.classList.toggle("over", order.length > 0 && order.every((alias) => parts[`trial/${alias}`]?.outcome));
  page.root.classList.toggle("scored", order.some((alias) => parts[`trial/${alias}`]?.score));
  sift(page, state);
  mark();
  if (state.verdicts !== parts.verdicts) { state.verdicts = parts.verdicts; drawVerdicts(page, parts.verdicts, address, run); }
  if (state.ledger !== parts.ledger || !parts.ledger) { state.ledger = parts.ledger; drawLedger(page, parts.ledger, run); }
}

function head(page, told, state) {
  fill(page.lead, h("span", { class: `tag ${stateStyles[told.state]}` }, stateWords[told.state]), " ", told.directory);
  const done = told.trials - told.unfinished;
  const figures = [
    ["spent", told.cost, `of ${told.budget}${told.has_total ? "" : " in budgets"}`, bar([["part", told.spent_permille]], `${told.cost} of ${told.budget}`)],
    ["trials", `${done} of ${told.trials}`, `ended, ${told.completed} completed`],
    ["elapsed", "", ""],
  ];
  if (told.state === "running" || told.state === "silent") {
    figures.push(["burn", told.burn ? `${told.burn}/min` : "-", told.to_cap ? `at the cap in ${told.to_cap}` : "within the last minute"]);
  }
  const kept = JSON.stringify(figures.map((figure) => figure.slice(0, 3)));
  if (state.figures !== kept) {
    state.figures = kept;
    fill(page.figures, figures.map(([name, value, under, extra]) => h("div", { "data-name": name },
      h("dt", {}, name), h("dd", {}, h("span", { class: "value" }, value), h("small", {}, under), extra))));
  }
  state.head = told;
  elapse(page, state);
  const notes = [told.unknown, told.silent,
    told.state === "lost" ? "Its process is gone. `preflight resume` takes it up, `preflight sweep` removes what it left." : null,
  ].filter(Boolean);
  const notesText = notes.join("\n");
  if (state.notes !== notesText) { state.notes = notesText; fill(page.notes, notes.map((note) => h("li", {}, note))); }
}

function elapse(page, { head }) {
  const value = page.figures.querySelector("[data-name=elapsed] .value");
  if (!head || !value) return;
  if (head.elapsed_s !== undefined) say(value, time(Number(head.elapsed_s)));
  else if (head.created_at) say(value, time((Date.now() - Date.parse(head.created_at)) / 1000));
}

function makeRow(alias, href) {
  const cells = {};
  const cell = (name, style) => (cells[name] = h("td", { class: style ?? null, "data-name": name }));
  const link = h("a", { href }, alias);
  const model = h("span", { class: "under" });
  const element = h("tr", { "data-key": alias },
    h("th", { scope: "row" }, link, model),
    cell("state"), cell("does"), cell("turns", "n"), cell("tools", "n"), cell("tokens", "n"), cell("spent", "n"),
    cell("of cap"), cell("cache", "n"), cell("idle", "n"), cell("time", "n"), cell("score", "n"),
    cell("nearest policy"));
  element.addEventListener("click", (event) => { if (!event.target.closest("a")) link.click(); });
  return { element, cells, model, told: null };
}

function writeRow(row, told) {
  const { cells } = row;
  row.told = told;
  row.element.dataset.kind = told.kind;
  const again = told.attempt > 1 ? `, attempt ${told.attempt}` : "";
  say(row.model, told.model + (told.upstream ? ` at ${told.upstream}` : "") + again);
  fill(cells.state, h("span", { class: `tag ${kinds[told.kind]}` }, told.state),
    told.reason ? h("span", { class: "under clip", title: told.reason }, told.reason) : null);
  say(cells.turns, String(told.turns));
  say(cells.tools, String(told.tools));
  say(cells.tokens, count(told.prompt_tokens + told.completion_tokens));
  cells.tokens.title = `${told.prompt_tokens} in, ${told.completion_tokens} out`;
  fill(cells.spent, told.cost, told.unknown ? h("span", { class: "under" }, told.unknown) : null);
  fill(cells["of cap"], bar([[told.spent_permille >= 900 ? "part warn" : "part", told.spent_permille]],
    `${told.cost} of ${told.budget}`), h("span", { class: "under" }, `${Math.round(told.spent_permille / 10)}% of ${told.budget}`));
  say(cells.cache, told.cache_permille ? `${Math.floor(told.cache_permille / 10)}%` : "-");
  say(cells.score, told.score ?? "-");
  cells.score.title = told.score_error ?? measured(told);
  writeNearest(cells["nearest policy"], told);
  writeTimes(row);
}

/** What a scorer measured beside the score. */
export const measured = ({ metrics }) =>
  Object.entries(metrics ?? {}).map(([name, value]) => `${name} ${value}`).join(", ");

/** The policy that is nearest to firing, and how near. */
export function nearest(told) {
  const near = told.nearest;
  if (!near || told.outcome) return null;
  return typeof near === "string" ? { text: near } : { text: near.words ?? near.policy, permille: near.permille };
}

function writeNearest(cell, told) {
  const near = nearest(told);
  fill(cell, near ? [near.permille === undefined ? null : bar(
    [[near.permille >= 800 ? "part bad" : near.permille >= 500 ? "part warn" : "part calm", near.permille]], near.text),
    h("span", { class: "under" }, near.text)] : "");
}

/** What goes on between two words of the server. */
function writeTimes({ cells, told }) {
  const since = (iso) => time((Date.now() - Date.parse(iso)) / 1000);
  const does = told.waits_for ? `waits: ${told.waits_for}` : told.doing ?? "";
  const doing = told.outcome || !does ? "" : told.doing_since ? `${does} ${since(told.doing_since)}` : does;
  if (cells.does.textContent !== doing) fill(cells.does, doing ? h("span", { class: "clip", title: doing }, doing) : "");
  say(cells.idle, told.running && told.activity_at ? since(told.activity_at) : "-");
  say(cells.time, told.running && told.running_since ? since(told.running_since)
    : told.runtime_s === undefined ? "-" : time(Number(told.runtime_s), true));
  for (const cell of Object.values(cells)) cell.toggleAttribute("data-empty", ["", "-"].includes(cell.textContent));
}

async function tick(page, state, signal) {
  while (!signal.aborted) {
    await rest(1000, signal);
    elapse(page, state);
    for (const row of state.rows.values()) if (row.told && !row.told.outcome) writeTimes(row);
  }
}

function sift(page, state) {
  const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
  for (const [alias, row] of state.rows) {
    const told = row.told;
    const text = `${alias} ${told?.model} ${told?.state} ${told?.outcome ?? ""} ${told?.reason ?? ""}`.toLowerCase();
    row.element.hidden = !words.every((word) => word.startsWith("-") && word.length > 1
      ? !text.includes(word.slice(1)) : text.includes(word));
  }
}

async function curves(page, state, run, signal) {
  let width = 0;
  while (!signal.aborted) {
    const now = Math.floor(page.chart.clientWidth);
    const version = state.parts.curves;
    if (version !== undefined && now > 0 && (version !== state.curves || now !== width)) {
      try {
        const height = now < 520 ? 250 : 270;
        const text = await askText("/api/spend", { run, width: Math.max(280, now), height }, signal);
        state.curves = version;
        width = now;
        if (!page.chart.matches(":hover")) fill(page.chart, picture(text));
      } catch { /* the stream tells of what is wrong */ }
    }
    await rest(2000, signal);
  }
}

export function evidence(fields) {
  if (!fields) return null;
  const flat = Object.entries(fields).flatMap(([key, value]) =>
    value && typeof value === "object" && !Array.isArray(value)
      ? Object.entries(value).map(([inner, value]) => [inner, value]) : [[key, value]]);
  return h("dl", { class: "evidence" }, flat.map(([key, value]) =>
    h("div", {}, h("dt", {}, key), h("dd", {}, typeof value === "string" ? value : JSON.stringify(value)))));
}

function drawVerdicts(page, verdicts, address, run) {
  if (!verdicts || verdicts.length === 0) {
    fill(page.verdicts, h("li", { class: "none" }, "No policy has fired, and no order was given."));
    return;
  }
  fill(page.verdicts, verdicts.map((verdict) => h("li", { class: verdict.kind },
    h("a", { href: `${address(run, verdict.trial)}`, class: "who" }, verdict.trial), " ",
    h("span", { class: "mono" }, verdict.type), h("span", { class: "soft" }, ` after ${verdict.elapsed}`),
    verdict.text ? h("p", {}, verdict.text) : null, evidence(verdict.evidence))));
}

function drawLedger(page, rows, run) {
  if (!rows) {
    fill(page.ledger, h("p", { class: "soft" },
      "This run has no scope in the ledger: its trials call OpenRouter with keys that are capped there."));
    return;
  }
  const names = ["scope", "settled", "reserved", "held", "headroom", "limit", "calls"];
  fill(page.ledger, h("div", { class: "table", tabindex: "0", role: "region", "aria-label": "The ledger" },
    h("table", {}, h("thead", {}, h("tr", {}, names.map((name, index) =>
      h("th", { scope: "col", class: index > 0 ? "n" : null }, name)))),
    h("tbody", {}, rows.map((row) => h("tr", {},
      h("th", { scope: "row", class: `depth${Math.min(row.depth, 4)}` },
        row.scope.startsWith(`${run}/`) ? row.scope.slice(run.length + 1) : row.scope,
        row.closed ? h("span", { class: "soft" }, " closed") : null,
        row.limit ? bar([["part", row.settled_permille], ["part more", row.reserved_permille],
          ["part unknown", row.held_permille]],
        `${row.settled} settled, ${row.reserved} reserved and ${row.held} held of ${row.limit}`) : null),
      h("td", { class: "n" }, row.settled), h("td", { class: "n" }, row.reserved), h("td", { class: "n" }, row.held),
      h("td", { class: "n" }, row.headroom ?? "any"), h("td", { class: "n" }, row.limit ?? "none"),
      h("td", { class: "n" }, row.open_calls ? `${row.calls} + ${row.open_calls} open` : String(row.calls))))))));
}
