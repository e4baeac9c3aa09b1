import Foundation

/// The pages of the program's code that this process holds in memory.
///
/// Starting reads many of them once: libraries set themselves up, the kernel maps sixteen for each that is asked for.
/// They stay with the process although what serves calls needs a third of them.
package enum ProgramPages {
    /// Lets go of the code's pages; those that are needed come back, from the system's cache, as they are used.
    package static func letGo() {
        #if os(Linux)
            guard let maps = try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8) else { return }
            for line in maps.split(separator: "\n") {
                guard let (start, end) = codeRange(line), let address = UnsafeMutableRawPointer(bitPattern: start)
                else {
                    continue
                }
                // Code is never written to, so there is nothing in it that only this process has.
                madvise(address, Int(end - start), MADV_DONTNEED)
            }
        #endif
    }

    /// Where a line of `/proc/self/maps` says that a file's code is.
    static func codeRange(_ line: Substring) -> (start: UInt, end: UInt)? {
        let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
        guard fields.count == 6, fields[1] == "r-xp", fields[5].drop(while: { $0 == " " }).hasPrefix("/") else {
            return nil
        }
        let ends = fields[0].split(separator: "-")
        guard ends.count == 2, let start = UInt(ends[0], radix: 16), let end = UInt(ends[1], radix: 16), start < end
        else { return nil }
        return (start, end)
    }
}
