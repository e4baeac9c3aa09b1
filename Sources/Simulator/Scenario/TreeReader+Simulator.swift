import PreflightCore

/// What scenario files and faults hold besides the usual.
extension TreeReader {
    func count(in range: ClosedRange<Int> = 0...1_000_000_000) throws(PreflightError) -> Int {
        let count = try int()
        guard range.contains(count) else {
            throw fail("expected a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return count
    }

    /// `Int.max` stands for "forever".
    func countOrForever() throws(PreflightError) -> Int {
        value.string == "forever" ? .max : try count(in: 1...1_000_000_000)
    }

    func bool() throws(PreflightError) -> Bool {
        guard let flag = value.bool else { throw fail("expected true or false") }
        return flag
    }

    func wait() throws(PreflightError) -> Scenario.Wait {
        value.string == "forever" ? .forever : .duration(try duration())
    }

    /// `choice`, with the nearest name as a hint.
    func named<Value: RawRepresentable & CaseIterable>(
        _ type: Value.Type
    ) throws(PreflightError) -> Value where Value.RawValue == String {
        do { return try choice(type) } catch {
            var error = error
            error.hint = NearestName.hint(value.string ?? "", among: type.allCases.map(\.rawValue))
            throw error
        }
    }
}
