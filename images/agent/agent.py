#!/usr/bin/env python3
"""The reference agent: one model, three tools, one prompt, until the model has no more to do.

It is meant to be copied and changed. What Preflight relies on is small and described in
images/README.md: prompt on stdin, one JSON event a line on stdout, work in /workspace/output,
exit code 0 when done. Everything else here is this agent's own business.
"""
import argparse, email.utils, http.client, json, os, select, signal, subprocess, sys, time
import urllib.error, urllib.request

OUTPUT_DIR = "/workspace/output"
HTTP_TIMEOUT = 600          # a slow model is not an error
RETRIES = 4                 # after the first attempt
MAX_BACKOFF = 60            # no wait is longer than this, whatever Retry-After says
TOOL_OUTPUT_LIMIT = 16_000  # bytes of a tool's output that the model gets to see
BASH_TIMEOUT, BASH_TIMEOUT_MAX = 60, 600

EXIT_DONE, EXIT_CRASH, EXIT_SETUP, EXIT_MAX_TURNS, EXIT_BUDGET, EXIT_KEY, EXIT_API = 0, 1, 2, 3, 4, 5, 6

SYSTEM = """You are an agent that works on its own in a Linux container; nobody answers questions.
Use the tools to do the task. Everything you leave in the working directory is your result.
Check your work before you stop. You may be told your remaining budget: spend it well.
When the task is done, answer with a short summary and without calling a tool."""


def tool(name, description, required, **properties):
    return {"type": "function", "function": {"name": name, "description": description, "parameters": {
        "type": "object", "properties": properties, "required": required}}}


TOOLS = [
    tool("bash", "Run a shell command in the working directory and return its output.", ["command"],
         command={"type": "string"},
         timeout={"type": "number", "description": f"Seconds, {BASH_TIMEOUT} unless told, {BASH_TIMEOUT_MAX} at most."}),
    tool("read_file", "Return the content of a text file.", ["path"], path={"type": "string"}),
    tool("write_file", "Write a text file, and the folders it needs.", ["path", "content"],
         path={"type": "string"}, content={"type": "string"}),
]


class Stop(Exception):
    """Ends the run: the message becomes an `error` event, exit_code the process's."""
    def __init__(self, exit_code, message, code=None):
        super().__init__(message)
        self.exit_code, self.code = exit_code, code


class Retry(Exception):
    """A failure that may pass; `wait` is what the server asked for, in seconds."""
    def __init__(self, message, code=None, wait=None):
        super().__init__(message)
        self.code, self.wait = code, wait


# --- what goes out --------------------------------------------------------------------------------

def api_key():
    return os.environ.get("OPENROUTER_API_KEY", "").strip()


def without_key(text):
    """The model may read the key in our environment; it must not get into a log or back to the API."""
    return text.replace(api_key(), "***") if len(api_key()) >= 8 else text


def emit(type, **fields):
    # Flushed at once: the reader judges the run by these lines while it is under way.
    print(without_key(json.dumps({"type": type, **fields})), flush=True)


def note(text):
    print(without_key(f"agent: {text}"), file=sys.stderr, flush=True)


# --- what comes in --------------------------------------------------------------------------------

def prompt_from(line):
    """The prompt in one JSON-RPC line: params.message, else message, else None."""
    try:
        request = json.loads(line)
        params = request.get("params")
        message = (params.get("message") if isinstance(params, dict) else None) or request.get("message")
    except (ValueError, AttributeError):
        return None
    return message if isinstance(message, str) and message.strip() else None


def get_prompt():
    # One line and not all of stdin, which may well stay open.
    prompt = prompt_from(sys.stdin.buffer.readline()) if sys.stdin else None
    path = os.environ.get("PREFLIGHT_PROMPT_FILE")
    if prompt is None and path:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                prompt = file.read().strip() or None
        except OSError as error:
            raise Stop(EXIT_SETUP, f"cannot read the prompt file: {error}")
    if prompt is None:
        raise Stop(EXIT_SETUP, "no prompt: neither a JSON line on stdin nor a PREFLIGHT_PROMPT_FILE")
    return prompt


class Budget:
    """The text that says how much money is left; it is written by others while we run."""
    def __init__(self):
        self.path = os.environ.get("PREFLIGHT_BUDGET_FILE") or f"{OUTPUT_DIR}/budget.txt"
        self.told = None

    def news(self):
        """The text if it has changed since the last call, else None."""
        try:
            with open(self.path, encoding="utf-8", errors="replace") as file:
                text = file.read(2000).strip()
        except OSError:
            amount = os.environ.get("PREFLIGHT_BUDGET_USD")
            text = f"Budget: ${amount} for this run" if amount and self.told is None else ""
        if not text or text == self.told:
            return None
        self.told = text
        return text


