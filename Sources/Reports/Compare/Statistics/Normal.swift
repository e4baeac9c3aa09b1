#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The normal distribution with mean 0 and deviation 1.
package enum Normal {
    /// How much of it lies below a point; exact far out in both tails.
    package static func cumulative(_ point: Double) -> Double { erfc(-point / 2.0.squareRoot()) / 2 }

    /// The point below which a share lies.
    ///
    /// - Parameter share: above 0 and below 1.
    package static func quantile(_ share: Double) -> Double {
        guard share <= 0.5 else { return -quantile(1 - share) }
        return Bisection.root(from: -40, to: 0) { cumulative($0) - share }
    }
}

/// Student's t distribution: a mean of few values strays wider than a normal one.
package enum StudentT {
    /// How much of it lies below a point, by the finite series for whole degrees of freedom (Abramowitz and Stegun, 26.7.3
    /// and 26.7.4).
    package static func cumulative(_ point: Double, degrees: Int) -> Double {
        let angle = atan(point / Double(degrees).squareRoot())
        let (sine, cosine) = (sin(angle), cos(angle))
        var within: Double
        if degrees % 2 == 1 {
            var (term, sum) = (cosine, degrees > 1 ? cosine : 0)
            for step in stride(from: 3, to: degrees, by: 2) {
                term *= cosine * cosine * Double(step - 1) / Double(step)
                sum += term
            }
            within = 2 / Double.pi * (angle + sine * sum)
        } else {
            var (term, sum) = (1.0, 1.0)
            for step in stride(from: 2, to: degrees, by: 2) {
                term *= cosine * cosine * Double(step - 1) / Double(step)
                sum += term
            }
            within = sine * sum
        }
        return (1 + within) / 2
    }

    /// The point below which a share lies.
    ///
    /// - Parameter share: above 0 and below 1.
    package static func quantile(_ share: Double, degrees: Int) -> Double {
        Bisection.root(from: -1e6, to: 1e6) { cumulative($0, degrees: degrees) - share }
    }
}

enum Bisection {
    /// Where a function that rises passes zero.
    static func root(from low: Double, to high: Double, _ rising: (Double) -> Double) -> Double {
        var (low, high) = (low, high)
        for _ in 0..<200 {
            let middle = (low + high) / 2
            guard middle > low, middle < high else { break }
            if rising(middle) < 0 { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }
}
