/// Reads the facts of a whole answer that was not streamed, without building its tree.
package enum AnswerReader {
    /// - Parameter bytes: a JSON body of any size. One that is cut or no JSON gives what was found before the break,
    ///   with `isFinished` false and no usage that counts.
    package static func facts(in bytes: UnsafeRawBufferPointer, dialect: Dialect) -> AnswerFacts {
        var facts = AnswerFacts(dialect: dialect)
        var scanner = AnswerScanner(bytes)
        guard scanner.cursor.peek() == UInt8(ascii: "{") else { return facts }
        scanner.read(into: &facts)
        facts.isFinished = scanner.isComplete
        facts.usageIsFinal = facts.isFinished && facts.usage != nil
        return facts
    }

    package static func facts(in bytes: [UInt8], dialect: Dialect) -> AnswerFacts {
        bytes.withUnsafeBytes { facts(in: $0, dialect: dialect) }
    }
}
