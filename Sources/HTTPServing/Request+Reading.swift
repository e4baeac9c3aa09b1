import HTTPTypes
package import Hummingbird

extension Request {
    /// The path and the query of what is asked for.
    package var target: (path: String, query: [String: String]) {
        let parts = (head.path ?? "/").split(separator: "?", maxSplits: 1)
        return (QueryText.decoded(parts.first ?? "/"), parts.count > 1 ? QueryText.pairs(parts[1]) : [:])
    }

    /// The token of `Authorization: Bearer`.
    package var bearer: String? {
        guard let value = headers[.authorization] else { return nil }
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1])
    }

    /// The whole body; nil when it has more bytes than that.
    package func collected(upTo limit: Int) async throws -> [UInt8]? {
        var bytes: [UInt8] = []
        for try await buffer in body {
            guard bytes.count + buffer.readableBytes <= limit else { return nil }
            bytes.append(contentsOf: buffer.readableBytesView)
        }
        return bytes
    }
}
