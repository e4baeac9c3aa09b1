import Foundation

/// How many files this process may have open.
enum FileLimit {
    /// More are of no use, and where the system knows no limit some programs walk through all of them.
    private static let most: rlim_t = 65_536

    /// Raises the soft limit to what may be had.
    static func raise() {
        guard var limit = read() else { return }
        let wanted = min(limit.rlim_max, max(limit.rlim_cur, most))
        guard wanted > limit.rlim_cur else { return }
        limit.rlim_cur = wanted
        setrlimit(resource, &limit)
    }

    static var current: Int { read().map { Int(min($0.rlim_cur, 1 << 30)) } ?? .max }

    private static func read() -> rlimit? {
        var limit = rlimit()
        return getrlimit(resource, &limit) == 0 ? limit : nil
    }

    #if os(Linux)
        private static var resource: __rlimit_resource_t { numericCast(RLIMIT_NOFILE.rawValue) }
    #else
        private static var resource: Int32 { RLIMIT_NOFILE }
    #endif
}
