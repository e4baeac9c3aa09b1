extension EjectPolicy {
    package static let keys = [
        "budget_exceeded", "budget_fraction", "idle", "wall", "errors", "when", "loop", "stall", "error_storm",
        "no_progress_by", "any", "all", "not", "after", "command", "race",
    ]

    /// Reads a policy from an experiment file's tree, or from the text of `--eject`.
    ///
    /// A word alone (`budget_exceeded`), a word with its bound (`idle: 180s`, on the command line also `idle:180s`),
    /// or `any`, `all`, `not`, `after` around others. A list means `any`.
    package init(reader: TreeReader) throws(PreflightError) {
        switch reader.value {
        case .array:
            self = .any(try Self.list(reader))
        case .string(let text):
            let parts = text.split(separator: ":", maxSplits: 1).map {
                String($0.drop { $0 == " " })
            }
            self = try Self.policy(
                named: parts.first ?? "",
                reader: TreeReader(parts.count == 2 ? .string(parts[1]) : .null, path: reader.path), at: reader)
        case .object(let object):
            guard object.members.count == 1, let member = object.members.first else {
                throw reader.fail("expected one policy, such as idle: 180s", hint: "put several under any: or all:")
            }
            let path = reader.path.isEmpty ? member.key : "\(reader.path).\(member.key)"
            self = try Self.policy(
                named: member.key, reader: TreeReader(member.value, path: path), at: reader)
        default:
            throw reader.fail("expected a policy, such as budget_exceeded")
        }
    }

    private static func list(_ reader: TreeReader) throws(PreflightError) -> [EjectPolicy] {
        var policies: [EjectPolicy] = []
        for element in try reader.array() { policies.append(try EjectPolicy(reader: element)) }
        guard !policies.isEmpty else { throw reader.fail("the list is empty") }
        return policies
    }

    private static func policy(
        named name: String, reader: TreeReader, at place: TreeReader
    ) throws(PreflightError) -> EjectPolicy {
        switch name {
        case "budget_exceeded":
            guard reader.value.isNull || reader.value.string?.isEmpty == true else {
                throw reader.fail("budget_exceeded takes no value", hint: "such as budget_fraction: 80%")
            }
            return .budgetExceeded
        case "budget_fraction": return try budgetFraction(reader)
        case "idle": return .idle(try bound(reader))
        case "wall": return .wall(try bound(reader))
        case "errors":
            let bound = try reader.int()
            guard bound > 0 else { throw reader.fail("expected a number of errors of at least 1") }
            return .errors(bound)
        case "when": return .when(try Question(reader: reader))
        case "loop": return .loop(try loop(reader))
        case "stall": return .stall(try stall(reader))
        case "error_storm": return .errorStorm(try storm(reader))
        case "no_progress_by": return .noProgressBy(try deadline(reader))
        case "any": return .any(try list(reader))
        case "all": return .all(try list(reader))
        case "not": return .not(try EjectPolicy(reader: reader))
        case "after":
            let members = try reader.object(keys: ["elapsed", "then"])
            guard let elapsed = try members["elapsed"]?.duration(), let then = members["then"] else {
                throw reader.fail("elapsed and then are needed", hint: "after: {elapsed: 5m, then: {idle: 60s}}")
            }
            return .after(elapsed, try EjectPolicy(reader: then))
        case "command": return try command(reader)
        case "race": return .race(try Race(reader: reader))
        default:
            let isQuestion = name.contains { "<>=".contains($0) }
            throw place.fail(
                "unknown eject policy '\(name)'",
                hint: isQuestion
                    ? "write when: \(name)"
                    : NearestName.hint(name, among: keys) ?? "policies are \(keys.joined(separator: ", "))")
        }
    }

    private static func bound(_ reader: TreeReader) throws(PreflightError) -> Duration {
        let duration = try reader.duration()
        guard duration > .zero else { throw reader.fail("expected a time of more than 0") }
        return duration
    }

    private static func budgetFraction(_ reader: TreeReader) throws(PreflightError) -> EjectPolicy {
        func permille(_ reader: TreeReader) throws(PreflightError) -> Int {
            guard let permille = Quantity.permille(try reader.string()), permille > 0 else {
                throw reader.fail("expected a share of the budget, such as 25% or 0.25")
            }
            return permille
        }
        if reader.value.object == nil { return .budgetFraction(permille: try permille(reader), unless: nil) }
        let members = try reader.object(keys: ["at", "unless"])
        guard let at = members["at"] else { throw reader.fail("at is missing, such as at: 25%") }
        let unless = try members["unless"].map { (reader) throws(PreflightError) in try Question(reader: reader) }
        return .budgetFraction(permille: try permille(at), unless: unless)
    }

    private static func number(_ reader: TreeReader, in range: ClosedRange<Int>) throws(PreflightError) -> Int {
        let number = try reader.int()
        guard range.contains(number) else {
            throw reader.fail("expected \(range.lowerBound)…\(range.upperBound), not \(number)")
        }
        return number
    }

    private static func loop(_ reader: TreeReader) throws(PreflightError) -> LoopRule {
        guard reader.value.object != nil else { return LoopRule(times: try number(reader, in: LoopRule.range)) }
        let members = try reader.object(keys: ["times", "like"])
        guard let times = members["times"] else { throw reader.fail("times is missing, such as times: 4") }
        var rule = LoopRule(times: try number(times, in: LoopRule.range))
        if let like = members["like"] {
            guard let permille = Quantity.permille(try like.string()), permille >= 500 else {
                throw like.fail("expected a likeness of 50% to 100%")
            }
            rule.permille = permille
        }
        return rule
    }

    /// Reads `$0.05`, `10m`, or `{spend: $0.05, time: 10m}`.
    private static func stall(_ reader: TreeReader) throws(PreflightError) -> StallRule {
        guard reader.value.object != nil else {
            let text = try reader.string()
            if text.hasPrefix("$") { return StallRule(spend: try amount(reader)) }
            guard text.last?.isLetter == true else {
                throw reader.fail("expected money or a time, such as $0.05 or 10m")
            }
            return StallRule(time: try bound(reader))
        }
        let members = try reader.object(keys: ["spend", "time"])
        let rule = StallRule(
            spend: try members["spend"].map { (reader) throws(PreflightError) in try amount(reader) },
            time: try members["time"].map { (reader) throws(PreflightError) in try bound(reader) })
        guard rule != StallRule() else { throw reader.fail("spend or time is needed", hint: "stall: {spend: $0.05}") }
        return rule
    }

    private static func amount(_ reader: TreeReader) throws(PreflightError) -> USD {
        let amount = try reader.usd()
        guard amount > .zero else { throw reader.fail("expected more than $0") }
        return amount
    }

    /// Reads `{errors: 5, within: 1m}`, or `5 in 1m`.
    private static func storm(_ reader: TreeReader) throws(PreflightError) -> StormRule {
        guard reader.value.object != nil else {
            let parts = try reader.string().split(separator: " ")
            guard parts.count == 3, parts[1] == "in" else {
                throw reader.fail("expected errors and a time, such as 5 in 1m")
            }
            return StormRule(
                errors: try number(TreeReader(.string(String(parts[0])), path: reader.path), in: StormRule.range),
                within: try bound(TreeReader(.string(String(parts[2])), path: reader.path)))
        }
        let members = try reader.object(keys: ["errors", "within"])
        guard let errors = members["errors"], let within = members["within"] else {
            throw reader.fail("errors and within are needed", hint: "error_storm: {errors: 5, within: 1m}")
        }
        return StormRule(errors: try number(errors, in: StormRule.range), within: try bound(within))
    }

    /// Reads `10m`, or `{at: 10m, needs: "snapshots > 0"}`.
    private static func deadline(_ reader: TreeReader) throws(PreflightError) -> DeadlineRule {
        guard reader.value.object != nil else {
            return DeadlineRule(at: try bound(reader), needs: try Question(parsing: DeadlineRule.usualNeeds))
        }
        let members = try reader.object(keys: ["at", "needs"])
        guard let at = members["at"] else {
            throw reader.fail("at is missing", hint: "no_progress_by: {at: 10m, needs: snapshots > 0}")
        }
        var rule = DeadlineRule(at: try bound(at), needs: try Question(parsing: DeadlineRule.usualNeeds))
        if let needs = members["needs"] { rule.needs = try Question(reader: needs) }
        return rule
    }

    private static func command(_ reader: TreeReader) throws(PreflightError) -> EjectPolicy {
        guard reader.value.object != nil else {
            let command = try reader.strings()
            let name = command.first ?? "command"
            if EndRule.meaningfulNames.contains(name) {
                throw reader.fail(EndRule.complaint(ofName: name), hint: "command: {name: judge, run: [\(name)]}")
            }
            return .command(CommandPolicy(name: name, command: command))
        }
        let members = try reader.object(keys: ["name", "run", "every"])
        guard let run = try members["run"]?.strings(), !run.isEmpty else {
            throw reader.fail("run is missing: the program and its arguments")
        }
        let name = try members["name"]?.string() ?? run[0]
        if EndRule.meaningfulNames.contains(name) {
            throw (members["name"] ?? reader).fail(
                EndRule.complaint(ofName: name), hint: "give it another name, such as name: judge")
        }
        return .command(
            CommandPolicy(
                name: name, command: run,
                every: try members["every"]?.duration() ?? .seconds(10)))
    }
}

