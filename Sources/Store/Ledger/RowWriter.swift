/// Writes rows of one kind, several to a statement: beginning and ending a statement costs more than a row.
struct RowWriter {
    /// For 16, 8, 4, 2 and 1 rows.
    private let statements: [(rows: Int, statement: SQLite.Statement)]
    private let columns: Int

    /// - Parameters:
    ///   - insert: The statement up to its values.
    ///   - columns: How many values a row has.
    init(_ database: SQLite, _ insert: String, columns: Int) throws {
        self.columns = columns
        let row = "(\(Array(repeating: "?", count: columns).joined(separator: ", ")))"
        statements = try [16, 8, 4, 2, 1].map { rows in
            let values = Array(repeating: row, count: rows).joined(separator: ", ")
            return (rows, try database.prepare("\(insert) VALUES \(values)"))
        }
    }

    /// - Parameter bind: Binds a row's values, from the position given.
    @inline(__always)
    func write<Row>(_ rows: [Row], _ bind: (SQLite.Statement, CInt, Row) -> Void) throws {
        var next = 0
        for (count, statement) in statements {
            while rows.count - next >= count {
                for row in 0..<count { bind(statement, CInt(row * columns), rows[next + row]) }
                try statement.execute()
                next += count
            }
        }
    }
}
