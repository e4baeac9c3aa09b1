import Containers
import PreflightCore
import TestSupport
import Testing

@Suite struct SpecificationTests {
    private func specification(_ configure: (inout RunSpecification) -> Void) -> [String] {
        var specification = RunSpecification(name: "n", image: "i")
        configure(&specification)
        return specification.dockerArguments
    }

    @Test func `every container is confined, and its image is never pulled behind one's back`() {
        let arguments = specification { _ in }.joined(separator: " ")
        for words in ["--cap-drop ALL", "--security-opt no-new-privileges", "--init", "--pull never", "--name n"] {
            #expect(arguments.contains(words))
        }
        #expect(arguments.hasSuffix(" i"))
    }

    @Test func `what ends a field after ten times is something that docker can say, and no outage`() {
        let causes = Breaker.lastingCauses[.container] ?? []
        #expect(!causes.isEmpty && causes.allSatisfy { DockerFailure.Kind(rawValue: $0) != nil }, "\(causes)")
        let passing: [DockerFailure.Kind] = [.engineUnreachable, .engineRestarted, .timedOut, .containerRemoved]
        #expect(passing.allSatisfy { !causes.contains($0.rawValue) })
    }

    @Test func `a program of one's own takes the place of the image's, with its arguments behind the image`() {
        let arguments = specification {
            $0.entrypoint = "python3"
            $0.arguments = ["/score/score.py"]
            $0.network = "none"
        }.joined(separator: " ")
        #expect(arguments.contains("--entrypoint python3 --network none") && arguments.hasSuffix(" i /score/score.py"))
        #expect(!specification { _ in }.contains("--entrypoint"))
    }

    @Test func `values of variables do not show in the arguments`() {
        var specification = RunSpecification(name: "n", image: "i")
        specification.environment = [
            .init(name: "OPENROUTER_API_KEY", value: "sk-secret"),
            .init(name: "HF_TOKEN", value: "hf-secret\nline two"),
        ]
        #expect(!specification.dockerArguments.contains { $0.contains("secret") })
        #expect(specification.inheritedEnvironment["HF_TOKEN"] == "hf-secret\nline two")
    }

    @Test(arguments: ["PATH", "HOME", "DOCKER_HOST", "LD_PRELOAD", "https_proxy", "NO_PROXY", "GODEBUG"])
    func `a variable that would steer the docker command itself is handed over by value`(name: String) {
        var specification = RunSpecification(name: "n", image: "i")
        specification.environment = [.init(name: name, value: "x")]
        #expect(specification.dockerArguments.contains("\(name)=x"))
        #expect(specification.inheritedEnvironment.isEmpty)
    }

    @Test(arguments: [
        (
            Mount.bind(source: "/a", target: "/b", options: ["ro"]),
            ["--mount", "type=bind,source=/a,target=/b,readonly"]
        ),
        (.bind(source: "/a,b", target: "/b", options: []), ["--mount", #"type=bind,"source=/a,b",target=/b"#]),
        (.bind(source: "/a", target: "/b", options: ["ro", "z"]), ["--volume", "/a:/b:ro,z"]),
        (.docker("type=tmpfs,target=/t"), ["--mount", "type=tmpfs,target=/t"]),
    ])
    func `mounts become Docker's options`(mount: Mount, expected: [String]) {
        let arguments = specification { $0.mounts = [mount] }
        let index = arguments.firstIndex(of: expected[0])
        #expect(index.map { Array(arguments[$0...($0 + 1)]) } == expected)
    }
}

@Suite struct DockerFailureTests {
    @Test(arguments: [
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            DockerFailure.Kind.engineUnreachable
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            .permissionDenied
        ),
        ("docker: Error response from daemon: No such image: x:latest.\nSee 'docker run --help'.", .imageMissing),
        ("Unable to find image 'x:latest' locally", .imageMissing),
        ("Error response from daemon: Conflict. The container name \"/x\" is already in use by container", .nameTaken),
        (
            "docker: Error response from daemon: invalid mount config for type \"bind\": bind source path does not exist: /x.",
            .mount
        ),
        ("Error: No such container: x", .noSuchObject),
        ("write /var/lib/docker/x: no space left on device", .diskFull),
        ("could not find an available, non-overlapping IPv4 address pool among the defaults", .addressPoolExhausted),
        ("exec /bin/x: exec format error", .imageUnusable), ("something else", .other), ("", .other),
    ])
    func `docker's words are put down to a cause`(stderr: String, kind: DockerFailure.Kind) {
        let failure = DockerFailure.classify(stderr: stderr)
        #expect(failure.kind == kind)
        #expect(!failure.message.isEmpty && !failure.hint.isEmpty)
        #expect(!failure.message.contains("See 'docker"))
    }

    @Test func `the init process's words mean that the image cannot run`() {
        let failure = DockerFailure.ofInit(
            exitCode: 127, stderr: ["[FATAL tini (6)] exec no-such-program failed: No such file or directory"])
        #expect(
            failure
                == DockerFailure(
                    kind: .imageUnusable, message: "exec no-such-program failed: No such file or directory"))
        #expect(DockerFailure.ofInit(exitCode: 127, stderr: ["bash: x: command not found"]) == nil)
    }
}

@Suite struct ProcessRunnerTests {
    private let runner = ProcessRunner()

    @Test func `a non-zero exit and a signal are results`() async throws {
        #expect(try await runner.run("sh", ["-c", "echo out; echo err >&2; exit 3"]).exitCode == 3)
        #expect(try await runner.run("sh", ["-c", "kill -9 $$"]).exitCode == 137)
    }

    @Test func `no program inherits the management key`() async throws {
        let runner = ProcessRunner(environment: [
            "PATH": "/usr/bin:/bin", "OR_ADMIN_KEY": "secret", "OPENROUTER_ADMIN_KEY": "secret", "OTHER": "kept",
        ])
        let result = try await runner.run("env", [])
        #expect(result.stdoutText.contains("OTHER=kept") && !result.stdoutText.contains("secret"))
    }

    @Test func `input, output and both streams go through without one holding up the other`() async throws {
        let input = [UInt8](repeating: 0x61, count: 300_000)
        let result = try await runner.run(
            "sh", ["-c", "head -c 200000 /dev/zero >&2; cat; head -c 200000 /dev/zero >&2"], input: input)
        #expect(result.stdout == input && result.stderr.count == 400_000)
    }

    @Test func `more output than is kept does not stop the program`() async throws {
        let result = try await runner.run("sh", ["-c", "head -c 9000000 /dev/zero; exit 5"])
        #expect(result.exitCode == 5 && result.stdout.count == ProcessRunner.outputLimit)
    }

    @Test func `a program that is given up on takes its children with it`() async throws {
        let mark = "3\(UInt32.random(in: 100_000..<999_999))"
        await #expect(throws: ProcessRunner.Failure.timedOut(.milliseconds(300))) {
            try await runner.run("sh", ["-c", "sleep \(mark) & wait"], timeout: .milliseconds(300))
        }
        #expect(try await eventually { try await runner.run("pgrep", ["-f", "^sleep \(mark)"]).exitCode == 1 })
    }

    @Test func `time is limited, and a missing program is told`() async throws {
        await #expect(throws: ProcessRunner.Failure.timedOut(.milliseconds(100))) {
            try await runner.run("sleep", ["30"], timeout: .milliseconds(100))
        }
        await #expect(throws: ProcessRunner.Failure.notFound("no-such-program-here")) {
            try await runner.run("no-such-program-here", [])
        }
    }
}
