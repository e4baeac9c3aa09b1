import PreflightCore
import Store
import TestSupport
import Testing

@Suite struct RunClaimTests {
    private func withDirectory(_ body: (RunDirectory) throws -> Void) async throws {
        try await withTemporaryDirectory { try body(RunsDirectory(path: $0).run("r")) }
    }

    @Test func `one process at a time claims a name, and what it gives up leaves nothing`() async throws {
        try await withDirectory { directory in
            let claim = try RunClaim(directory)
            #expect(!claim.isInherited)
            let other = #expect(throws: PreflightError.self) { try RunClaim(directory) }
            #expect(other?.code == .refused)
            claim.giveUp()
            #expect(!Files.exists(directory.path))
            withExtendedLifetime(claim) {}
        }
    }

    @Test func `a claim that was used stays, and is inherited by who comes after its process`() async throws {
        try await withDirectory { directory in
            var dead: RunClaim? = try RunClaim(directory)
            dead?.use()
            dead?.giveUp()
            #expect(Files.exists(directory.harnessLockPath))
            dead = nil
            let heir = try RunClaim(directory)
            #expect(heir.isInherited)
            // What the dead one made is still there.
            heir.giveUp()
            #expect(Files.exists(directory.harnessLockPath))
            withExtendedLifetime(heir) {}
        }
    }

    @Test func `a directory that holds anything of a run is no claim`() async throws {
        try await withDirectory { directory in
            try Files.createDirectory(directory.path)
            try Files.replace(directory.experimentPath, with: "")
            let error = #expect(throws: PreflightError.self) { try RunClaim(directory) }
            #expect(error?.code == .usage && error?.message.contains("there is a run r already") == true)
            #expect(!Files.exists(directory.harnessLockPath))
        }
    }
}
