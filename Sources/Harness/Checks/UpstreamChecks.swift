package import PreflightCore

/// An upstream of the experiment as checks reach it.
package struct UpstreamDoor: Sendable {
    package var prices: UpstreamPrices
    /// Whether the list that it gives of its models has every name that it takes.
    package var listsAllNames: Bool
    /// Asks it for its models, at no cost.
    package var models: @Sendable () async -> Answer

    package enum Answer: Sendable {
        case models([String])
        /// It answers, and has no such list.
        case noList(String)
        case failed(String, hint: String)
    }

    package init(
        prices: UpstreamPrices, listsAllNames: Bool = true, models: @escaping @Sendable () async -> Answer
    ) {
        self.prices = prices
        self.listsAllNames = listsAllNames
        self.models = models
    }
}

/// Whether the experiment's upstreams are there, and serve what is wanted of them.
enum UpstreamChecks {
    static func ask(_ doors: [UpstreamDoor], _ wanted: [ModelSource]) async -> CheckResult {
        let answers = await withTaskGroup(of: (Int, UpstreamDoor.Answer).self) { group in
            for (index, door) in doors.enumerated() { group.addTask { (index, await door.models()) } }
            return await group.reduce(into: [Int: UpstreamDoor.Answer]()) { $0[$1.0] = $1.1 }
        }
        var lines: [String] = []
        var faults: [(text: String, hint: String)] = []
        var doubts: [(text: String, hint: String)] = []
        for (index, door) in doors.enumerated() {
            let name = door.prices.name
            let own = Set(wanted.filter { $0.upstream == name }.map(\.model)).sorted()
            switch answers[index] {
            case .models(let served):
                lines.append("\(name): serves \(served.count) model\(served.count == 1 ? "" : "s")")
                for model in own where !served.contains(model) {
                    let near = NearestName.hint(model, among: served).map { ", \($0)" } ?? ""
                    let text = "\(name) does not list \(model)\(near)"
                    let hint = "it lists \(served.prefix(5).joined(separator: ", "))"
                    if door.listsAllNames { faults.append((text, hint)) } else { doubts.append((text, hint)) }
                }
            case .noList(let why):
                doubts.append(("\(name): \(why)", "whether it serves \(own.joined(separator: ", ")) is not known"))
            case .failed(let why, let hint): faults.append(("\(name): \(why)", hint))
            case nil: break
            }
        }
        let all = lines + (faults + doubts).map(\.text)
        if let fault = faults.first {
            return CheckResult("upstreams", .fail, fault.text, lines: all.count > 1 ? all : [], hint: fault.hint)
        }
        if let doubt = doubts.first {
            return CheckResult("upstreams", .warn, doubt.text, lines: all.count > 1 ? all : [], hint: doubt.hint)
        }
        return CheckResult("upstreams", .pass, "\(doors.count) answer\(doors.count == 1 ? "s" : "")", lines: lines)
    }
}
