import PreflightCore

/// The programs that the suite's containers run, for the Python of the base image. A trial's alias says which.
enum StressAgent {
    static let image = "preflight-base:latest"
    static let model = "google/gemini-2.5-flash"

    /// Dollars a trial may spend; the spender would spend more.
    static let budget = USD(cents: 5)
    static let spenderBudget = USD(picodollars: 250_000_000)

    /// Works in steps: says each, writes each into its output, and calls the model at every fourth. Other behaviours
    /// are layered over it. What it says and writes is numbered, so that what is lost or done twice is seen.
    static let program = """
        if True: import json, os, signal, sys, time, urllib.error, urllib.request as u
        alias = os.environ["PREFLIGHT_ALIAS"]
        kind = alias.split("-")[0]
        out = "/workspace/output/"
        count = int(os.environ.get("STRESS_STEPS", "60"))
        if kind == "spender": count = 100000
        fault = json.loads(os.environ.get("STRESS_FAULTS", "{}")).get(alias)

        def tell(stream, text):
            stream.write(text + "\\n")
            stream.flush()

        def say(**fields): tell(sys.stdout, json.dumps(fields))

        def attempt(fault):
            body = {"model": os.environ["PREFLIGHT_MODEL"], "max_tokens": 40,
                    "stream": bool(fault and "stream" in fault),
                    "messages": [{"role": "user", "content": "go on"}]}
            if fault: body["simulator"] = {"fault": fault.replace("stream:", "")}
            request = u.Request(os.environ["OPENROUTER_BASE_URL"] + "/chat/completions", json.dumps(body).encode(),
                                {"Authorization": "Bearer " + os.environ["OPENROUTER_API_KEY"]})
            with u.urlopen(request, timeout=4 if fault else 30) as answer:
                text = answer.read()
            if body["stream"]:
                if b"[DONE]" not in text: raise OSError("a stream without an end")
                return None
            return json.loads(text)["usage"]

        def call(fault=None):
            if fault: say(type="progress", fault=fault)
            while True:
                try: return attempt(fault)
                except urllib.error.HTTPError as error:
                    if error.code in (402, 403):
                        say(type="error", message="refused", code=error.code)
                        sys.exit(4)
                    tell(sys.stderr, "again: %s" % error)
                except Exception as error:
                    tell(sys.stderr, "again: %s" % error)
                fault = None
                time.sleep(0.2)

        def detach():
            if os.fork(): return False
            os.setsid()
            if os.fork(): os._exit(0)
            return True

        if kind in ("stubborn", "daemon"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if kind == "daemon" and detach():
            n = 0
            while True:
                n += 1
                with open(out + "daemon.txt", "a") as file: file.write("%d\\n" % n)
                time.sleep(0.01)
        if kind == "bomb" and os.fork() == 0:
            while True:
                try: os.fork()
                except OSError: time.sleep(0.05)
        if kind == "flood" and os.fork() == 0:
            line = ("x" * 1000 + "\\n") * 64
            while True:
                try:
                    sys.stdout.write(line)
                    sys.stdout.flush()
                except OSError: time.sleep(0.01)
        if kind == "links":
            bait = os.environ["STRESS_BAIT"]
            names = ["budget.txt", "events.jsonl", "summary.json", "run.log", "work.link"]
        if kind == "filler" and os.fork() == 0:
            with open(out + "filler", "ab", buffering=0) as file:
                while True:
                    try: file.write(b"x" * 65536)
                    except OSError: time.sleep(0.1)
        for n in range(count):
            say(type="progress", n=n)
            if kind == "links":
                for name in names:
                    try:
                        os.path.lexists(out + name) and os.unlink(out + name)
                        os.symlink(bait, out + name)
                    except OSError: pass
            elif kind != "filler":
                with open(out + "work.txt", "a") as file: file.write("%d\\n" % n)
            if kind == "spender" or n % 4 == 3: say(type="message_end", usage=call(fault) or {})
            time.sleep(0.1)
        say(type="agent_end")
        """
}
