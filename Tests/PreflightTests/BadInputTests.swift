import Containers
import Foundation
import PreflightCore
import Simulator
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(3))) struct BadInputTests {
    private static let experiment = """
        image: preflight-agent:latest
        models: [google/gemini-2.5-flash]
        budget: 0.05
        prompt: hello

        """

    /// Arguments, lines added to the experiment file, exit status, words of the message.
    @Test(
        arguments: [
            (["run-multi"], "", 64, "no model is named"),
            (["run-multi", "--model", "a/b"], "", 64, "no image is named"),
            (["run-multi", "no.yaml"], "", 64, "cannot read"),
            (["run-multi", "e.yaml", "--budget=-1"], "", 64, "--budget must be more than $0"),
            (["run-multi", "e.yaml", "--budget", "NaN"], "", 64, "expected dollars"),
            (["run-multi", "e.yaml", "--budget", "inf"], "", 64, "expected dollars"),
            (["run-multi", "e.yaml", "--total-budget", "0"], "", 64, "--total-budget must be more than $0"),
            (["run-multi", "e.yaml", "--wall", "soon"], "", 64, "--wall 'soon'"),
            (["run-multi", "e.yaml", "--eject", "idel:3s"], "", 64, "did you mean 'idle'?"),
            (["run-multi", "e.yaml", "--mount", "/no/such:/x"], "", 64, "there is no /no/such"),
            (["run-multi", "e.yaml", "--mount", "x"], "", 64, "--mount 'x'"),
            (["run-multi", "e.yaml", "--env", "UNSET_HERE"], "", 64, "the variable is not set here"),
            (["run-multi", "e.yaml", "--prompt", "@missing.md"], "", 64, "cannot read"),
            (["run-multi", "e.yaml", "--run-id", "../x"], "", 64, "--run-id '../x'"),
            (["run-multi", "e.yaml", "--budget-file", "loud"], "", 64, "neither simple nor detailed"),
            (["run-multi", "e.yaml", "--bugdet", "1"], "", 64, "--bugdet"),
            (["run-multi", "e.yaml"], "modles: [x]", 64, "e.yaml:5: modles: unknown key"),
            (["run-multi", "e.yaml"], "repeat: 0", 64, "repeat must be 1…1000"),
            (
                ["run-multi", "e.yaml"], "eject: {any: [budget_exceeded, {idle: soon}]}", 64,
                "e.yaml:5: eject.any[1].idle: expected a time"
            ),
            (["run-multi", "e.yaml"], "limits: [", 64, "no valid YAML"),
            (["run-multi", "e.yaml"], "network: closed", 64, "needs access: gateway"),
            (["run-multi", "e.yaml"], "eject: {command: [./nothere]}", 64, "there is no program"),
            (["run-multi", "e.yaml"], "env: {A: '****'}", 64, "a run's record leaves values out"),
            (["run-multi", "e.yaml"], "limits: {pids: -3}", 64, "limits.pids: expected at least 1"),
            (
                ["run-multi", "e.yaml"], "eject: [budget_exceeded, {when: \"spend > $1 and output_file == 0\"}]", 64,
                "e.yaml:5: eject[1].when: unknown name 'output_file'\n    spend > $1 and output_file == 0\n"
                    + "                   ^^^^^^^^^^^"
            ),
            (["run-multi", "e.yaml"], "eject: [{idle: 3s, do: shout}]", 64, "eject[0].do: 'shout' is none of notify"),
            (["run-multi", "e.yaml"], "eject: [{idle: 3s, hook: [./nobody]}]", 64, "for the hook of idle"),
            (["run-multi", "e.yaml", "--notify", "when: spend > 5m"], "", 64, "'5m' is no money"),
            // Absolute: the run's record, which is read elsewhere, has them so too.
            (["run-multi", "e.yaml", "--notify", "{idle: 3s, hook: [./nobody]}"], "", 64, "there is no program '/"),
            (["run-multi", "e.yaml", "--eject", "command: ./nothere"], "", 64, "there is no program '/"),
            (["run-multi", "e.yaml", "--steer", "{loop: 4, do: hold}"], "", 64, "give it with --hold"),
            (["run-multi", "e.yaml", "--eject", "spend > $1"], "", 64, "write when: spend > $1"),
            (["replay", "--tune"], "", 64, "--tune takes one --eject"),
            (["run-multi", "e.yaml"], "eject: {idle: 0}", 64, "more than 0"),
            (["run-multi", "e.yaml", "--prompt", "e.yaml"], "", 64, "--prompt @e.yaml"),
            (
                ["run-multi", "e.yaml", "--skip-check", "--image", "no-such-image:1"], "", 3,
                "there is no image no-such-image:1"
            ),
            (["run-multi", "e.yaml", "--image", "no-such-image:1"], "", 3, "docker_image failed"),
            (
                ["run-multi", "e.yaml", "--model", "google/gemini-2.5-flsh"], "", 3,
                "did you mean 'google/gemini-2.5-flash'?"
            ),
            (["run-multi", "e.yaml", "--budget", "1000"], "", 3, "more than the balance"),
            (["run-multi", "e.yaml", "--only", "balence"], "", 64, "did you mean 'balance'?"),
            (["run-multi", "e.yaml", "--runs-dir", "/proc/nope"], "", 3, "/proc/nope"),
            (["run", "e.yaml", "--model", "a/b", "--model", "c/d"], "", 64, "`run` takes one model"),
            (["check", "e.yaml", "--skip", "everything"], "", 64, "there is no check 'everything'"),
            (["check", "e.yaml", "--only", "models", "--model", "x/y"], "", 1, "PREFLIGHT FAILED (1 issue)"),
            (["status"], "", 64, "there are no runs yet"),
            (["status", "run-1"], "", 64, "there are no runs yet"),
            (["cache-report", "nothing"], "", 64, "there are no runs yet"),
            (["simulate", "--scenario", "nope"], "", 64, "nope"),
            (["simulate", "--listen", "here"], "", 64, "--listen 'here'"),
            (["nonsense"], "", 64, "nonsense"),
            (["init", "e.yaml"], "", 64, "is there already"),
        ] as [([String], String, Int, String)])
    func `bad input is refused with the right words and exit status, and nothing is spent`(
        arguments: [String], line: String, exitStatus: Int, words: String
    ) async throws {
        try await withCommand { bench in
            try bench.write("e.yaml", Self.experiment + line + "\n")
            let result = try await bench.run(arguments)
            #expect(result.exitCode == exitStatus, "\(result.everything)")
            #expect(result.everything.contains(words), "\(result.everything)")
            #expect(bench.server.bill.count == 0)
            #expect(bench.subKeys.isEmpty)
            #expect(!result.everything.contains(SimulatorOptions.defaultManagementKey))
        }
    }

    @Test(
        arguments: [
            (["DOCKER_HOST": "unix:///no/such.sock"], 3, "docker"),
            (["PATH": "/nonexistent"], 3, "there is no docker command"),
            (["OR_ADMIN_KEY": ""], 3, "no management key"),
            (["OR_ADMIN_KEY": "sk-or-v1-wrong"], 3, "User not found."),
            (["OPENROUTER_BASE_URL": "http://127.0.0.1:1/api/v1"], 3, "cannot connect"),
            (["OPENROUTER_BASE_URL": "nonsense"], 3, "is no HTTP address"),
        ] as [([String: String], Int, String)])
    func `surroundings that are wrong are said before anything starts`(
        environment: [String: String], exitStatus: Int, words: String
    ) async throws {
        try await withCommand { bench in
            try bench.write("e.yaml", Self.experiment)
            let result = try await bench.run(["run-multi", "e.yaml"], environment)
            #expect(result.exitCode == exitStatus, "\(result.everything)")
            #expect(result.everything.contains(words), "\(result.everything)")
            #expect(!result.everything.contains("sk-or-v1-wrong"))
            #expect(bench.subKeys.isEmpty)
        }
    }

    @Test(arguments: [Fault.Kind.status, .html, .malformed, .empty, .hang])
    func `an OpenRouter that answers nonsense is refused in time`(kind: Fault.Kind) async throws {
        try await withCommand { bench in
            try bench.write("e.yaml", Self.experiment)
            bench.server.addFault(Fault(kind, path: "/credits", count: nil, status: 500))
            let result = try await bench.run(["check", "e.yaml", "--only", "balance"])
            #expect(
                result.exitCode == 1 && result.stdoutText.contains("[x] balance: GET /credits"), "\(result.everything)")
        }
    }

    @Test func `a broken env file is told by its line and never shown`() async throws {
        try await withCommand { bench in
            try bench.write(".env", "A=1\nsk-or-v1-oops\n")
            let result = try await bench.run(["status"])
            #expect(result.exitCode == 64 && result.stderrText.contains(".env:2"))
            #expect(!result.everything.contains("oops"))
        }
    }

    @Test func `the environment stands in for flags, and flags win`() async throws {
        try await withCommand { bench in
            try bench.write(
                ".env",
                "PREFLIGHT_MODELS=google/gemini-2.5-flash, qwen/qwen3-coder\nexport PREFLIGHT_BUDGET='0.07' # each\n")
            let twins = ["PREFLIGHT_IMAGE": "preflight-agent:latest", "PREFLIGHT_ONLY": "math"]
            let result = try await bench.run(["check"], twins)
            #expect(result.stdoutText.contains("2 trials x $0.07 = $0.14"), "\(result.everything)")
            let flag = try await bench.run(["check", "--budget", "0.01", "--model", "qwen/qwen3-coder"], twins)
            #expect(flag.stdoutText.contains("1 trial x $0.01 = $0.01"), "\(flag.everything)")
        }
    }

    @Test func `init writes a file that is read back, and help shows examples`() async throws {
        try await withCommand { bench in
            #expect(try await bench.run(["init", "new.yaml"]).exitCode == 0)
            let check = try await bench.run(["check", "new.yaml", "--only", "math", "--json"])
            #expect(check.exitCode == 0, "\(check.everything)")
            #expect(try JSON.parse(check.stdout)["passed"]?.bool == true)
            for command in ["check", "run-multi", "run", "status", "cache-report", "sweep", "init", "simulate"] {
                let help = try await bench.run([command, "--help"])
                #expect(help.exitCode == 0 && help.stdoutText.contains("Example"), "\(command)")
            }
            #expect(try await bench.run(["--version"]).exitCode == 0)
        }
    }
}
