// swift-tools-version:6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let nio = [
    Target.Dependency.product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOTLS", package: "swift-nio"),
    .product(name: "NIOSSL", package: "swift-nio-ssl"),
]
/// The files of the dashboard's page.
let page = [
    "page.html", "page.css", "page.js", "dom.js", "record.js", "runs.js", "field.js", "trial.js", "lines.js", "keys.js",
    "icon.svg",
]
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
    name: "preflight",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "preflight", targets: ["PreflightMain"]),
        .library(name: "Preflight", targets: ["Preflight"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    ],
    targets: [
        .target(name: "PreflightCore", swiftSettings: settings),
        .target(name: "Store", dependencies: ["PreflightCore", grdb, sqlite, crypto], swiftSettings: settings),
        .target(name: "OpenRouter", dependencies: ["PreflightCore"], swiftSettings: settings),
        .target(name: "Containers", dependencies: ["PreflightCore", subprocess], swiftSettings: settings),
        .target(
            name: "Harness", dependencies: ["PreflightCore", "Store", "OpenRouter", "Containers"],
            swiftSettings: settings),
        .target(
            name: "Gateway", dependencies: ["PreflightCore", "Store", "OpenRouter"] + nio, swiftSettings: settings),
        .target(name: "Reports", dependencies: ["PreflightCore", "Store"], swiftSettings: settings),
        .target(name: "HTTPServing", dependencies: [hummingbird], swiftSettings: settings),
        .target(
            name: "Console", dependencies: ["PreflightCore", "Store", "Reports", "HTTPServing", hummingbird],
            // Into the command itself, so that it can be copied alone.
            resources: page.map { .embedInCode("Dashboard/Page/\($0)") }, swiftSettings: settings),
        .target(
            name: "Simulator", dependencies: ["PreflightCore", "HTTPServing", hummingbird], swiftSettings: settings),
        .target(
            name: "Preflight",
            dependencies: [
                "PreflightCore", "Store", "OpenRouter", "Containers", "Harness", "Gateway", "Console",
                "Reports", "Simulator", argumentParser, yams,
            ],
            swiftSettings: settings),
        .executableTarget(name: "PreflightMain", dependencies: ["Preflight"], swiftSettings: settings),
        // What benchmarks run, and tests that need several processes.
        .executableTarget(
            name: "preflight-tools", dependencies: ["PreflightCore", "Store", "Gateway", "Harness", sqlite] + nio,
            path: "Benchmarks/Tools", swiftSettings: settings),
        .target(
            name: "TestSupport", dependencies: ["PreflightCore"], path: "Tests/TestSupport", swiftSettings: settings),
        .testTarget(
            name: "PreflightCoreTests", dependencies: ["PreflightCore", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "OpenRouterTests", dependencies: ["OpenRouter", "Simulator", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "ContainersTests", dependencies: ["Containers", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "StoreTests", dependencies: ["Store", "TestSupport", "preflight-tools"], swiftSettings: settings),
        .testTarget(
            name: "GatewayTests",
            dependencies: ["Gateway", "Store", "Simulator", "TestSupport", "preflight-tools"] + nio,
            exclude: ["Clients"], swiftSettings: settings),
        .testTarget(name: "ConsoleTests", dependencies: ["Console", "Store", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "SimulatorTests", dependencies: ["Simulator", "PreflightCore"], swiftSettings: settings),
        .testTarget(
            name: "HarnessTests",
            dependencies: ["Harness", "Containers", "OpenRouter", "Simulator", "Store", "Reports", "TestSupport"],
            swiftSettings: settings),
        .testTarget(name: "ReportsTests", dependencies: ["Reports", "Store", "TestSupport"], swiftSettings: settings),
        // Uses the built command as its users do; depends on it so that it is built.
        .testTarget(
            name: "PreflightTests",
            dependencies: [
                "Preflight", "PreflightMain", "PreflightCore", "Store", "Gateway", "OpenRouter", "Containers",
                "Simulator", argumentParser,
                "TestSupport",
            ],
            swiftSettings: settings),
    ]
)
