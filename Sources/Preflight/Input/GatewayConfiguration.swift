import Foundation
import Gateway
import PreflightCore
import Store

/// What a gateway file says: where to listen, which upstreams to call at which prices, and who may spend what.
struct GatewayConfiguration: Sendable {
    static let keys = [
        "listen", "console", "ledger", "upstreams", "routes", "budgets", "allowances", "default_output", "limits",
        "timeouts", "least_output", "expected", "max_price",
    ]

    /// Host and port.
    struct Address: Sendable, Equatable {
        var host: String
        var port: Int
    }

    /// A scope to make, or to change.
    struct Budget: Sendable, Equatable {
        var scope: String
        var change: BudgetChange
    }

    static let standardListen = Address(host: "127.0.0.1", port: 4000)
    static let standardConsole = Address(host: "127.0.0.1", port: 4001)

    var listen = [standardListen]
    /// Nil: there is none.
    var console: Address? = standardConsole
    /// The ledger's file; nil for that of the runs directory.
    var ledger: String?
    var settings: GatewaySettings
    /// Parents before their children.
    var budgets: [Budget] = []

    /// Reads a file; paths in it are relative to it.
    ///
    /// - Throws: `PreflightError` with code `usage` that names file, line and place.
    init(path: String, environment: [String: String], workingDirectory: String) throws {
        let absolute = Files.absolute(path, relativeTo: workingDirectory)
        let bytes: [UInt8]
        do { bytes = try Files.read(absolute, limit: 1 << 20) } catch let error as PreflightError {
            throw PreflightError(.usage, error.message, hint: "docs/gateway.schema.json describes the file")
        }
        let tree = try YAMLTree(String(decoding: bytes, as: UTF8.self), name: path)
        let base = (absolute as NSString).deletingLastPathComponent
        do throws(PreflightError) {
            try self.init(tree: tree.json, surroundings: Surroundings(environment: environment, directory: base))
        } catch {
            throw tree.locate(error)
        }
    }

    /// What a file leans on.
    struct Surroundings: Sendable {
        var environment: [String: String]
        /// What its paths are relative to.
        var directory: String
    }

    /// Reads a file's tree; an empty one is OpenRouter with its own prices.
    init(tree: JSON, surroundings: Surroundings) throws(PreflightError) {
        let members = try TreeReader(tree.isNull ? .object(JSON.Object()) : tree).object(keys: Self.keys)
        if let upstreams = members["upstreams"] {
            settings = GatewaySettings(upstreams: try Self.upstreams(upstreams, surroundings))
        } else {
            settings = GatewaySettings(upstreams: [try Self.openRouter(surroundings)])
        }
        if let listen = members["listen"] { self.listen = try Self.addresses(listen) }
        if let console = members["console"] {
            self.console = console.value.bool == false ? nil : try Self.address(console)
        }
        ledger = try members["ledger"]?.string()
        ledger = ledger.map { Files.absolute($0, relativeTo: surroundings.directory) }
        if let routes = members["routes"] { settings.routes = try Self.routes(routes, among: settings.upstreams) }
        if let budgets = members["budgets"] { self.budgets = try Self.budgets(budgets) }
        try readBehaviour(members)
    }

    // MARK: Addresses

    private static func addresses(_ reader: TreeReader) throws(PreflightError) -> [Address] {
        guard reader.value.array != nil else { return [try address(reader)] }
        var addresses: [Address] = []
        for element in try reader.array() { addresses.append(try address(element)) }
        guard !addresses.isEmpty else { throw reader.fail("expected HOST:PORT") }
        return addresses
    }

    /// `HOST:PORT`, or a port alone, of this machine only.
    private static func address(_ reader: TreeReader) throws(PreflightError) -> Address {
        let text = try reader.string()
        if let port = Int(text), (0...65_535).contains(port) { return Address(host: "127.0.0.1", port: port) }
        guard let colon = text.lastIndex(of: ":"), colon != text.startIndex,
            let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port)
        else { throw reader.fail("expected HOST:PORT, such as 127.0.0.1:4000") }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, !host.contains("/"), !host.contains(" ") else {
            throw reader.fail("expected HOST:PORT, such as 127.0.0.1:4000")
        }
        return Address(host: String(host), port: port)
    }
}

extension TreeReader {
    /// The members of an object whose keys are names that the owner chose, in their order.
    func named(_ what: String) throws(PreflightError) -> [(name: String, reader: TreeReader)] {
        guard let object = value.object else { throw fail("expected \(what)") }
        return object.members.map { ($0.key, TreeReader($0.value, path: "\(path).\($0.key)")) }
    }
}
