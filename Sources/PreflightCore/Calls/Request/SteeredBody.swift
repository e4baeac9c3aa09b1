/// Puts a message of the run's owner at the end of what a request says to its model.
///
/// At the end, so that all that providers have cached of the conversation stays as it was, and in the request, since
/// words that are added to an answer may break a tool call that its agent reads. The changed body is to be read anew:
/// then the message is part of the call's worst case as any other text.
package enum SteeredBody {
    /// Longest message, in bytes of UTF-8.
    package static let longest = 4_096

    /// - Parameters:
    ///   - bytes: the bytes that `facts` were read from.
    ///   - facts: says where the members lie.
    /// - Returns: Nil where the request has no place for it: it ends with a beginning of the answer, or is no
    ///   conversation.
    package static func adding(_ text: String, to bytes: UnsafeRawBufferPointer, facts: CallFacts) -> [UInt8]? {
        guard facts.scan.object.upperBound <= bytes.count else { return nil }
        let fields = facts.details.fields
        do throws(CallRefusal) {
            switch facts.dialect {
            case .chat, .messages:
                guard let messages = fields[.messages], messages.kind == .array else { return nil }
                return try adding(text, to: messages, bytes, facts)
            case .responses:
                guard let input = fields[.input] else { return nil }
                var splice = BodySplice(bytes, facts.scan)
                switch input.kind {
                case .string: splice.lengthen(string: input.value, by: text)
                case .array: splice.append(message(text), toArray: input.value)
                default: return nil
                }
                return splice.result()
            case .completions, .embeddings: return nil
            }
        } catch { return nil }
    }

    package static func adding(_ text: String, to body: [UInt8], facts: CallFacts) -> [UInt8]? {
        body.withUnsafeBytes { adding(text, to: $0, facts: facts) }
    }

    private static func adding(
        _ text: String, to messages: JSONScan.Member, _ bytes: UnsafeRawBufferPointer, _ facts: CallFacts
    ) throws(CallRefusal) -> [UInt8]? {
        guard let place = lastElement(of: messages.value, in: bytes) else { return nil }
        // What parsers read differently is not built upon.
        let last = try CallReading.unambiguous(at: place, name: "messages", in: bytes)
        guard let role = last.member("role", in: bytes)?.string(in: bytes) else { return nil }
        var splice = BodySplice(bytes, facts.scan)
        switch role {
        case "user":
            // Lengthened: templates of many models want the roles to take turns.
            guard let content = last.member("content", in: bytes) else { return nil }
            switch content.kind {
            case .string: splice.lengthen(string: content.value, by: text)
            case .array:
                splice.append(["type": "text", "text": .string(text)], toArray: content.value)
            default: return nil
            }
        case "tool", "function", "system", "developer":
            // What a tool says is no word of the owner's, so it is not lengthened.
            guard facts.dialect == .chat else { return nil }
            splice.append(message(text), toArray: messages.value)
        default: return nil
        }
        return splice.result()
    }

    private static func message(_ text: String) -> JSON { ["role": "user", "content": .string(text)] }

    /// Where the last element of an array begins, if that is an object.
    private static func lastElement(of array: Range<Int>, in bytes: UnsafeRawBufferPointer) -> Int? {
        guard var reader = JSONReader(bytes) else { return nil }
        reader.index = array.lowerBound
        guard reader.opens(closing: UInt8(ascii: "]")) else { return nil }
        var last = reader.index
        do throws(JSONScan.Failure) {
            repeat {
                last = reader.index
                try reader.skipValue(depth: 1)
            } while try reader.continues(until: UInt8(ascii: "]"))
        } catch { return nil }
        return bytes[last] == UInt8(ascii: "{") ? last : nil
    }
}

extension BodySplice {
    /// Adds a paragraph to a string.
    fileprivate mutating func lengthen(string: Range<Int>, by text: String) {
        let end = string.upperBound - 1
        replace(end..<end) { out in
            if string.count > 2 { out.write(#"\n\n"#) }
            var written: [UInt8] = []
            JSON.string(text).write(into: &written)
            out.append(contentsOf: written.dropFirst().dropLast())
        }
    }

    fileprivate mutating func append(_ value: JSON, toArray array: Range<Int>) {
        let end = array.upperBound - 1
        let isEmpty = bytes[(array.lowerBound + 1)..<end].allSatisfy { [0x20, 0x0A, 0x0D, 0x09].contains($0) }
        replace(end..<end) { out in
            if !isEmpty { out.write(",") }
            value.write(into: &out)
        }
    }
}
