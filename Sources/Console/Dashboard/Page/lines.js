// The lines of a log, a page at a time: the newest at the end, older ones when they are asked for.
import { fill, h, say } from "./dom.js";
import { ask } from "./record.js";

/** Lines that the page holds at most. */
const most = 2000;

export class Lines {
  constructor(page, names, signal) {
    this.page = page;
    this.names = names;
    this.signal = signal;
    this.file = "events";
    this.round = 0;
    page.events.addEventListener("click", () => this.open("events"));
    page.log.addEventListener("click", () => this.open("log"));
    page.older.addEventListener("click", () => this.back());
    page.newest.addEventListener("click", () => this.open(this.file));
    let timer;
    page.filter.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => this.open(this.file), 150); });
    page.list.addEventListener("click", (event) => {
      const line = event.target.closest("li[data-offset]");
      if (!line || event.target.closest("pre")) return;
      this.choose(line);
      this.toggle();
    });
    page.list.parentElement.addEventListener("keydown", (event) => {
      if (event.target.role !== "tab" || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
      this.open(this.file === "events" ? "log" : "events");
      (this.file === "events" ? page.events : page.log).focus();
    });
  }

  /** Shows the newest lines of a file. */
  async open(file) {
    this.file = file;
    for (const [name, tab] of [["events", this.page.events], ["log", this.page.log]]) {
      tab.setAttribute("aria-selected", String(name === file));
      tab.tabIndex = name === file ? 0 : -1;
    }
    this.page.list.setAttribute("aria-labelledby", `tab-${file}`);
    // The list ends where the file does: what is written from now on belongs below it.
    this.follows = true;
    await this.take({}, (lines) => fill(this.page.list, lines));
    this.page.list.scrollTop = this.page.list.scrollHeight;
    if (this.page.list.children.length < 20 && this.before > 0) await this.back();
  }

  /** Shows lines from an offset on, and opens the first. */
  async jump(offset) {
    if (this.file !== "events" || this.page.filter.value) {
      this.page.filter.value = "";
      this.file = "events";
      await this.open("events");
    }
    this.follows = false;
    await this.take({ after: offset }, (lines) => fill(this.page.list, lines), offset);
    this.page.list.scrollTop = 0;
    const first = this.page.list.querySelector("li[data-offset]");
    if (first) { this.choose(first); await this.toggle(true); }
    this.page.list.scrollIntoView({ block: "nearest" });
  }

  /** Lines that were written since. */
  async more() {
    const { list } = this.page;
    if (this.busy || !this.follows || this.after === undefined) return;
    const isAtEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 40;
    await this.take({ after: this.after, limit: 500 }, (lines) => {
      for (const line of lines) {
        list.querySelector(`li[data-offset="${line.dataset.offset}"]`)?.remove();
        list.append(line);
      }
      while (list.children.length > most) list.firstElementChild.remove();
    });
    if (isAtEnd) list.scrollTop = list.scrollHeight;
  }

  /** Older lines; a filter that finds few looks on by itself for a while. */
  async back() {
    const { list } = this.page;
    const had = list.children.length;
    for (let tries = 0; tries < 8 && this.before > 0 && list.children.length < had + 50; tries += 1) {
      const height = list.scrollHeight;
      const top = list.scrollTop;
      const isDone = await this.take({ before: this.before }, (lines) => {
        list.prepend(...lines);
        while (list.children.length > most) { list.lastElementChild.remove(); this.follows = false; }
      });
      if (!isDone) return;
      list.scrollTop = top + list.scrollHeight - height;
    }
  }

  async take(place, put, from) {
    const round = this.round += 1;
    const isLatest = () => round === this.round && !this.signal.aborted;
    this.busy = true;
    try {
      const told = await ask("/api/lines", { ...this.names, file: this.file, filter: this.page.filter.value, ...place }, this.signal);
      if (!isLatest()) return false;
      put(told.lines.map((line) => this.row(line)));
      if (place.before !== undefined || place.after === undefined || from !== undefined) this.before = from ?? told.before;
      if (place.before === undefined) this.after = told.after;
      this.page.older.disabled = this.before === 0;
      const looked = this.page.filter.value && this.before > 0 ? `looked at from byte ${this.before} on; "Older" looks further` : "";
      say(this.page.note, this.page.list.children.length === 0 ? (looked || "no lines") : looked);
      return true;
    } catch (error) {
      if (isLatest()) say(this.page.note, error.message);
      return false;
    } finally {
      if (round === this.round) this.busy = false;
    }
  }

  row(line) {
    const isEvent = line.type !== undefined;
    return h("li", { "data-offset": line.offset, class: isEvent ? `event ${line.source} ${line.type}` : "text", tabindex: -1 },
      isEvent ? [h("span", { class: "at" }, line.elapsed), h("span", { class: "source" }, line.source),
        h("span", { class: "type" }, line.type), h("span", { class: "said" }, line.text)]
        : h("span", { class: "said" }, line.text + (line.cut ? " …" : "")));
  }

  choose(line) {
    this.page.list.querySelector("[aria-current]")?.removeAttribute("aria-current");
    line.setAttribute("aria-current", "true");
  }

  step(by) {
    const { list } = this.page;
    const now = list.querySelector("[aria-current]");
    const next = now ? (by > 0 ? now.nextElementSibling : now.previousElementSibling)
      : by > 0 ? list.firstElementChild : list.lastElementChild;
    if (!next) return;
    this.choose(next);
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  /** Shows a line in full below it, or takes that away. */
  async toggle(only) {
    const line = this.page.list.querySelector("[aria-current]");
    if (!line) return false;
    const shown = line.querySelector("pre");
    if (shown) { if (!only) shown.remove(); return true; }
    try {
      const told = await ask("/api/line", { ...this.names, file: this.file, offset: line.dataset.offset }, this.signal);
      line.querySelector("pre")?.remove();
      line.append(h("pre", { tabindex: "0" }, told.text + (told.cut ? "\n… cut after 1 MiB" : "")));
    } catch (error) {
      if (!this.signal.aborted) say(this.page.note, error.message);
    }
    return true;
  }
}
