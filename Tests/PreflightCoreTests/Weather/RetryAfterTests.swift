import PreflightCore
import Testing

@Suite struct RetryAfterTests {
    private let now = Timestamp(iso8601: "1994-11-06T08:49:07Z")

    @Test(arguments: ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
    func `a date is waited for in each form that HTTP knows`(text: String) {
        #expect(RetryAfter.delay(text, now: now) == .seconds(30))
        // Without anybody's time a date says nothing.
        #expect(RetryAfter.delay(text, now: nil) == nil)
    }

    @Test func `seconds are whole, and a date that is over means at once`() {
        #expect(RetryAfter.delay("120", now: nil) == .seconds(120))
        #expect(RetryAfter.delay(" 0 ", now: nil) == .zero)
        #expect(RetryAfter.delay("Sun, 06 Nov 1994 08:00:00 GMT", now: now) == .zero)
    }

    @Test(arguments: [
        "", "-1", "1.5", "5m", "soon", "99999999999999999999", "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 8:49 GMT",
    ])
    func `anything else is no answer`(text: String) {
        #expect(RetryAfter.delay(text, now: now) == nil)
    }
}
