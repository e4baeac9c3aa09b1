package import PreflightCore
import Store

/// One span in the JSON of OTLP: ids in hexadecimal digits, 64-bit numbers as strings, enumerations as numbers.
package struct OTLPSpan: Sendable {
    package enum Kind: Int, Sendable {
        case `internal` = 1
        case client = 3
    }

    package var traceID: String
    package var spanID: String
    package var parentID: String?
    package var name: String
    package var kind: Kind
    package var start: Timestamp
    package var end: Timestamp
    package var attributes: [(String, Value)] = []
    package var events: [(at: Timestamp, name: String, attributes: [(String, Value)])] = []
    /// Why it failed; nil where it did not.
    package var failure: String?

    package enum Value: Sendable {
        case text(String)
        case int(Int)
        /// A number that need not be whole, as decimal text.
        case decimal(String)
        case bool(Bool)
        case texts([String])

        var json: JSON {
            switch self {
            case .text(let text): ["stringValue": .string(text)]
            case .int(let value): ["intValue": .string("\(value)")]
            case .decimal(let text): ["doubleValue": .number(text)]
            case .bool(let value): ["boolValue": .bool(value)]
            case .texts(let texts):
                ["arrayValue": ["values": .array(texts.map { ["stringValue": .string($0)] })]]
            }
        }
    }

    package init(
        trace: String, key: String, parent: String?, name: String, kind: Kind, start: Timestamp, end: Timestamp
    ) {
        traceID = Self.id(trace, digits: 32)
        spanID = Self.id("\(trace) \(key)", digits: 16)
        parentID = parent.map { Self.id("\(trace) \($0)", digits: 16) }
        self.name = name
        self.kind = kind
        self.start = start
        self.end = max(start, end)
    }

    /// The same for the same thing, in every export: what was sent twice is one span.
    private static func id(_ name: String, digits: Int) -> String {
        String(Files.digest(of: Array(name.utf8)).prefix(digits))
    }

    package mutating func set(_ key: String, _ value: Value?) {
        if let value { attributes.append((key, value)) }
    }

    package var json: JSON {
        .record([
            "traceId": .string(traceID), "spanId": .string(spanID), "parentSpanId": parentID.map(JSON.string),
            "name": .string(name), "kind": .int(kind.rawValue), "startTimeUnixNano": Self.nanoseconds(start),
            "endTimeUnixNano": Self.nanoseconds(end), "attributes": Self.json(attributes),
            "events": events.isEmpty
                ? nil
                : .array(
                    events.map {
                        [
                            "timeUnixNano": Self.nanoseconds($0.at), "name": .string($0.name),
                            "attributes": Self.json($0.attributes),
                        ]
                    }),
            // 2 is an error; a span that has not failed says nothing.
            "status": failure.map { ["code": 2, "message": .string($0)] } ?? [:],
        ])
    }

    package static func json(_ attributes: [(String, Value)]) -> JSON {
        .array(attributes.map { ["key": .string($0.0), "value": $0.1.json] })
    }

    private static func nanoseconds(_ time: Timestamp) -> JSON { .string("\(max(0, time.microseconds))000") }
}
