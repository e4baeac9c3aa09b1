import ArgumentParser
import PreflightCore
import Store

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Write a commented experiment file to begin with.",
        discussion: """
            Examples:
              preflight init
              preflight init my-experiment.yaml
            """)

    @Argument(help: "The file to write.")
    var file: String = "experiment.yaml"

    @Flag(help: "Replace a file that is there.")
    var force = false

    func run() throws {
        guard force || !Files.exists(file) else {
            throw PreflightError(.usage, "\(file) is there already", hint: "name another file, or give --force")
        }
        try Files.replace(file, with: Self.template)
        Terminal.shared.say("wrote \(file); next: `preflight check \(file)`")
    }

    static let template = """
        # An experiment for Preflight. `preflight check`, then `preflight run-multi`, with this file.
        # Every key can be overridden by a flag; most can be left out.

        name: my-experiment

        # What every trial runs: an image, or `build: DIRECTORY` with a Dockerfile.
        image: preflight-agent:latest

        # The field. An alias names the trial; a budget of its own overrides budget.per_trial.
        models:
          - meta-llama/llama-3.3-70b-instruct
          - {id: google/gemini-2.5-flash, alias: gemini, budget: 0.50}

        # Trials per model.
        repeat: 1

        # Dollars. The sub-key of each trial is capped at its budget; total bounds all of them together.
        budget:
          per_trial: 0.25
          total: 1.00
          file: simple          # what budget.txt tells the agent: simple or detailed
          # hold: adaptive      # with the gateway: take what calls mostly cost, not their worst case

        # Containers call OpenRouter themselves. Behind the gateway every call is paid before it is sent, and the network
        # is closed but for the models and the hosts named here, which containers reach by HTTPS.
        # access: gateway
        # network: [pypi.org, files.pythonhosted.org]   # or closed, the default, or open
        # Then models may be served by others than OpenRouter: - {id: qwen/qwen3-32b, upstream: local}
        # upstreams: {local: {kind: vllm, url: "http://127.0.0.1:8000/v1", prices: {qwen/qwen3-32b: {prompt: 0.1, completion: 0.3}}}}

        # Trials at a time.
        concurrency: 8

        # The task: text, or a file beside this one. One JSON-RPC line on stdin, and PREFLIGHT_PROMPT_FILE.
        prompt: |
          Write /workspace/output/hello.py, a program that prints the first ten prime numbers. Run it once.

        # Host paths are relative to this file. Docker's own type=…,source=…,target=… works too.
        # mounts: ["./task:/workspace/task:ro"]

        # For every container. Keys of Preflight's own cannot be overridden.
        # env: {GAME: kurve}

        # Arguments for the container.
        # args: ["--max-turns", "30"]

        limits:
          wall: 30m             # a trial that runs longer is ejected
          memory: 2g
          cpus: 2
          pids: 512

        checks:
          require: [tools]      # request parameters that every model must support
          # skip: [cache_smoke]
          # env_vars: [HF_TOKEN]
          # git_version: "2.30"
          # docker_health: [postgres]
          # http_health: [{url: "http://127.0.0.1:8080/health", fields: {status: ok}, minimum_version: "1.2"}]
          # custom: [{name: licence, command: ["./check-licence"]}]

        # Policies, and what is done when they fire: notify, steer, hold, or eject, the default. Without any it is
        # budget_exceeded and idle: 300s. `preflight replay` shows what one would have done to past runs.
        eject:
          - budget_exceeded
          - idle: 180s
          - budget_fraction: {at: 50%, unless: tool_calls > 0}
          # - {loop: 3, do: steer, message: "You repeat yourself. Try another way."}
          # - loop: 6
          # - stall: {spend: $0.05, time: 15m}
          # - error_storm: 10 in 1m
          # - no_progress_by: {at: 10m, needs: snapshots > 0}
          # - {when: "cost_per_minute > $0.10/min and cache_share < 10%", do: notify}
          # - command: {name: judge, run: ["./judge"], every: 10s}

        # A program that scores each trial's output once its agent is dead, in a container without network. Its last line
        # is a number, or {"score": 0.8, "tests": 12}. The leaderboard stands in report.html.
        # score: ./score.py
        # score: {files: ./scorer, command: [python3, /score/score.py], timeout: 60s}

        """
}
