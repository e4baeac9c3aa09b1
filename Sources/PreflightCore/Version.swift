/// A dotted version, compared number by number: `2.39.5`, `v3.1`. What follows the numbers is ignored.
package struct Version: Comparable, Sendable {
    package var numbers: [Int]

    package init(_ text: String) {
        let core = text.drop { !($0.isASCII && $0.isNumber) }.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        numbers = core.split(separator: ".").map { Int($0) ?? .max }
        while numbers.last == 0 { numbers.removeLast() }
    }

    package static func < (a: Version, b: Version) -> Bool { a.numbers.lexicographicallyPrecedes(b.numbers) }
}
