package import PreflightCore
import Store

/// A report for programs. Amounts are exact decimals in dollars, times seconds.
extension RunReport {
    package var json: JSON {
        let money = money
        return .record([
            "run": .string(id), "name": title.map(JSON.string), "directory": .string(directory),
            "alive": .bool(isAlive), "started_at": startedAt.map { .string($0.iso8601) },
            "finished_at": finishedAt.map { .string($0.iso8601) },
            "elapsed_s": elapsed.map { .number($0.decimalSeconds(places: 3)) }, "stopped": .bool(wasStopped),
            "headline": .string(headline), "warnings": warnings.isEmpty ? nil : .strings(warnings),
            "outcomes": .object(
                JSON.Object(
                    outcomes.map { .init(key: $0.outcome?.rawValue ?? "not_ended", value: .int($0.count)) })),
            "money": .record([
                "spent_usd": .usd(money.spent), "of_record_usd": .usd(money.ofRecord),
                "of_retries_usd": .usd(money.ofRetries), "held_usd": isMetered ? .usd(money.held) : nil,
                "unknown_up_to_usd": isSettled ? .usd(money.unknown) : nil, "budgets_usd": .usd(money.budgets),
            ]),
            "usage": usage.json,
            "calls": calls.json,
            "leaderboard": leaderboardJSON,
            "stops": .array(
                stops.map {
                    .record([
                        "outcome": .string($0.outcome.rawValue), "cause": .string($0.cause),
                        "trials": .strings($0.trials),
                    ])
                }),
            "models": .array(
                models.map { source, calls in
                    .record([
                        "model": .string(source.model), "upstream": source.upstream.map(JSON.string),
                        "calls": calls.json,
                    ])
                }),
            "served": .array(
                served.map { serving, calls in
                    .record([
                        "model": .string(serving.model), "served_model": serving.servedModel.map(JSON.string),
                        "provider": serving.provider.map(JSON.string),
                        "upstream": serving.upstream.map(JSON.string), "calls": .int(calls),
                    ])
                }),
            "trials": .array(trials.map(\.json)), "provenance": provenance.json,
        ])
    }
}

extension RunReport.Trial {
    var json: JSON {
        var object = summary.json.object ?? JSON.Object()
        object["earlier"] = nil
        object.append("attempts", .array(attempts.map(\.json)))
        return .object(object)
    }
}

extension AttemptReport {
    package var json: JSON {
        func points(_ points: [SpendCurve.Point]) -> JSON {
            .array(points.map { [.number($0.at.decimalSeconds(places: 3)), .usd($0.spend)] })
        }
        return .record([
            "name": .string(name), "outcome": summary.outcome.map { .string($0.rawValue) },
            "cost_usd": .usd(summary.cost), "place": directory.map { .string($0.place) },
            "damage": damage.map(JSON.string),
            "calls": calls.json,
            "tools": tools.isEmpty
                ? nil
                : .object(
                    JSON.Object(tools.sorted { $0.key < $1.key }.map { .init(key: $0.key, value: .int($0.value)) })),
            "spend": points(curve.points), "caps": points(curve.caps),
            "moments": moments.isEmpty ? nil : .array(moments.map(\.json)),
            "moments_left_out": momentsLeftOut > 0 ? .int(momentsLeftOut) : nil,
        ])
    }
}

extension Moment {
    package var json: JSON {
        .record([
            "kind": .string(kind.rawValue), "type": .string(type), "at_s": .number(at.decimalSeconds(places: 3)),
            "text": .string(text), "spent_usd": .usd(spend), "evidence": evidence,
        ])
    }
}

extension CallTally {
    package var json: JSON {
        .record([
            "answered": .int(settled), "held": .int(held), "refused": .int(refused), "failed": .int(failed),
            "sent_again": .int(sentAgain), "under_way": .int(open), "cost_usd": .usd(cost),
            "held_usd": .usd(heldCost), "usage": usage.json, "latency_s": latency.calls.json,
            "first_token_s": latency.firstToken.json,
        ])
    }
}

extension LatencyDigest {
    /// Null where nothing was measured.
    var json: JSON {
        guard count > 0 else { return .null }
        func at(_ permille: Int) -> JSON {
            .number((quantile(permille: permille) ?? .zero).decimalSeconds(places: 3))
        }
        return .record([
            "count": .int(count), "p50": at(500), "p90": at(900), "p99": at(990),
            "max": .number(longest.decimalSeconds(places: 3)),
        ])
    }
}

extension Usage {
    var json: JSON {
        .record([
            "prompt_tokens": .int(promptTokens), "completion_tokens": .int(completionTokens),
            "cached_tokens": .int(cachedTokens), "cache_write_tokens": .int(cacheWriteTokens),
            "reasoning_tokens": .int(reasoningTokens),
            "cache_share": cachePermille.map { .number("\($0 / 1000).\("\($0 % 1000 + 1000)".dropFirst())") },
        ])
    }
}

extension Provenance {
    package var json: JSON {
        .record([
            "preflight": preflight.map(JSON.string), "docker": docker.map(JSON.string),
            "image": .record([
                "name": image.map(JSON.string), "id": imageID.map(JSON.string), "digests": .strings(imageDigests),
                "architecture": architecture.map(JSON.string),
            ]),
            "base_url": baseURL.map(JSON.string), "prices_at": pricesAt.map { .string($0.iso8601) },
            "models": .array(
                models.map {
                    .record([
                        "id": .string($0.source.model), "upstream": $0.source.upstream.map(JSON.string),
                        "canonical_slug": $0.canonicalSlug.map(JSON.string), "pricing": $0.pricing?.json,
                    ])
                }),
            "experiment_sha256": experimentDigest.map(JSON.string), "prompt_sha256": promptDigest.map(JSON.string),
            "resumed": resumed.isEmpty ? nil : .array(resumed), "retried": retried.isEmpty ? nil : .array(retried),
        ])
    }
}
