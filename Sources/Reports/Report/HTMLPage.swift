/// One file that opens anywhere: style and script are in it, and nothing is fetched.
package enum HTMLPage {
    /// - Parameters:
    ///   - title: of the window.
    ///   - body: what stands in `main`.
    package static func make(title: String, _ body: (inout Markup) -> Void) -> String {
        var page = Markup()
        page.verbatim("<!doctype html>\n")
        page.element("html", ["lang": "en"]) { html in
            html.element("head") { head in
                head.void("meta", ["charset": "utf-8"])
                head.void("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"])
                head.void("meta", ["name": "color-scheme", "content": "light dark"])
                head.void(
                    "meta",
                    [
                        "http-equiv": "Content-Security-Policy",
                        "content": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
                    ])
                head.element("title", title)
                head.element("style") { $0.verbatim(StyleSheet.text) }
            }
            html.element("body") { html in
                html.element("main") { body(&$0) }
                html.element("script") { $0.verbatim(sorting) }
            }
        }
        return page.text + "\n"
    }

    /// Makes the headers of tables with the class `sortable` into buttons. Without it everything is still there. No
    /// character in it means something in markup.
    private static let sorting: StaticString = """

        for(const table of document.querySelectorAll('table.sortable')){
        const heads=[...table.tHead.rows[0].cells];
        heads.forEach((head,column)=>{
        const button=document.createElement('button');button.type='button';button.textContent=head.textContent;
        head.replaceChildren(button);
        button.onclick=()=>{
        const up=head.ariaSort!=='ascending';heads.forEach(other=>other.removeAttribute('aria-sort'));
        head.ariaSort=up?'ascending':'descending';
        const value=row=>row.cells[column].dataset.v??row.cells[column].textContent;
        const number=text=>text===''||isNaN(text)?null:Number(text);
        const body=table.tBodies[0];
        const rows=[...body.rows].sort((a,b)=>{const x=value(a),y=value(b),m=number(x),n=number(y);
        return m===null||n===null?x.localeCompare(y):m-n});
        if(!up)rows.reverse();body.append(...rows)}})}

        """
}

extension Markup {
    /// A table that scrolls by itself where it is too wide.
    ///
    /// - Parameters:
    ///   - label: what it holds, for those who do not see it.
    ///   - columns: their names; those of numbers are set to the right.
    package mutating func table(
        _ label: String, sortable: Bool = false, _ columns: [Column], rows: (inout Markup) -> Void,
        foot: ((inout Markup) -> Void)? = nil
    ) {
        element("div", ["class": "table", "role": "region", "aria-label": label, "tabindex": "0"]) { html in
            html.element("table", ["class": sortable ? "sortable" : nil]) { html in
                html.element("thead") { html in
                    html.element("tr") { html in
                        for column in columns {
                            html.element("th", ["scope": "col", "class": column.isNumber ? "n" : nil], column.name)
                        }
                    }
                }
                html.element("tbody") { rows(&$0) }
                if let foot { html.element("tfoot") { foot(&$0) } }
            }
        }
    }

    package struct Column: Sendable {
        var name: String
        var isNumber: Bool

        package static func text(_ name: String) -> Column { Column(name: name, isNumber: false) }
        package static func number(_ name: String) -> Column { Column(name: name, isNumber: true) }
    }

    /// - Parameter value: what the cell is sorted by; by default its text.
    package mutating func number(_ text: String, sortedBy value: String? = nil) {
        element("td", ["class": "n", "data-v": value], text)
    }

    package mutating func fact(_ name: String, _ value: String?) {
        guard let value, !value.isEmpty else { return }
        element("dt", name)
        element("dd", value)
    }
}
