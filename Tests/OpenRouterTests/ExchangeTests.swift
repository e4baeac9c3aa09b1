import Foundation
import OpenRouter
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

@Suite struct ExchangeTests {
    @Test(arguments: [0.3, 5, 61, 3600])
    func `an answer may be slow for as long as the exchange may last`(seconds: Double) throws {
        let url = try #require(URL(string: "http://127.0.0.1/"))
        let request = HTTPExchange.request(to: url, within: .seconds(seconds))
        #expect(request.timeoutInterval > seconds)
    }
}
