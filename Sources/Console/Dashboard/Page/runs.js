// All runs of a directory, newest first.
import { bar, clock, count, fill, h } from "./dom.js";
import { chooseAmong, mark } from "./keys.js";
import { ask, rest } from "./record.js";

const words = { running: "runs", ended: "ended", lost: "lost", silent: "silent" };
const styles = { running: "live", ended: "calm", lost: "bad", silent: "warn" };

export async function showRuns(part, place, { signal, tell, address }) {
  const title = h("h1", {}, "Runs");
  const lead = h("p", { class: "lead" });
  const body = h("tbody", {});
  const more = h("p", {});
  fill(part, title, lead, h("div", { class: "table", tabindex: "0", role: "region", "aria-label": "Runs" },
    h("table", { class: "rows" },
      h("thead", {}, h("tr", {}, ["run", "state", "begun", "trials", "cost", "of"].map((name, index) =>
        h("th", { scope: "col", class: index > 2 ? "n" : null }, name)))), body)), more);
  let shown = 100;
  const look = async () => {
    const runs = [];
    let told;
    let next = 0;
    // A run that cannot be read has no row, and counts all the same.
    do {
      told = await ask("/api/runs", { from: next || null }, signal);
      runs.push(...told.runs);
      next = told.next;
    } while (next < Math.min(shown, told.all));
    lead.textContent = `${count(told.all)} in ${told.directory}`;
    fill(body, runs.map((run) => row(run, address)));
    if (told.all === 0) fill(body, h("tr", {}, h("td", { colspan: 6 }, "There are no runs yet.")));
    fill(more, told.all > next
      ? h("button", { type: "button", onclick: () => { shown += 100; look(); } }, `More of ${told.all}`) : null);
    mark();
    return runs.some((run) => run.state === "running");
  };
  chooseAmong(() => [...body.querySelectorAll("tr[data-key]")]);
  const isLive = await look();
  tell(isLive ? "live" : "");
  (async () => {
    let pause = isLive ? 3000 : 10000;
    while (!signal.aborted) {
      await rest(pause, signal);
      if (signal.aborted) return;
      try { const isLive = await look(); tell(isLive ? "live" : ""); pause = isLive ? 3000 : 10000; }
      catch { if (!signal.aborted) tell("away"); }
    }
  })();
}

function row(run, address) {
  const left = run.unfinished > 0 ? `, ${run.unfinished} unfinished` : "";
  return h("tr", { "data-key": run.run },
    h("th", { scope: "row" }, h("a", { href: address(run.run) }, run.run),
      h("span", { class: "under" }, (run.models ?? []).join(", "))),
    h("td", {}, h("span", { class: `tag ${styles[run.state]}` }, words[run.state])),
    h("td", {}, run.created_at ? clock(run.created_at) : "-"),
    h("td", { class: "n" }, `${run.completed} of ${run.trials}`, h("span", { class: "under" }, `completed${left}`)),
    h("td", { class: "n" }, run.cost, run.unknown ? h("span", { class: "under" }, run.unknown) : null,
      bar([["part", run.spent_permille]], `${run.cost} of ${run.budget}`)),
    h("td", { class: "n" }, run.budget));
}
