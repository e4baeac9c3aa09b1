/// The newest of what came, at most as many as it holds.
package struct Ring<Element: Hashable & Sendable>: Hashable, Sendable {
    package let capacity: Int
    private var elements: [Element] = []
    private var next = 0

    package init(capacity: Int) { self.capacity = capacity }

    package var count: Int { elements.count }

    /// Returns what has to make room for it.
    @discardableResult
    package mutating func append(_ element: Element) -> Element? {
        guard elements.count == capacity else {
            elements.append(element)
            return nil
        }
        let old = elements[next]
        elements[next] = element
        next = next + 1 == capacity ? 0 : next + 1
        return old
    }

    /// The newest is 0. The caller stays below `count`.
    package subscript(back index: Int) -> Element {
        let place = next - 1 - index
        return elements[place < 0 ? place + elements.count : place]
    }

    /// The caller has appended one before.
    package mutating func replaceLast(with element: Element) {
        elements[next == 0 ? elements.count - 1 : next - 1] = element
    }

    package mutating func removeAll() {
        elements.removeAll(keepingCapacity: true)
        next = 0
    }
}
