import Testing

/// Suites that put load on the machine, or measure times on it: one test after the other.
@Suite(.serialized) enum LoadTests {}
