import ArgumentParser
import PreflightCore
import Reports
import Store

struct BudgetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "budget",
        abstract: "Show and change what may be spent, whether or not a gateway runs.",
        discussion: """
            Examples:
              preflight budget set acme --limit 50 --daily 5
              preflight budget set acme/ci --limit 10        # below acme: both limits hold
              preflight budget list
              preflight budget show acme/ci --json
              preflight budget export --format csv > calls.csv
              preflight budget held                          # calls whose cost is not known
            """,
        subcommands: [
            BudgetListCommand.self, BudgetShowCommand.self, BudgetSetCommand.self, BudgetResetCommand.self,
            BudgetExportCommand.self, BudgetHeldCommand.self,
        ],
        defaultSubcommand: BudgetListCommand.self)
}

struct BudgetListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List all scopes, and what each has left.",
        discussion: """
            Examples:
              preflight budget list
              preflight budget list --json

            `left` is what calls that begin now may take, with the scopes above counted in.
            """)

    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let report = try await LedgerAccess(place).report()
        Terminal.shared.data(place.json ? report.json.prettyText : report.text(width: Terminal.shared.tableWidth))
    }
}

struct BudgetShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a scope with all its limits.",
        discussion: """
            Example:
              preflight budget show acme/ci
            """)

    @Argument(help: "The scope's name.")
    var scope: String

    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let report = try await LedgerAccess(place).report()
        let row = try report.row(scope)
        Terminal.shared.data(place.json ? report.json(row).prettyText : report.detail(row))
    }
}

struct BudgetResetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset", abstract: "Forget what a scope has spent. The scopes above keep counting it.",
        discussion: """
            Example:
              preflight budget reset acme/ci

            Calls stay on record. With calls under way or of unknown cost, --force is needed: they go on counting.
            """)

    @Argument(help: "The scope's name.")
    var scope: String

    @Flag(help: "Even with calls under way or held.")
    var force = false

    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let access = try LedgerAccess(place)
        let row = try await access.report().row(scope).scope
        guard force || (row.openCalls == 0 && row.held == .zero) else {
            let reason = row.openCalls > 0 ? "\(row.openCalls) calls under way" : "\(row.held) held"
            throw PreflightError(
                .refused, "\(scope) has \(reason)",
                hint: row.openCalls > 0
                    ? "wait for their end, or give --force" : "`preflight budget held` shows them, --force goes on")
        }
        try await access.withLedger { ledger in
            guard let id = try await ledger.findScope(named: scope) else { return }
            _ = try await ledger.reset(id)
        }
        let report = try await access.report()
        if place.json {
            Terminal.shared.data(report.json(try report.row(scope)).prettyText)
        } else {
            Terminal.shared.say("\(scope): \(row.spent.total) forgotten")
        }
    }
}
