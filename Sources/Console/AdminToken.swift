import Foundation
package import PreflightCore
import Store

/// What an administrator shows to change things at the console.
package struct AdminToken: Sendable {
    package var secret: Secret
    /// The file that it lies in; nil when the environment gave it.
    package var path: String?

    package static let variable = "PREFLIGHT_ADMIN_TOKEN"
    private static let least = 16

    /// The one that the environment gives, or that of the file, which is made with mode 0600 where it is missing.
    ///
    /// - Throws: `PreflightError` for a token that is too short, or a file that others can read.
    package init(environment value: String?, path: String) throws {
        if let value, !value.isEmpty {
            guard value.utf8.count >= Self.least, value.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw PreflightError(
                    .usage, "\(Self.variable) must be at least \(Self.least) letters, without blanks",
                    hint: "`openssl rand -hex 32` makes a good one")
            }
            secret = Secret(value)
            return
        }
        if !Files.exists(path) { try Self.make(path) }
        secret = try Self.read(path)
        self.path = path
    }

    /// Beside a ledger.
    package static func path(besideLedger path: String) -> String { path + ".admin-token" }

    /// Two processes that start at once end with the same token: the name is taken once, with the text behind it.
    private static func make(_ path: String) throws {
        let temporary = Files.temporaryPath(for: path)
        try Files.replace(temporary, with: KeyText.random().dropFirst(KeyText.prefix.count) + "\n", mode: 0o600)
        defer { Files.remove(temporary) }
        guard link(temporary, path) == 0 || errno == EEXIST else {
            throw PreflightError(
                .failed, "cannot write \(path): \(String(cString: strerror(errno)))",
                hint: "set \(variable), or choose another place for the ledger")
        }
    }

    private static func read(_ path: String) throws -> Secret {
        // Says what a link is, not what it points at.
        let status = try? FileManager.default.attributesOfItem(atPath: path)
        guard status?[.type] as? FileAttributeType == .typeRegular,
            (status?[.ownerAccountID] as? NSNumber)?.uint32Value == geteuid(),
            (status?[.posixPermissions] as? NSNumber).map({ $0.intValue & 0o077 == 0 }) ?? false
        else {
            throw PreflightError(
                .refused, "the administrator's token in \(path) may be known to others",
                hint: "remove the file: a new token is made, with mode 0600")
        }
        let text = String(decoding: try Files.read(path, limit: 4096), as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        guard text.utf8.count >= least else {
            throw PreflightError(
                .refused, "\(path) holds no administrator's token", hint: "remove the file: a new token is made")
        }
        return Secret(text)
    }
}

extension Secret {
    /// In a time that says nothing of where the texts differ.
    func isSame(as text: String) -> Bool {
        // Of equal length, whatever is compared, and of no use for guessing.
        let (a, b) = (Array(KeyDigest(of: reveal()).hex.utf8), Array(KeyDigest(of: text).hex.utf8))
        var difference: UInt8 = 0
        for (x, y) in zip(a, b) { difference |= x ^ y }
        return difference == 0 && a.count == b.count
    }
}
