import ArgumentParser
import PreflightCore
import Reports
import Store

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Make and revoke virtual keys: what callers show the gateway instead of a provider's key.",
        discussion: """
            Examples:
              preflight keys create acme/ci --name ci --expires 30d
              preflight keys list
              preflight keys revoke ci

            A key spends from its scope. Its text is shown once; only a digest is kept. A gateway that runs knows of
            new and revoked keys within a second.
            """,
        subcommands: [KeysListCommand.self, KeysCreateCommand.self, KeysRevokeCommand.self],
        defaultSubcommand: KeysListCommand.self)
}

struct KeysListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List all keys, the revoked ones too.",
        discussion: """
            Example:
              preflight keys list
            """)

    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let access = try LedgerAccess(place)
        let keys = try await access.existingKeys()?.all() ?? []
        let now = access.now
        Terminal.shared.data(
            place.json
                ? JSON.array(keys.map { $0.json(at: now) }).prettyText
                : KeyTable.text(keys, at: now, width: Terminal.shared.tableWidth))
    }
}

struct KeysCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a key that spends from a scope. Its text goes to standard output, once.",
        discussion: """
            Examples:
              preflight keys create acme/ci --name ci --model 'anthropic/*' --calls-per-minute 60
              preflight keys create demo --limit 1 --expires 7d     # makes the scope too
              export OPENAI_API_KEY=$(preflight keys create acme)
            """)

    @Argument(help: "The scope that it spends from.")
    var scope: String

    @Option(help: ArgumentHelp("What to call it.", valueName: "NAME"))
    var name: String?

    @Option(
        name: .customLong("model"),
        help: ArgumentHelp("A model that it may call, or the beginning of one and *; repeatable.", valueName: "PATTERN")
    )
    var models: [String] = []

    @Option(help: ArgumentHelp("When it ends: a time from now, or an instant.", valueName: "TIME"))
    var expires: String?

    @Option(help: ArgumentHelp("How many calls it may make a minute.", valueName: "N"))
    var callsPerMinute: Int?

    @OptionGroup var limits: LimitOptions

    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let access = try LedgerAccess(place)
        let now = access.now
        var terms = VirtualKeyStore.Terms(name: name, models: models, callsPerMinute: callsPerMinute)
        if let expires {
            guard let end = Timestamp(end: expires, after: now) else {
                throw PreflightError(
                    .usage,
                    "--expires '\(expires)': expected a time, such as 7d, or an instant, such as 2027-01-01T00:00:00Z")
            }
            terms.expiresAt = end
        }
        try ScopeName.check(scope)
        try terms.check(at: now)
        let change = try limits.change(parent: nil, isClosed: nil, takesAll: false)
        let known = try await access.report()
        if known[scope] == nil, limits.isEmpty {
            do { _ = try known.row(scope) } catch {
                throw PreflightError(
                    .usage, error.message,
                    hint: error.hint ?? "--limit 5 makes it, as `preflight budget set \(scope) --limit 5` does")
            }
        }
        guard known[scope] == nil || limits.isEmpty else {
            throw PreflightError(
                .usage, "\(scope) is there already, with limits of its own",
                hint: "change them with `preflight budget set \(scope)`")
        }
        let made = try await access.withLedger { [terms] ledger in
            let id = try await ledger.define(scope, change).id
            return try await access.keys().create(terms, scope: id, at: now)
        }
        if place.json, var object = made.key.json(at: now).object {
            object.append("key", .string(made.text.reveal()))
            Terminal.shared.data(JSON.object(object).prettyText)
        } else {
            Terminal.shared.say("key \(made.key.id) for \(scope), shown this once:")
            Terminal.shared.data(made.text.reveal())
        }
    }
}

struct KeysRevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Revoke a key: the gateway accepts no more calls with it.",
        discussion: """
            Examples:
              preflight keys revoke ci
              preflight keys revoke 7
              preflight keys revoke sk-pf-1a2b...c3d4

            Calls under way go on to their end.
            """)

    @Argument(help: "The key's id, name or label.")
    var key: String

    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let access = try LedgerAccess(place)
        guard let keys = try access.existingKeys() else {
            throw PreflightError(.usage, "there is no ledger at \(access.path), and so no key")
        }
        let now = access.now
        let outcome = try await keys.revoke(key, at: now)
        if place.json {
            Terminal.shared.data(outcome.key.json(at: now).prettyText)
        } else {
            let label = "key \(outcome.key.id), \(outcome.key.label)"
            Terminal.shared.say(outcome.isNew ? "revoked \(label)" : "\(label) was revoked already")
        }
    }
}
