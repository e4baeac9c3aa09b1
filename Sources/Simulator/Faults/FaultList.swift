import PreflightCore

/// The faults in force, oldest first.
struct FaultList: Sendable {
    private var faults: [(id: Int, fault: Fault)] = []
    private var lastID = 0

    mutating func add(_ fault: Fault) -> Int {
        lastID += 1
        faults.append((lastID, fault))
        return lastID
    }

    mutating func remove(_ ids: [Int]) { faults.removeAll { ids.contains($0.id) } }

    mutating func removeAll() { faults.removeAll() }

    /// The fault that hits this request, counted down. At most one does; the others see the request pass.
    ///
    /// - Parameter model: nil when the request comes in; then the model that is about to be tried, which only faults
    ///   that name it hit.
    mutating func take(method: String, path: String, model: String? = nil) -> Fault? {
        for index in faults.indices
        where faults[index].fault.model == model && faults[index].fault.matches(method: method, path: path) {
            if faults[index].fault.skip > 0 {
                faults[index].fault.skip -= 1
                continue
            }
            let fault = faults[index].fault
            if let count = fault.count {
                if count <= 1 { faults.remove(at: index) } else { faults[index].fault.count = count - 1 }
            }
            return fault
        }
        return nil
    }

    var json: JSON {
        .array(
            faults.map { entry in
                .record([
                    "id": .int(entry.id), "kind": .string(entry.fault.kind.rawValue),
                    "path": .string(entry.fault.path), "method": entry.fault.method.map(JSON.string),
                    "count": entry.fault.count.map(JSON.int) ?? "forever", "skip": .int(entry.fault.skip),
                    "model": entry.fault.model.map(JSON.string),
                ])
            })
    }
}
