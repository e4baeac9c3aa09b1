// A trial: its figures, its course on one axis, verdicts with their evidence, events and output.
import { bar, count, fill, h, picture, say, time } from "./dom.js";
import { evidence, measured, nearest } from "./field.js";
import { Lines } from "./lines.js";
import { ask, askText, follow, rest } from "./record.js";

const kinds = {
  good: "well", bad: "bad", lost: "bad", stopped: "warn", waiting: "warn live", running: "live well", busy: "calm",
  pending: "calm",
};

export async function showTrial(part, { run, trial, attempt }, { signal, tell, address }) {
  const told = await ask("/api/trial", { run, trial, attempt }, signal);
  const page = build(told, { run, trial }, address);
  fill(part, page.root);
  const names = { run, trial, attempt };
  const lines = new Lines(page, names, signal);
  lines.open("events");
  let siblings = [];
  draw(page, told, address, names, lines);
  let version = null;
  let isLive = false;
  const refresh = async () => {
    try {
      draw(page, await ask("/api/trial", names, signal), address, names, lines);
      await timeline(page, names, signal, lines);
    } catch { /* the stream tells of what is wrong */ }
  };
  refresh();
  follow(run, signal, (parts) => {
    if (parts.order) siblings = parts.order;
    const row = parts[`trial/${trial}`];
    if (row && !attempt) {
      isLive = !row.outcome;
      figures(page, row);
    }
    if (parts.curves !== undefined) version = parts.curves;
  }, tell);
  (async () => {
    let drawn = null;
    while (!signal.aborted) {
      await rest(2000, signal);
      if (signal.aborted) return;
      if (version !== drawn || isLive) {
        drawn = version;
        await refresh();
        await lines.more();
      }
    }
  })();
  const step = (by) => () => {
    const next = siblings[siblings.indexOf(trial) + by];
    if (next) location.hash = address(run, next);
  };
  return {
    "[": step(-1), "]": step(1),
    e: () => lines.open("events"), l: () => lines.open("log"),
    j: () => lines.step(1), k: () => lines.step(-1), Enter: () => lines.toggle(),
  };
}

function build(told, { run, trial }, address) {
  const title = h("h1", {}, trial);
  const lead = h("p", { class: "lead" });
  const figures = h("dl", { class: "figures" });
  const chart = h("div", { class: "picture" }, h("p", { class: "soft" }, "Reading its log…"));
  const verdicts = h("ol", { class: "verdicts" });
  const facts = h("dl", { class: "facts" });
  const events = h("button", { type: "button", role: "tab", id: "tab-events", "aria-controls": "lines" }, "Events");
  const log = h("button", { type: "button", role: "tab", id: "tab-log", "aria-controls": "lines" }, "Output");
  const filter = h("input", { type: "search", placeholder: "filter lines  /", "aria-label": "Filter lines" });
  const older = h("button", { type: "button", class: "older" }, "Older");
  const newest = h("button", { type: "button", class: "newest" }, "Newest");
  const list = h("ol", { id: "lines", class: "lines", role: "tabpanel", tabindex: "0", "aria-label": "Lines" });
  const note = h("p", { class: "soft note", role: "status" });
  const attempts = told.attempts > 1
    ? h("p", { class: "attempts" }, "Attempts: ", Array.from({ length: told.attempts }, (_, index) =>
      h("a", { href: address(run, trial, index + 1 === told.attempts ? null : String(index + 1)),
        "aria-current": index + 1 === told.attempt ? "true" : null }, String(index + 1)))) : null;
  const root = h("div", {}, title, lead, attempts, figures,
    h("section", { "aria-labelledby": "time-title" }, h("h2", { id: "time-title" }, "Timeline"), chart,
      h("p", { class: "soft legend" }, "Calls and tools as long as they took; below, events worth a mark, and the money. A click leads to the line of the log.")),
    h("section", { "aria-labelledby": "verdicts-title" }, h("h2", { id: "verdicts-title" }, "What happened"), verdicts),
    h("section", { "aria-labelledby": "lines-title" }, h("h2", { id: "lines-title" }, "Log"),
      h("div", { class: "tools" }, h("div", { role: "tablist", "aria-label": "Which log" }, events, log), filter, newest),
      older, list, note),
    h("section", { "aria-labelledby": "facts-title" }, h("h2", { id: "facts-title" }, "Facts"), facts));
  return { root, title, lead, figures, chart, verdicts, facts, events, log, filter, older, newest, list, note };
}

