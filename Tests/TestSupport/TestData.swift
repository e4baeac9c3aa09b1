package import Foundation
package import PreflightCore

/// Real answers, as files beside the tests.
package enum TestData {
    package static var directory: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Data")
    }

    /// The package's own directory.
    package static var package: URL { directory.deletingLastPathComponent().deletingLastPathComponent() }

    package static func bytes(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: directory.appendingPathComponent(path)))
    }

    package static func json(_ path: String) throws -> JSON { try JSON.parse(bytes(path)) }

    package static func catalogue() throws -> Catalogue {
        let data = try json("openrouter-models-2026-08-01.json")["data"]?.array ?? []
        return Catalogue(models: data.compactMap(Model.init(json:)))
    }

    package static func captures() throws -> [String] {
        try FileManager.default.contentsOfDirectory(
            atPath: directory.appendingPathComponent("captures/openrouter").path
        )
        .filter { $0 != "index.json" }.sorted()
    }
}

/// A directory that is gone after the test, whatever happens in it.
package func withTemporaryDirectory<T>(
    isolation: isolated (any Actor)? = #isolation, _ body: (String) async throws -> T
) async throws -> T {
    let path = FileManager.default.temporaryDirectory
        .appendingPathComponent("preflight-test-\(UInt32.random(in: 0..<(.max)))").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}

/// Waits until `condition` holds, for things that happen in another process; gives up after `limit`.
package func eventually(
    within limit: Duration = .seconds(20), isolation: isolated (any Actor)? = #isolation,
    _ condition: () async throws -> Bool
) async rethrows -> Bool {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        try? await ContinuousClock().sleep(for: .milliseconds(20))
    }
    return try await condition()
}
