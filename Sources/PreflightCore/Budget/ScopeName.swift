/// What scopes are called: paths such as `acme/ci`, which lies below `acme`.
package enum ScopeName {
    /// - Throws: `PreflightError` with code `usage` for a name that could not stand in a URL, a table and a header.
    package static func check(_ name: String) throws(PreflightError) {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard name.utf8.count <= 200, name.utf8.allSatisfy(isPlain), parts.allSatisfy({ !$0.isEmpty && $0 != ".." })
        else {
            throw PreflightError(
                .usage, "'\(name.prefix(80))' cannot name a scope",
                hint: "letters, digits and -_.:@, in parts that '/' separates, such as acme/ci")
        }
    }

    /// The scope that all runs share which name this envelope.
    package static func envelope(_ name: String) -> String { "envelope:\(name)" }

    /// The paths above a name, nearest first: `a/b` and `a` of `a/b/c`.
    package static func above(_ name: String) -> [String] {
        var paths: [String] = []
        var rest = name[...]
        while let slash = rest.lastIndex(of: "/") {
            rest = rest[..<slash]
            paths.append(String(rest))
        }
        return paths
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122: true
        default: "-_.:@/".utf8.contains(byte)
        }
    }
}
