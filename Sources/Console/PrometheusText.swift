import PreflightCore

/// Metrics in the text format that Prometheus reads.
struct PrometheusText {
    private(set) var text = ""

    enum Kind: String { case counter, gauge, histogram }

    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    mutating func sample(_ name: String, _ labels: KeyValuePairs<String, String> = [:], _ value: String) {
        let pairs = labels.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
        text += pairs.isEmpty ? "\(name) \(value)\n" : "\(name){\(pairs)} \(value)\n"
    }

    mutating func histogram(_ name: String, _ histogram: Histogram, _ help: String) {
        family(name, .histogram, help)
        for bucket in histogram.cumulative { sample(name + "_bucket", ["le": bucket.bound], "\(bucket.count)") }
        sample(name + "_sum", Duration.microseconds(histogram.sum).decimalSeconds(places: 6))
        sample(name + "_count", "\(histogram.count)")
    }

    private mutating func sample(_ name: String, _ value: String) { sample(name, [:], value) }

    private static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": out += "\\\\"
            case "\"": out += "\\\""
            case "\n": out += "\\n"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
