// The keyboard: rows that can be chosen, and keys that mean something wherever one is.

let rows = () => [];
let chosen = null;

/** Rows of the page that is shown; each has an `a` that opens it, or is opened by a click. */
export function chooseAmong(find) {
  rows = find;
  chosen = null;
}

function choose(step) {
  const all = rows();
  if (all.length === 0) return;
  const at = all.findIndex((row) => row.dataset.key === chosen);
  const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step))];
  chosen = next.dataset.key;
  mark();
  next.scrollIntoView({ block: "nearest" });
  (next.querySelector("a, button") ?? next).focus({ preventScroll: true });
}

/** Shows which row is chosen, after rows were made anew. */
export function mark() {
  for (const row of rows()) {
    if (row.dataset.key === chosen) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

function open() {
  const row = rows().find((row) => row.dataset.key === chosen);
  (row?.querySelector("a, button") ?? row)?.click();
  return row !== undefined;
}

/** `extra` are keys of the page that is shown; `up` goes to the page above it. */
export function listen(extra, up) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const dialog = document.querySelector("dialog[open]");
    if (dialog) return;
    const field = event.target.closest?.("input, textarea, select");
    if (event.key === "Escape") {
      if (field) {
        if (field.value) { field.value = ""; field.dispatchEvent(new Event("input", { bubbles: true })); }
        else field.blur();
      } else up();
      event.preventDefault();
      return;
    }
    if (field) return;
    const actions = {
      j: () => choose(1),
      k: () => choose(-1),
      Enter: () => (event.target.closest("a, button, summary, [tabindex='0']") && !chosen ? false : open()),
      "/": () => document.querySelector("input[type=search]")?.focus(),
      "?": () => document.getElementById("help").showModal(),
      t: () => document.getElementById("theme").click(),
      ...extra(),
    };
    const action = actions[event.key];
    if (!action) return;
    // Where a link has the focus, Enter opens that link.
    if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
    if (action() !== false) event.preventDefault();
  });
}
