import ArgumentParser
import PreflightCore
import Reports
import Store

struct BudgetExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write all calls of the ledger, one a line.",
        discussion: """
            Examples:
              preflight budget export > calls.csv
              preflight budget export --scope acme --format json

            Amounts are exact decimals in dollars. A cost that is not known is left empty, or null.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case csv, json }

    @Option(help: ArgumentHelp("How to write them.", valueName: "csv|json"))
    var format: Format?

    @Option(help: ArgumentHelp("Only this scope's, and those below it.", valueName: "SCOPE"))
    var scope: String?

    @OptionGroup var place: PlaceOptions

    private static let page = 5000

    func run() async throws {
        let access = try LedgerAccess(place)
        if let scope { _ = try await access.report().row(scope) }
        let isJSON = (format ?? (place.json ? .json : .csv)) == .json
        let terminal = Terminal.shared
        if !isJSON { terminal.data(CallRecord.columns.joined(separator: ",")) }
        let reader = try access.reader()
        var last = CallID(row: 0)
        var isFirst = true
        // In pages, since there may be millions.
        while let calls = try await reader?.calls(of: scope, after: last, limit: Self.page), let end = calls.last {
            let lines = calls.map { isJSON ? CallRecord.json($0).text : CallRecord.csv($0) }
            let joint = lines.joined(separator: isJSON ? ",\n" : "\n")
            terminal.data(isJSON ? (isFirst ? "[" : ",") + joint : joint)
            isFirst = false
            last = end.id
        }
        if isJSON { terminal.data(isFirst ? "[]" : "]") }
    }
}

struct BudgetHeldCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "held", abstract: "Show calls whose cost stayed unknown, and settle them by hand.",
        discussion: """
            Examples:
              preflight budget held
              preflight budget held --settle 1742=0.0031     # the provider's bill says so
              preflight budget held --release 1743           # it was never billed

            A held call counts as spent in full until it is settled or released.
            """)

    @Option(
        name: .customLong("release"),
        help: ArgumentHelp("A call that cost nothing; repeatable.", valueName: "ID"))
    var release: [Int64] = []

    @Option(
        name: .customLong("settle"),
        help: ArgumentHelp("A call and what it cost in dollars; repeatable.", valueName: "ID=USD"))
    var settle: [String] = []

    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let access = try LedgerAccess(place)
        let costs = try costs()
        let held = try await access.reader()?.heldCalls() ?? []
        // All or none: a wrong id is found before anything is written.
        let work = try costs.map { id, cost in
            guard let call = held.first(where: { $0.id.row == id }) else {
                throw PreflightError(
                    .usage, "call \(id) is not held", hint: "`preflight budget held` shows those that are")
            }
            return (call: call, cost: cost)
        }
        if !work.isEmpty {
            try await access.withLedger { ledger in
                for (call, cost) in work {
                    // What it used is as unknown as it was; only a call that cost nothing used nothing.
                    let tokens = cost == nil ? 0 : call.tokens
                    guard try await ledger.reconcile(call.call, cost: cost ?? .zero, tokens: tokens) else {
                        throw PreflightError(.refused, "call \(call.id.row) was settled in the meantime")
                    }
                    Terminal.shared.say("call \(call.id.row): \(call.amount) held, settled at \(cost ?? .zero)")
                }
            }
        }
        let left = try await access.reader()?.heldCalls() ?? []
        if place.json {
            Terminal.shared.data(JSON.array(left.map(CallRecord.json)).prettyText)
        } else if work.isEmpty || !left.isEmpty {
            Terminal.shared.data(HeldTable.text(left, width: Terminal.shared.tableWidth))
        }
    }

    /// By the calls' ids; nil for those that cost nothing.
    private func costs() throws -> [(Int64, USD?)] {
        var costs: [(Int64, USD?)] = release.map { ($0, nil) }
        for text in settle {
            let parts = text.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let id = Int64(parts[0]), let cost = Quantity.usd(String(parts[1])),
                !cost.isNegative
            else { throw PreflightError(.usage, "--settle '\(text)': expected ID=USD, such as 1742=0.0031") }
            costs.append((id, cost))
        }
        guard Set(costs.map(\.0)).count == costs.count else { throw PreflightError(.usage, "a call is named twice") }
        return costs
    }
}
