import ArgumentParser
import PreflightCore
import Reports
import Store

/// Limits as flags; `none` takes one away.
struct LimitOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Dollars, for all time.", valueName: "USD"))
    var limit: String?

    @Option(help: ArgumentHelp("Dollars a day, from midnight UTC.", valueName: "USD"))
    var daily: String?

    @Option(help: ArgumentHelp("Dollars a week, from Monday.", valueName: "USD"))
    var weekly: String?

    @Option(help: ArgumentHelp("Dollars a month.", valueName: "USD"))
    var monthly: String?

    @Option(help: ArgumentHelp("Prompt and completion tokens together.", valueName: "N"))
    var tokens: String?

    @Option(help: ArgumentHelp("Calls.", valueName: "N"))
    var calls: String?

    @Option(help: ArgumentHelp("How long after its first call it may be used.", valueName: "TIME"))
    var time: String?

    @Option(
        help: ArgumentHelp("Take a call's worst case, or what such calls mostly cost.", valueName: "strict|adaptive"))
    var hold: String?

    @Option(help: ArgumentHelp("The share of a limit from which its owner is warned.", valueName: "SHARE"))
    var softCap: String?

    @Option(help: ArgumentHelp("The share of a limit at which calls are refused.", valueName: "SHARE"))
    var hardCap: String?

    var isEmpty: Bool { members.isEmpty }

    /// What the flags say, in the names of `BudgetLimits.keys`.
    func change(parent: String?, isClosed: Bool?, takesAll: Bool) throws(PreflightError) -> BudgetChange {
        var object = JSON.Object()
        if takesAll {
            for key in ["limit", "daily", "weekly", "monthly", "tokens", "calls", "time"] { object.append(key, .null) }
        }
        for (key, text) in members { object[key] = Self.value(text) }
        do throws(PreflightError) {
            var change = try BudgetChange(json: .object(object))
            change.parent = parent
            change.isClosed = isClosed
            return change
        } catch {
            let flag = (error.place ?? "").split(separator: "_").joined(separator: "-")
            throw PreflightError(.usage, "--\(flag): \(error.message)", hint: error.hint)
        }
    }

    private var members: [(key: String, text: String)] {
        let all = [
            ("limit", limit), ("daily", daily), ("weekly", weekly), ("monthly", monthly), ("tokens", tokens),
            ("calls", calls), ("time", time), ("hold", hold), ("soft_cap", softCap), ("hard_cap", hardCap),
        ]
        return all.compactMap { key, text in text.map { (key, $0) } }
    }

    /// Digits stay text until they are read exactly.
    private static func value(_ text: String) -> JSON {
        if text == "none" { return .null }
        if case .number(let number)? = try? JSON.parse(text) { return .number(number) }
        return .string(text)
    }
}

struct BudgetSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Make a scope, or change its limits. What is not named stays.",
        discussion: """
            Examples:
              preflight budget set acme --limit 50 --daily 5
              preflight budget set acme/ci --limit 10 --calls 1000 --time 2h
              preflight budget set acme/ci --daily none      # take a limit away
              preflight budget set acme/ci --close           # accept no more calls

            A scope lies below the one that its path names, or below --parent; all limits on the way up hold.
            A gateway that runs takes changes with the next call.
            """)

    @Argument(help: "The scope's name, such as acme or acme/ci.")
    var scope: String

    @OptionGroup var limits: LimitOptions

    @Option(help: ArgumentHelp("The scope that a new one lies below.", valueName: "SCOPE"))
    var parent: String?

    @Flag(help: "Take all limits away.")
    var noLimit = false

    @Flag(help: "Accept no more calls.")
    var close = false

    @Flag(help: "Accept calls again.")
    var open = false

    @OptionGroup var place: PlaceOptions

    func run() async throws {
        guard !(open && close) else { throw PreflightError(.usage, "give --open or --close, not both") }
        let change = try limits.change(parent: parent, isClosed: close ? true : open ? false : nil, takesAll: noLimit)
        let access = try LedgerAccess(place)
        let known = try await access.report()
        if let parent, known[parent] == nil { _ = try known.row(parent) }
        try ScopeName.check(scope)
        let isNew = try await access.withLedger { try await $0.define(scope, change).isNew }
        let report = try await access.report()
        let row = try report.row(scope)
        if place.json {
            Terminal.shared.data(report.json(row).prettyText)
        } else {
            Terminal.shared.say(isNew ? "made \(scope)" : "changed \(scope)")
            Terminal.shared.data(report.detail(row))
        }
    }
}
