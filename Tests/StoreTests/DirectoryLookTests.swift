import Foundation
import PreflightCore
import Store
import TestSupport
import Testing

@Suite struct DirectoryLookTests {
    private func look(_ path: String) -> DirectoryLook { DirectoryLook(path, leavingOut: "budget.txt") }

    private func write(_ path: String) throws { try Files.replace(path, with: "x", durably: false) }

    @Test func `files are counted wherever they lie, without the budget's and without what links lead to`() async throws
    {
        try await withTemporaryDirectory { path in
            #expect(look(path).files == 0 && look(path).newest == nil)
            let elsewhere = path + "/elsewhere"
            try Files.createDirectory(elsewhere)
            try write(elsewhere + "/one")
            let output = path + "/output"
            try Files.createDirectory(output + "/a/b")
            for name in ["budget.txt", "budget.txt.1f.tmp", "x.py", "a/budget.txt", "a/b/y.py"] {
                try write("\(output)/\(name)")
            }
            try FileManager.default.createSymbolicLink(atPath: output + "/link", withDestinationPath: elsewhere)
            try FileManager.default.createSymbolicLink(atPath: output + "/self", withDestinationPath: output)
            let found = look(output)
            #expect(found.files == 3 && !found.isCut && found.newest != nil)
            #expect(look(path + "/nothing").files == 0)
            // A directory that was swapped for a link is not looked into.
            #expect(look(output + "/link").files == 0)
        }
    }

    @Test func `a file that is written anew is seen by its time`() async throws {
        try await withTemporaryDirectory { path in
            try write(path + "/x")
            let before = look(path)
            let later = Date(timeIntervalSince1970: 2_000_000_000)
            try FileManager.default.setAttributes([.modificationDate: later], ofItemAtPath: path + "/x")
            let after = look(path)
            #expect(before != after && after.files == 1)
            #expect(after.newest == Timestamp(seconds: 2_000_000_000))
        }
    }

    @Test func `what is written anew is seen behind a file that is dated in the future`() async throws {
        try await withTemporaryDirectory { path in
            func date(_ name: String, _ seconds: Double) throws {
                try FileManager.default.setAttributes(
                    [.modificationDate: Date(timeIntervalSince1970: seconds)], ofItemAtPath: "\(path)/\(name)")
            }
            try Files.createDirectory(path + "/a")
            for name in ["future", "x", "a/x"] {
                try write("\(path)/\(name)")
                try date(name, 1_700_000_000)
            }
            try date("future", 4_000_000_000)
            let first = look(path)
            #expect(first == look(path))
            try date("x", 1_700_000_001)
            let second = look(path)
            #expect(second != first && second.newest == first.newest && second.files == first.files)
            try Files.replace(path + "/x", with: "longer", durably: false)
            try date("x", 1_700_000_001)
            #expect(look(path) != second)
            try Files.replace(path + "/x", with: "x", durably: false)
            try date("x", 1_700_000_001)
            #expect(look(path) == second)
            // The same two files, each in the other's place.
            try date("x", 1_700_000_000)
            try date("a/x", 1_700_000_001)
            #expect(look(path) != second && look(path) != first)
        }
    }

    @Test func `of a very large or deep tree a part is looked at`() async throws {
        try await withTemporaryDirectory { path in
            try Files.createDirectory(path + "/deep" + String(repeating: "/d", count: 40))
            #expect(look(path).isCut)
            for number in 0..<10_050 { _ = FileManager.default.createFile(atPath: "\(path)/\(number)", contents: nil) }
            let found = look(path)
            #expect(found.isCut && found.files <= 10_000)
        }
    }
}