# --- the API --------------------------------------------------------------------------------------

def retry_after(value):
    """Seconds in a Retry-After header, which is a number or a date."""
    try:
        return max(0.0, float(value))
    except (TypeError, ValueError):
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def raise_for(code, message, wait=None):
    """The one place that decides what an error code means, whether HTTP or the body named it."""
    if code in (402, 403):
        raise Stop(EXIT_BUDGET, message, code)
    if code == 401:
        raise Stop(EXIT_KEY, message, code)
    if code is None or code in (408, 429) or code >= 500:
        raise Retry(message, code, wait)
    raise Stop(EXIT_API, message, code)


def error_in(body):
    """(code, message) of an error in an answer's body, else None. It may come with HTTP 200, and
    in a choice when the provider failed half way."""
    if not isinstance(body, dict):
        return None
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    error = body.get("error") or first.get("error")
    if not error:
        return None
    if not isinstance(error, dict):
        return None, str(error)
    code = error.get("code")
    code = int(code) if str(code).isdigit() else None
    return code, str(error.get("message") or error)


def post(url, payload):
    """One attempt: the answer's body, or Stop, or Retry."""
    request = urllib.request.Request(url, json.dumps(payload).encode(), {
        "Authorization": "Bearer " + api_key(),
        "Content-Type": "application/json", "User-Agent": "preflight-agent/1"})
    try:
        with urllib.request.urlopen(request, timeout=HTTP_TIMEOUT) as response:
            raw = response.read()
    except urllib.error.HTTPError as error:
        raw = b""
        try:
            raw = error.read()
            _, message = error_in(json.loads(raw))
        except (OSError, http.client.HTTPException, ValueError, TypeError):
            message = raw[:300].decode(errors="replace").strip() or error.reason
        raise_for(error.code, message, retry_after(error.headers.get("Retry-After")))
    except (OSError, http.client.HTTPException) as error:  # refused, reset, timed out, cut off
        raise Retry(f"{url}: {getattr(error, 'reason', None) or error or type(error).__name__}")
    try:
        body = json.loads(raw)
    except ValueError:
        raise Retry(f"the answer is not JSON: {raw[:200].decode(errors='replace')!r}")
    if error := error_in(body):
        raise_for(*error)
    try:
        if not isinstance(body["choices"][0]["message"], dict):
            raise TypeError
    except (KeyError, IndexError, TypeError):
        raise Retry(f"the answer has no message: {raw[:200].decode(errors='replace')!r}")
    return body


def complete(url, payload):
    """The answer to one model call, tried a few times."""
    for attempt in range(RETRIES + 1):
        try:
            return post(url, payload)
        except Retry as failure:
            if attempt == RETRIES:
                raise Stop(EXIT_API, f"gave up after {RETRIES + 1} attempts: {failure}", failure.code)
            wait = min(2 ** attempt if failure.wait is None else failure.wait, MAX_BACKOFF)
            note(f"{failure}; trying again in {wait:g} s")
            time.sleep(wait)


# --- the tools ------------------------------------------------------------------------------------

running = None  # the command under way, so that SIGTERM can take it along


def kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def clip(head, tail, left_out):
    """Beginning and end of an output: errors tend to be at the end, context at the beginning."""
    gap = f"\n[... {left_out} bytes left out ...]\n".encode() if left_out else b""
    return (head + gap + tail).decode(errors="replace")


def run_bash(command, timeout=BASH_TIMEOUT):
    global running
    timeout = min(float(timeout), BASH_TIMEOUT_MAX) if timeout else BASH_TIMEOUT
    # A command has no use for the key, and this keeps it out of `env`. No wall: same user, same container.
    environment = {k: v for k, v in os.environ.items() if k != "OPENROUTER_API_KEY"}
    process = running = subprocess.Popen(
        ["bash", "-c", command], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True)  # a group of its own, to be killed as one
    # Not communicate(): that would keep all of an endless output in memory, and would wait for a
    # background process that holds the pipe open after the command itself has ended.
    half, head, tail, total, late = TOOL_OUTPUT_LIMIT // 2, b"", b"", 0, False
    deadline = time.monotonic() + timeout
    pipe = process.stdout.fileno()
    while True:
        ended, left = process.poll() is not None, deadline - time.monotonic()
        if select.select([pipe], [], [], 0 if ended else max(0, min(left, 0.05)))[0]:
            chunk = os.read(pipe, 65536)  # all that a pipe holds
            room = half - len(head)
            head, tail, total = head + chunk[:room], (tail + chunk[room:])[-half:], total + len(chunk)
            if not chunk and not ended:
                time.sleep(0.01)  # it closed its output and goes on
        if ended:
            break
        if not left > 0:
            kill_group(process)
            late = True
            break
    status = process.wait()
    process.stdout.close()
    running = None
    text = clip(head, tail, total - len(head) - len(tail))
    if late:
        return text + f"\n[killed after {timeout:g} s]", True
    return (text + f"\n[exit code {status}]" if status else text or "[no output]"), status != 0


