import PreflightCore

/// The last section of `report.html`: what the run was made with.
extension RunReport {
    func writeProvenance(into page: inout Markup) {
        let made = provenance
        page.element("section") { html in
            html.element("h2", "Provenance")
            html.element("dl", ["class": "facts"]) { facts in
                facts.fact("run", id)
                facts.fact("Preflight", made.preflight)
                facts.fact("Docker", made.docker)
                facts.fact("image", made.image)
                facts.fact("image id", made.imageID)
                facts.fact("image digest", made.imageDigests.joined(separator: ", "))
                facts.fact("architecture", made.architecture)
                facts.fact("models at", made.baseURL)
                facts.fact("prices of", made.pricesAt.map(Figures.time))
                facts.fact("experiment", made.experimentDigest.map { "SHA-256 \($0)" })
                facts.fact("prompt", made.promptDigest.map { "SHA-256 \($0)" })
                facts.fact("taken up again", made.resumed.isEmpty ? nil : Figures.counted(made.resumed.count, "time"))
                facts.fact("run again", made.retried.isEmpty ? nil : Figures.counted(made.retried.count, "time"))
            }
            writePrices(into: &html)
            writeServed(into: &html)
            writeTexts(into: &html)
        }
    }

    private func writePrices(into html: inout Markup) {
        let models = provenance.models
        guard !models.isEmpty else { return }
        html.element("h3", "Price snapshot, dollars for a million tokens")
        html.table(
            "Price snapshot",
            [.text("model"), .number("in"), .number("out"), .number("cache read"), .number("cache write")]
        ) { html in
            for model in models {
                html.element("tr") { row in
                    row.element("th", ["scope": "row"]) { cell in
                        cell.words("\(model.source)")
                        if let slug = model.canonicalSlug, slug != model.source.model {
                            cell.element("span", ["class": "under"], slug)
                        }
                    }
                    let rates = model.pricing?.rates
                    for price in [rates?.prompt, rates?.completion, rates?.cacheRead, rates?.cacheWrite] {
                        row.number(Figures.perMillion(price))
                    }
                }
            }
        }
    }

    private func writeServed(into html: inout Markup) {
        let served = served
        guard !served.isEmpty else { return }
        html.element("h3", "Who served")
        html.table(
            "Who served",
            [
                .text("model asked for"), .text("model that answered"), .text("provider"), .text("upstream"),
                .number("calls"),
            ]
        ) { html in
            for (serving, calls) in served {
                html.element("tr") { row in
                    row.element("th", ["scope": "row"], serving.model)
                    row.element("td", serving.servedModel ?? "-")
                    row.element("td", serving.provider ?? "-")
                    row.element("td", serving.upstream ?? "-")
                    row.number(Figures.count(calls))
                }
            }
        }
    }

    private func writeTexts(into html: inout Markup) {
        for (name, text) in [("The task", prompt), ("The experiment as it was resolved", experiment)] {
            guard let text, !text.isEmpty else { continue }
            html.element("details") { html in
                html.element("summary", name)
                html.element("div", ["class": "inside"]) { $0.element("pre", text) }
            }
        }
    }
}
