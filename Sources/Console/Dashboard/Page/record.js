// The way to the record: requests, and the stream of what changes.

const place = "preflight-token";

/** Further than any list of runs goes. */
const beyond = 1e9;

/**
 * The token comes in the address once; it is kept by the browser for this origin, and not shown again. Any page can
 * lead here with a token of its own: only one that the dashboard takes replaces the one that is kept.
 */
export async function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1));
  const token = given.get("token");
  if (!token) return;
  const run = given.get("run");
  history.replaceState(null, "", run ? `#/${encodeURIComponent(run)}` : "#/");
  try {
    const { status } = await send("/api/runs", { from: beyond }, { headers: { Authorization: `Bearer ${token}` } });
    // Whatever else is wrong came after the token was looked at, and the page tells of it.
    if (status !== 401) localStorage.setItem(place, token);
  } catch { /* nobody answered: what is kept stays */ }
}

export class Refusal extends Error {
  constructor(status, message, hint) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

function send(path, parameters, options = {}) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") query.set(key, value);
  }
  const headers = { Authorization: `Bearer ${localStorage.getItem(place) ?? ""}`, ...options.headers };
  return fetch(`${path}?${query}`, { ...options, headers, cache: "no-store" });
}

async function checked(response) {
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  throw new Refusal(response.status, told.error?.message ?? `the answer was ${response.status}`, told.error?.hint);
}

export async function ask(path, parameters = {}, signal) {
  return (await checked(await send(path, parameters, { signal }))).json();
}

export async function askText(path, parameters = {}, signal) {
  return (await checked(await send(path, parameters, { signal }))).text();
}

/**
 * Follows a run until `signal` says so. `told` is given parts as they change, `state` one of
 * `live`, `ended`, `away` and `refused` with its reason. A connection that breaks is made again, from where it was.
 */
export async function follow(run, signal, told, state) {
  let last = null;
  let pause = 500;
  while (!signal.aborted) {
    try {
      const headers = last ? { "Last-Event-ID": last } : {};
      const response = await checked(await send("/api/stream", { run }, { signal, headers }));
      pause = 500;
      let isOver = false;
      state("live");
      for await (const event of events(response.body)) {
        last = event.id ?? last;
        if (event.type === "run") told(JSON.parse(event.data));
        if (event.type === "end") isOver = true;
      }
      if (isOver) state("ended");
      // A run that has ended may be taken up again.
      await rest(isOver ? 15000 : pause, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refusal && error.status !== 503) return state("refused", error);
      state("away", error);
      await rest(pause, signal);
      pause = Math.min(pause * 2, 10000);
    }
  }
}

export function rest(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}

/** Server-sent events of a body. `EventSource` cannot send the token. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  while (true) {
    const { value, done } = await reader.read();
    if (done) return;
    pending += value;
    let end;
    while ((end = pending.indexOf("\n\n")) >= 0) {
      const event = { type: "message", data: "" };
      for (const line of pending.slice(0, end).split("\n")) {
        if (line.startsWith("event: ")) event.type = line.slice(7);
        if (line.startsWith("id: ")) event.id = line.slice(4);
        if (line.startsWith("data: ")) event.data += line.slice(6);
      }
      pending = pending.slice(end + 2);
      if (event.data) yield event;
    }
  }
}