function draw(page, told, address, names, lines) {
  figures(page, told.row);
  const kept = JSON.stringify(told.marks);
  if (page.marks !== kept) {
    page.marks = kept;
    const marks = told.marks.filter((mark) => mark.kind !== "snapshot");
    fill(page.verdicts, marks.length === 0 ? h("li", { class: "none" }, "Nothing yet.") : marks.map((mark) =>
      h("li", { class: mark.kind },
        h("button", { type: "button", class: "jump mono", onclick: () => lines.jump(mark.offset) }, mark.type),
        h("span", { class: "soft" }, ` after ${mark.elapsed}`), mark.text ? h("p", {}, mark.text) : null,
        mark.kind === "verdict" ? evidence(mark.evidence) : null)));
  }
  const facts = [
    ["directory", told.directory],
    ["exit code", told.exit_code],
    ["output", told.output.length ? told.output.join(", ") : "nothing"],
    ["progress", Object.entries(told.context).map(([key, value]) => `${key} ${JSON.stringify(value)}`).join(", ")],
    ["last on stderr", told.last_stderr.join("\n")],
    ["not given back", told.left.join(", ")],
    ["lines not kept", told.lines_not_kept || ""],
  ].filter(([, value]) => value !== undefined && value !== null && value !== "");
  const factsKept = JSON.stringify(facts);
  if (page.factsKept !== factsKept) {
    page.factsKept = factsKept;
    fill(page.facts, facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", { class: "mono" }, String(value))]));
  }
}

function figures(page, row) {
  fill(page.lead, h("span", { class: `tag ${kinds[row.kind]}` }, row.state), ` ${row.model}`,
    row.upstream ? ` at ${row.upstream}` : "", row.reason ? `: ${row.reason}` : "");
  const near = nearest(row);
  const told = [
    ["spent", row.cost, `of ${row.budget}${row.unknown ? `, ${row.unknown}` : ""}`,
      bar([["part", row.spent_permille]], `${row.cost} of ${row.budget}`)],
    ["turns", String(row.turns), `${row.tools} tools, ${row.errors} errors, ${row.snapshots} snapshots`],
    ["tokens", count(row.prompt_tokens + row.completion_tokens),
      `${count(row.prompt_tokens)} in, ${count(row.completion_tokens)} out${row.cache_permille ? `, ${Math.floor(row.cache_permille / 10)}% from cache` : ""}`],
    ["time", row.running_since ? time((Date.now() - Date.parse(row.running_since)) / 1000)
      : row.runtime_s === undefined ? "-" : time(Number(row.runtime_s), true),
    row.doing ? `does: ${row.doing}` : row.running ? "runs" : ""],
  ];
  if (row.score) told.push(["score", row.score, row.score_error ?? measured(row)]);
  if (near) told.push(["nearest policy", near.permille === undefined ? "" : `${Math.floor(near.permille / 10)}%`, near.text]);
  fill(page.figures, told.map(([name, value, under, extra]) => h("div", {}, h("dt", {}, name),
    h("dd", {}, value, h("small", {}, under), extra))));
}

async function timeline(page, names, signal, lines) {
  const width = Math.floor(page.chart.clientWidth);
  const text = await askText("/api/timeline", { ...names, width: Math.max(280, width) }, signal);
  if (page.chart.matches(":hover") && page.chart.querySelector("svg")) return;
  const svg = picture(text);
  svg.addEventListener("click", (event) => {
    const offset = event.target.closest("[data-offset]")?.getAttribute("data-offset");
    if (offset) lines.jump(Number(offset));
  });
  fill(page.chart, svg);
}
