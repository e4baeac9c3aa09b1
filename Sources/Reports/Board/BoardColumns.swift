/// The board's columns. In a narrow terminal the less important ones are left out, and the others are cut.
enum BoardColumn: CaseIterable {
    case alias, state, doing, turns, tokens, spend, cache, idle, nearest

    static let spendWords = 18
    static let spendBar = 8

    var title: String {
        switch self {
        case .alias: "alias"
        case .state: "state"
        case .doing: "does"
        case .turns: "turns"
        case .tokens: "tokens"
        case .spend: "spent"
        case .cache: "cache"
        case .idle: "idle"
        case .nearest: "nearest to stop it"
        }
    }

    var isRight: Bool {
        switch self {
        case .turns, .tokens, .spend, .cache, .idle: true
        default: false
        }
    }

    /// Columns that it needs, and that it likes to have.
    fileprivate func widths(alias: Int) -> (least: Int, best: Int) {
        switch self {
        case .alias: (min(8, alias), alias)
        case .state: (8, 8)
        case .doing: (12, 22)
        case .turns: (5, 5)
        case .tokens: (6, 6)
        case .spend: (16, Self.spendWords + Self.spendBar)
        case .cache: (5, 5)
        case .idle: (5, 6)
        case .nearest: (18, .max)
        }
    }

    /// The first to be there, the last to go.
    private static let byImportance: [BoardColumn] = [
        .alias, .state, .spend, .doing, .nearest, .idle, .turns, .cache, .tokens,
    ]

    /// Which columns fit, in their order, and how wide each is. The same width always gives the same columns.
    ///
    /// - Parameter alias: columns of the longest alias.
    static func layout(width: Int, alias: Int) -> [(column: BoardColumn, width: Int)] {
        let alias = min(max(5, alias), max(8, width / 5))
        let gap = gap(width)
        var chosen: Set<BoardColumn> = []
        var left = width + gap
        for column in byImportance {
            let least = column.widths(alias: alias).least + gap
            guard least <= left || chosen.isEmpty else { break }
            chosen.insert(column)
            left -= least
        }
        var columns = allCases.filter(chosen.contains).map { ($0, $0.widths(alias: alias).least) }
        for index in columns.indices {
            let more = min(max(0, left), columns[index].0.widths(alias: alias).best - columns[index].1)
            columns[index].1 += more
            left -= more
        }
        return columns.map { (column: $0.0, width: $0.1) }
    }

    static func gap(_ width: Int) -> Int { width < 100 ? 1 : 2 }
}