extension DeadlineRule {
    /// What has to be there where a deadline does not say.
    package static let usualNeeds = "snapshots > 0 or output_files > 0"
}

extension Question {
    /// Reads an expression at its place in a file.
    init(reader: TreeReader) throws(PreflightError) {
        let text = try reader.string()
        do throws(PreflightError) {
            try self.init(parsing: text)
        } catch {
            throw reader.fail(error.message, hint: error.hint)
        }
    }
}

extension EjectPolicy {
    /// The policy as an experiment file has it.
    package var tree: JSON {
        switch self {
        case .budgetExceeded: return "budget_exceeded"
        case .budgetFraction(let permille, let unless):
            return .record([
                "budget_fraction": .record([
                    "at": .string(Self.percent(permille)), "unless": unless.map { .string($0.text) },
                ])
            ])
        case .idle(let bound): return .record(["idle": .string(bound.secondsText)])
        case .wall(let bound): return .record(["wall": .string(bound.secondsText)])
        case .errors(let bound): return .record(["errors": .int(bound)])
        case .when(let question): return .record(["when": .string(question.text)])
        case .loop(let rule):
            return .record([
                "loop": .record([
                    "times": .int(rule.times), "like": rule.permille.map { .string(Self.percent($0)) },
                ])
            ])
        case .stall(let rule):
            return .record([
                "stall": .record([
                    "spend": rule.spend.map(JSON.usd), "time": rule.time.map { .string($0.secondsText) },
                ])
            ])
        case .errorStorm(let rule):
            return .record([
                "error_storm": .record(["errors": .int(rule.errors), "within": .string(rule.within.secondsText)])
            ])
        case .noProgressBy(let rule):
            return .record([
                "no_progress_by": .record(["at": .string(rule.at.secondsText), "needs": .string(rule.needs.text)])
            ])
        case .any(let policies): return .record(["any": .array(policies.map(\.tree))])
        case .all(let policies): return .record(["all": .array(policies.map(\.tree))])
        case .not(let policy): return .record(["not": policy.tree])
        case .after(let bound, let policy):
            return .record(["after": .record(["elapsed": .string(bound.secondsText), "then": policy.tree])])
        case .command(let command):
            return .record([
                "command": .record([
                    "name": .string(command.name), "run": .strings(command.command),
                    "every": .string(command.every.secondsText),
                ])
            ])
        case .custom(let custom): return .record(["custom": .string(custom.name)])
        case .race(let race): return .record(["race": race.tree])
        case .heldTooLong: return .string(name)
        }
    }
}

extension Duration {
    /// `90s`, `0.5s`: what `Quantity.duration` reads back.
    package var secondsText: String {
        let text = decimalSeconds(places: 6)
        let trimmed = text.reversed().drop { $0 == "0" }.reversed()
        return String(trimmed.last == "." ? trimmed.dropLast() : trimmed[...]) + "s"
    }
}