def run_read_file(path):
    if os.path.exists(path) and not os.path.isfile(path):
        return f"{path} is not a regular file", True  # a pipe or a device could be read for ever
    with open(path, "rb") as file:
        head = file.read(TOOL_OUTPUT_LIMIT)
        return clip(head, b"", os.fstat(file.fileno()).st_size - len(head)), False


def run_write_file(path, content):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8", errors="replace") as file:
        file.write(content)
    return f"wrote {len(content)} characters to {path}", False


def run_tool(name, arguments):
    """(output, is_error). Whatever the model got wrong is told to the model, never fatal."""
    function = {"bash": run_bash, "read_file": run_read_file, "write_file": run_write_file}.get(name)
    if function is None:
        return f"there is no tool {name!r}", True
    try:
        return function(**arguments)
    except (OSError, TypeError, ValueError, AttributeError) as error:
        return f"{type(error).__name__}: {error}", True


def arguments_of(call):
    """The arguments of a tool call, or None where they are not a JSON object (cut off, say)."""
    arguments = call["function"].get("arguments") or {}
    try:
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        return None
    return arguments if isinstance(arguments, dict) else None


def files_in(folder, budget):
    """The files there; without the budget text, which is not the agent's work, nor what it is replaced by."""
    found = (os.path.join(path, name) for path, _, names in os.walk(folder) for name in names)
    return {path for path in found if not path.startswith(budget)}


# --- the prompt -----------------------------------------------------------------------------------

MARK = {"cache_control": {"type": "ephemeral"}}


class Conversation:
    """The messages of a trial and the requests made of them, with a beginning that stays as it was.

    A provider's cache recognises a prompt by its beginning, down to the byte. So tools and system
    prompt come first and in one order, nothing that changes (a time, a budget, a number of tries)
    stands in them, and what was sent once is never touched again: there is no way here to do so.
    """
    def __init__(self, model, tools, system):
        self.model = model
        self.tools = json.dumps(sorted(tools, key=lambda tool: tool["function"]["name"]), sort_keys=True)
        self.frozen = []        # each message as JSON, once it was sent
        self.fresh = []         # what no cache has seen yet
        self.append({"role": "system", "content": system})

    # Most providers cache by themselves. Anthropic wants to be asked, once for the whole
    # conversation as it grows; Qwen wants a mark at each place, and so content in parts.
    @property
    def asks(self):
        return self.model.startswith("anthropic/")

    @property
    def marks_parts(self):
        return self.model.startswith("qwen/")

    def append(self, message):
        if self.marks_parts and isinstance(message.get("content"), str) and message["role"] != "assistant":
            # In parts from the beginning: a message that changed its form would be another one.
            message = {**message, "content": [{"type": "text", "text": message["content"]}]}
        self.fresh.append(message)

    def mention(self, text):
        """Adds news at the end of the conversation: to the newest message, if it was not sent yet."""
        last = self.fresh[-1] if self.fresh else None
        if last is None or last["role"] in ("system", "assistant"):
            return self.append({"role": "user", "content": text})
        if isinstance(last["content"], list):
            last["content"] = last["content"] + [{"type": "text", "text": text}]
        else:
            last["content"] += "\n\n" + text

    def messages(self):
        """All of them, for a request that is sent now: from here on they stay."""
        self.frozen += [json.dumps(message) for message in self.fresh]
        self.fresh = []
        messages = [json.loads(message) for message in self.frozen]
        if self.marks_parts:
            # Two marks: what all requests begin with, and where this one ends and the next goes on.
            for message in (messages[0], messages[-1]):
                if isinstance(message["content"], list):
                    message["content"][-1].update(MARK)
        return messages

    def request(self, **options):
        # Tools, then messages: the order in which providers read them.
        return {"model": self.model, "tools": json.loads(self.tools), "messages": self.messages(),
                **options, **(MARK if self.asks else {})}


# --- the loop -------------------------------------------------------------------------------------


