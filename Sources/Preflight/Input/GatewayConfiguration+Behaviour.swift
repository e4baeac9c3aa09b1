import Gateway
import PreflightCore

extension GatewayConfiguration {
    static let allowanceKeys = ["per_call", "prompt_tokens", "factor"]
    static let limitKeys = ["head", "body", "answer", "connections", "waiting"]
    static let timeoutKeys = [
        "connect", "first_byte", "between_bytes", "total", "client", "idle", "headroom", "cool_down",
        "outage",
    ]

    mutating func readBehaviour(_ members: [String: TreeReader]) throws(PreflightError) {
        if let allowances = members["allowances"] { try readAllowances(allowances) }
        if let output = members["default_output"] {
            settings.allowances.defaultOutputTokens = try output.int(in: 1...1_000_000_000)
        }
        if let limits = members["limits"] { try readLimits(limits) }
        if let timeouts = members["timeouts"] { try readTimeouts(timeouts) }
        settings.leastOutput = try members["least_output"]?.int(in: 1...1_000_000) ?? settings.leastOutput
        if let expected = members["expected"] {
            guard let share = Quantity.permille(try expected.string()), share > 0 else {
                throw expected.fail("expected a share, such as 90% or 0.9")
            }
            settings.expectedPermille = share
        }
        if let maxPrice = members["max_price"] {
            guard let sends = maxPrice.value.bool else { throw maxPrice.fail("expected true or false") }
            settings.sendsMaxPrice = sends
        }
    }

    private mutating func readAllowances(_ reader: TreeReader) throws(PreflightError) {
        let kinds = Extra.Kind.allCases.map(\.rawValue)
        for (name, entry) in try reader.named("EXTRA: {per_call, prompt_tokens, factor} pairs") {
            let kind = String(name.prefix { $0 != ":" })
            guard kinds.contains(kind) else {
                throw entry.fail(
                    "there is no extra '\(kind)'",
                    hint: NearestName.hint(kind, among: kinds) ?? "known: \(kinds.joined(separator: ", "))")
            }
            let members = entry.value.isNull ? [:] : try entry.object(keys: Self.allowanceKeys)
            var terms = Allowances.Terms()
            if let amount = members["per_call"] {
                terms.perCall = try amount.usd()
                guard !terms.perCall.isNegative else { throw amount.fail("expected dollars, 0 or more") }
            }
            terms.promptTokens = try members["prompt_tokens"]?.int(in: 0...1_000_000_000) ?? 0
            if let factor = members["factor"] {
                guard let permille = DecimalText.scaled(try factor.string().utf8, by: 3, roundingUp: true),
                    (1000...1_000_000).contains(permille)
                else { throw factor.fail("expected a factor of 1 to 1000, such as 1.5") }
                terms.factorPermille = Int(permille)
            }
            settings.allowances.terms[name] = terms
        }
    }

    private mutating func readLimits(_ reader: TreeReader) throws(PreflightError) {
        let members = try reader.object(keys: Self.limitKeys)
        func size(_ key: String, _ range: ClosedRange<Int>) throws(PreflightError) -> Int? {
            guard let reader = members[key] else { return nil }
            let bytes = try reader.bytes()
            guard range.contains(bytes) else {
                throw reader.fail(
                    "expected \(Quantity.bytesText(range.lowerBound)) to \(Quantity.bytesText(range.upperBound))")
            }
            return bytes
        }
        settings.bounds.head = try size("head", 1 << 10...1 << 20) ?? settings.bounds.head
        settings.bounds.body = try size("body", 1 << 10...1 << 30) ?? settings.bounds.body
        settings.bounds.answer = try size("answer", 1 << 10...1 << 30) ?? settings.bounds.answer
        settings.bounds.connections = try members["connections"]?.int(in: 1...1_000_000) ?? settings.bounds.connections
        settings.bounds.waiting = try members["waiting"]?.int(in: 0...1_000_000) ?? settings.bounds.waiting
    }

    private mutating func readTimeouts(_ reader: TreeReader) throws(PreflightError) {
        let members = try reader.object(keys: Self.timeoutKeys)
        func time(_ key: String) throws(PreflightError) -> Duration? {
            guard let reader = members[key] else { return nil }
            let time = try reader.duration()
            // Waiting for headroom or for an outage's end, and leaving an upstream alone, can be done without.
            guard time > .zero || key == "headroom" || key == "cool_down" || key == "outage" else {
                throw reader.fail("expected more than 0")
            }
            return time
        }
        settings.patience.take(
            connect: try time("connect"), firstByte: try time("first_byte"), betweenBytes: try time("between_bytes"),
            total: try time("total"), client: try time("client"), idle: try time("idle"),
            headroom: try time("headroom"), coolDown: try time("cool_down"), outage: try time("outage"))
    }
}

extension TreeReader {
    fileprivate func int(in range: ClosedRange<Int>) throws(PreflightError) -> Int {
        let number = try int()
        guard range.contains(number) else { throw fail("expected \(range.lowerBound)…\(range.upperBound)") }
        return number
    }
}
