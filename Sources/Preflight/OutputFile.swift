import Foundation
import PreflightCore
import Store

/// Where the answer of a command goes: a file, replaced in one step, or standard output.
struct OutputFile {
    let path: String?

    init(_ path: String?) { self.path = path }

    func write(_ text: String) throws { try stream { try $0(text) } }

    /// Writes what comes bit by bit. A file has its name only once it is whole.
    func stream(_ body: (_ write: @escaping (String) throws -> Void) throws -> Void) throws {
        guard let path else {
            return try body { Terminal.shared.pass(data: $0) }
        }
        let temporary = "\(path).\(ProcessInfo.processInfo.processIdentifier).tmp"
        guard FileManager.default.createFile(atPath: temporary, contents: nil),
            let handle = FileHandle(forWritingAtPath: temporary)
        else { throw PreflightError(.failed, "cannot write \(path)", hint: "choose another place for --output") }
        do {
            try body { try handle.write(contentsOf: Data($0.utf8)) }
            try handle.synchronize()
            try handle.close()
            guard rename(temporary, path) == 0 else {
                throw PreflightError(.failed, "cannot replace \(path): \(String(cString: strerror(errno)))")
            }
        } catch {
            Files.remove(temporary)
            throw error as? PreflightError ?? PreflightError(.failed, "cannot write \(path): \(error)")
        }
        Terminal.shared.say("written to \(path)")
    }
}
