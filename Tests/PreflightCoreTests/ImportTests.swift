import Foundation
import TestSupport
import Testing

/// The rooms and their arrows, as `docs/architecture.md` draws them.
@Suite struct ImportTests {
    private static let anywhere: Set<String> = [
        "Synchronization", "Logging", "ServiceLifecycle", "Dispatch", "Glibc", "Darwin",
    ]

    /// What each room may import: other rooms, then its outside library.
    private static let allowed: [String: Set<String>] = [
        "PreflightCore": [],
        "Store": ["PreflightCore", "GRDB", "GRDBSQLite", "Crypto", "Foundation"],
        "OpenRouter": ["PreflightCore", "Foundation", "FoundationNetworking"],
        "Containers": ["PreflightCore", "Subprocess", "System", "SystemPackage", "Foundation"],
        "Harness": ["PreflightCore", "Store", "OpenRouter", "Containers", "Foundation"],
        "Gateway": [
            "PreflightCore", "Store", "OpenRouter", "NIOCore", "NIOPosix", "NIOSSL", "NIOTLS", "Foundation",
        ],
        "HTTPServing": ["Hummingbird", "HummingbirdCore", "HTTPTypes", "NIOCore"],
        "Console": [
            "PreflightCore", "Store", "Reports", "HTTPServing", "Hummingbird", "HummingbirdCore", "HTTPTypes",
            "NIOCore", "Foundation", "FoundationEssentials",
        ],
        "Reports": ["PreflightCore", "Store"],
        "Simulator": [
            "PreflightCore", "HTTPServing", "Hummingbird", "HTTPTypes", "NIOCore", "Foundation",
            "FoundationEssentials",
        ],
        "Preflight": [
            "PreflightCore", "Store", "OpenRouter", "Containers", "Harness", "Gateway", "Console", "Reports",
            "Simulator", "ArgumentParser", "Yams", "Foundation",
        ],
        "PreflightMain": ["Preflight", "Foundation"],
    ]

    private func sources(of room: String) throws -> [URL] {
        let directory = TestData.package.appendingPathComponent("Sources/\(room)")
        let files = FileManager.default.enumerator(at: directory, includingPropertiesForKeys: nil)
        return (files?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension == "swift" }
    }

    @Test func `every room is in the table`() throws {
        let rooms = try FileManager.default.contentsOfDirectory(
            atPath: TestData.package.appendingPathComponent("Sources").path)
        #expect(Set(rooms.filter { !$0.hasPrefix(".") }) == Set(Self.allowed.keys))
    }

    @Test func `no lock guards a bare function`() throws {
        // It would gain a layer with each look, see Follower.
        for room in Self.allowed.keys {
            for file in try sources(of: room) {
                let text = try String(contentsOf: file, encoding: .utf8)
                #expect(text.firstMatch(of: /Mutex<\(.*->/) == nil, "\(file.lastPathComponent)")
            }
        }
    }

    @Test(arguments: allowed.keys.sorted())
    func `a room imports only what its place allows`(room: String) throws {
        let files = try sources(of: room)
        #expect(!files.isEmpty)
        let allowed = Self.allowed[room, default: []].union(
            room == "PreflightCore" ? ["Synchronization"] : Self.anywhere)
        for file in files {
            for (number, line) in try String(contentsOf: file, encoding: .utf8).split(
                separator: "\n", omittingEmptySubsequences: false
            ).enumerated() {
                let words = line.split(separator: " ").drop {
                    ["package", "public", "internal", "fileprivate", "private", "@preconcurrency", "@testable"]
                        .contains($0)
                }
                guard words.first == "import", let module = words.dropFirst().first else { continue }
                #expect(allowed.contains(String(module)), "\(file.lastPathComponent):\(number + 1) imports \(module)")
            }
        }
    }

    /// `try!`, `as!` and `fatalError` end a night's run; `print` bypasses the output type.
    @Test(arguments: ["try!", "as!", "fatalError(", "Task.detached", " print(", "TODO", "FIXME"])
    func `no source has what a house rule forbids`(word: String) throws {
        for room in Self.allowed.keys {
            for file in try sources(of: room)
            where !file.lastPathComponent.hasPrefix("CapturedCatalogue")
                && !file.lastPathComponent.hasPrefix("KurveProgram")
            {
                for (number, line) in try String(contentsOf: file, encoding: .utf8).split(
                    separator: "\n", omittingEmptySubsequences: false
                ).enumerated() {
                    #expect(!line.contains(word), "\(file.lastPathComponent):\(number + 1) has \(word)")
                }
            }
        }
    }
}