def tool_calls_of(message):
    """Its tool calls, each with an id: some models leave it out, and the answers must name one."""
    calls = [c for c in message.get("tool_calls") or [] if isinstance(c, dict) and isinstance(c.get("function"), dict)]
    for number, call in enumerate(calls):
        call["id"] = call.get("id") or f"call_{time.time_ns()}_{number}"
        call.setdefault("type", "function")
    return calls


def run_call(call, folder, budget):
    name, arguments = str(call["function"].get("name")), arguments_of(call)
    before = files_in(folder, budget.path)
    emit("tool_execution_start", toolName=name, toolCallId=call["id"], args=arguments or {})
    if arguments is None:
        output, is_error = "the arguments are not a JSON object; were they cut off? Try smaller pieces.", True
    else:
        output, is_error = run_tool(name, arguments)
    emit("tool_execution_end", toolName=name, toolCallId=call["id"], isError=is_error)
    after = files_in(folder, budget.path)
    if (name == "write_file" and not is_error) or after != before:
        path = (arguments or {}).get("path")
        emit("snapshot", label=f"{name} {path}" if path else name, files=len(after))
    return {"role": "tool", "tool_call_id": call["id"], "content": without_key(output)}


def run(options):
    model, alias = os.environ.get("PREFLIGHT_MODEL"), os.environ.get("PREFLIGHT_ALIAS")
    for name, value in ("OPENROUTER_API_KEY", api_key()), ("PREFLIGHT_MODEL", model):
        if not value:
            raise Stop(EXIT_SETUP, f"{name} is not set")
    url = (os.environ.get("OPENROUTER_BASE_URL") or "https://openrouter.ai/api/v1").rstrip("/") + "/chat/completions"
    folder, budget = os.getcwd(), Budget()
    conversation = Conversation(model, TOOLS, options.system)
    conversation.append({"role": "user", "content": get_prompt()})
    # One session for the whole conversation: it stays with the provider whose cache is warm, and
    # two entrants with the same model do not warm each other's.
    session = f"{os.environ.get('PREFLIGHT_RUN_ID') or 'local'}:{alias or model}"[:128]
    emit("agent_start", model=model, alias=alias)

    for _ in range(options.max_turns):
        if text := budget.news():
            conversation.mention(f"<budget>\n{text}\n</budget>")
        emit("message_start")
        body = complete(url, conversation.request(max_tokens=options.max_tokens, session_id=session))
        choice = body["choices"][0]
        message, calls = choice["message"], tool_calls_of(choice["message"])
        said = message.get("content") if isinstance(message.get("content"), str) else ""
        emit("message_end", usage=body.get("usage") or {}, responseId=body.get("id"), text=said[:500],
             finishReason=choice.get("finish_reason"))
        # reasoning_details go back unchanged: some models lose their thread without.
        conversation.append({"role": "assistant", "content": said or (None if calls else ""),
                             **({"tool_calls": calls} if calls else {}),
                             **({"reasoning_details": message["reasoning_details"]} if message.get("reasoning_details") else {})})
        if calls:
            for call in calls:
                conversation.append(run_call(call, folder, budget))
        elif choice.get("finish_reason") == "length":
            # Out of tokens, often while still thinking, is not the same as done.
            conversation.append({"role": "user", "content": f"You were cut off at {options.max_tokens} tokens. "
                                                            "Go on, in smaller steps."})
        else:
            emit("agent_end", reason="done")
            return EXIT_DONE
    emit("agent_end", reason="max_turns")
    return EXIT_MAX_TURNS


def on_sigterm(*_):
    # Not sys.exit: nothing here needs tidying up, and a wait in a finally could use up the grace.
    if running:
        kill_group(running)
    os._exit(128 + signal.SIGTERM)


def main():
    parser = argparse.ArgumentParser(description="Preflight's reference agent; see images/README.md.")
    parser.add_argument("--max-turns", type=int, default=50, metavar="N", help="model calls at most (default 50)")
    parser.add_argument("--max-tokens", type=int, default=2048, metavar="N", help="output tokens per call (default 2048)")
    parser.add_argument("--system", default=SYSTEM, metavar="TEXT", help="another system prompt")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, on_sigterm)
    if os.path.isdir(OUTPUT_DIR):
        os.chdir(OUTPUT_DIR)
    try:
        return run(options)
    except Stop as stop:
        emit("error", message=str(stop), code=stop.code)
        return stop.exit_code
    except Exception as error:  # a mistake in this file: still an event, so that the run shows why
        emit("error", message=f"{type(error).__name__}: {error}", code=None)
        return EXIT_CRASH


if __name__ == "__main__":
    sys.exit(main())
