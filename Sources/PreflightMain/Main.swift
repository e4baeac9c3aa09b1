import Foundation
import Preflight

@main struct Main {
    static func main() async {
        exit(await PreflightTool().run())
    }
}
