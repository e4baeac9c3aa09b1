import Foundation
import PreflightCore
import Simulator
import Store
import TestSupport

/// An agent that makes call after call and tells what it was answered, and one that shows snapshots and waits.
enum ActionAgents {
    static let calls = """
        import json, os, sys, time, urllib.request as u
        def say(**fields): print(json.dumps(fields), flush=True)
        say(type="agent_start")
        for n in range(int(os.environ.get("COUNT", "6"))):
            body = {"model": os.environ["PREFLIGHT_MODEL"], "max_tokens": 60,
                    "messages": [{"role": "user", "content": "step %d" % n}]}
            while True:
                request = u.Request(os.environ["OPENROUTER_BASE_URL"] + "/chat/completions", json.dumps(body).encode(),
                                    {"Authorization": "Bearer " + os.environ["OPENROUTER_API_KEY"]})
                try:
                    answer = json.load(u.urlopen(request, timeout=100))
                    break
                except OSError as error:
                    print(error, file=sys.stderr, flush=True)
                    time.sleep(0.3)
            say(type="message_end", text=answer["choices"][0]["message"]["content"], usage=answer["usage"])
            time.sleep(0.1)
        say(type="agent_end")
        """

    static let snapshots = """
        import json, os, time
        def say(**fields): print(json.dumps(fields), flush=True)
        alias = os.environ["PREFLIGHT_ALIAS"]
        say(type="agent_start")
        for n in range({"a": 4, "b": 3, "c": 1}.get(alias, 0)): say(type="snapshot", label="s", files=n)
        time.sleep(float(os.environ.get("REST_" + alias, os.environ.get("REST", "0"))))
        say(type="agent_end")
        """
}

/// Runs of an agent whose policies do something.
protocol ActionFixture {}

extension ActionFixture {
    func events(_ bench: CommandBench, _ run: String, _ trial: String = "q") throws -> [Event] {
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(bench.directory)/runs/\(run)/\(trial)/events.jsonl"))
        return [UInt8](data).split(separator: 0x0A).compactMap { Event(line: $0) }
    }

    func write(
        _ bench: CommandBench, _ agent: String, eject: String, access: String = "gateway", aliases: [String] = ["q"],
        env: String = "{}"
    ) throws {
        try bench.write("agent.py", agent)
        try bench.write(
            "e.yaml",
            """
            image: preflight-base:latest
            access: \(access)
            models: [\(aliases.map { "{id: google/gemini-2.5-flash, alias: \($0)}" }.joined(separator: ", "))]
            budget: 0.01
            args: [python3, -u, /agent.py]
            mounts: ["\(bench.directory)/agent.py:/agent.py:ro"]
            env: \(env)
            eject: \(eject)
            """)
    }

    func start(_ bench: CommandBench, _ run: String) throws -> Process {
        try bench.start(["run-multi", "e.yaml", "--run-id", run, "--skip-check", "--settle", "1s"])
    }

    func held(_ bench: CommandBench, _ run: String) async throws -> String? {
        try await bench.status(run)["trials"]?[0]?["held"]?.string
    }

    func receipt(_ bench: CommandBench, _ run: String) throws -> JSON {
        try JSON.parse(try Files.read("\(bench.directory)/runs/\(run)/summary.json"))
    }
}

extension SimulatorOptions {
    /// Every model repeats what it was told.
    var echoing: SimulatorOptions {
        var options = self
        options.scenario = SimulatorOptions().scenario
        return options
    }
}
