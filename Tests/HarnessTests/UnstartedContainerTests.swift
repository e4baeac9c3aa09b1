import Containers
import Harness
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2)), .enabled(if: hasDocker, "needs Docker and images/agent/build"))
struct UnstartedContainerTests {
    @Test func `what was never started is removed, and what has started meanwhile stays`() async throws {
        try await withBench { bench in
            let name = "preflight-unstarted-\(bench.world.nonce(8))"
            try await bench.docker.command(["create", "--name", name, Bench.image, "sleep", "60"])
            #expect(try await bench.docker.removeUnstarted(name))
            #expect(try await bench.docker.removeUnstarted(name), "it is gone already")
            try await bench.docker.command(["run", "--detach", "--name", name, Bench.image, "sleep", "60"])
            #expect(try await bench.docker.removeUnstarted(name) == false)
            #expect(try await bench.docker.container(name).isRunning)
            try await bench.docker.remove(name)
        }
    }
}
