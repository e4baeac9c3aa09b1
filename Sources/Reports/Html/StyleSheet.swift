/// The look of reports and of the dashboard: one sheet, light and dark, for screens of every width and for paper.
///
/// Colours of series, `s0` to `s7`, differ in lightness too, so that they can be told apart without colour.
package enum StyleSheet {
    package static let text: StaticString = """
        :root{color-scheme:light dark;
        --paper:#fcfcfa;--card:#fff;--ink:#1d2127;--soft:#5b6470;--faint:#8a929c;--line:#e4e5e1;--grid:#ecede9;
        --accent:#2f5d8a;--well:#2d7a52;--warn:#9a6700;--bad:#b3382c;--calm:#6b7280;--shade:#f3f4f0;
        --s0:#2f6db3;--s1:#c8641b;--s2:#3a8f63;--s3:#a23b72;--s4:#7a5cc0;--s5:#8a6d1d;--s6:#1f8a99;--s7:#5a6472}
        @media (prefers-color-scheme:dark){:root:not([data-theme=light]){
        --paper:#14171b;--card:#1a1e23;--ink:#e6e8ea;--soft:#a3abb5;--faint:#7a838e;--line:#2b3138;--grid:#242a30;
        --accent:#8db8e3;--well:#6cc296;--warn:#d9a648;--bad:#ec8479;--calm:#9aa3ae;--shade:#1f242a;
        --s0:#6aa5e8;--s1:#ee9350;--s2:#67c495;--s3:#e07fb2;--s4:#ab93ee;--s5:#cfae55;--s6:#56c3d1;--s7:#a3adb8}}
        :root[data-theme=dark]{color-scheme:dark;
        --paper:#14171b;--card:#1a1e23;--ink:#e6e8ea;--soft:#a3abb5;--faint:#7a838e;--line:#2b3138;--grid:#242a30;
        --accent:#8db8e3;--well:#6cc296;--warn:#d9a648;--bad:#ec8479;--calm:#9aa3ae;--shade:#1f242a;
        --s0:#6aa5e8;--s1:#ee9350;--s2:#67c495;--s3:#e07fb2;--s4:#ab93ee;--s5:#cfae55;--s6:#56c3d1;--s7:#a3adb8}
        :root[data-theme=light]{color-scheme:light}
        *{box-sizing:border-box}
        html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
        body{margin:0;background:var(--paper);color:var(--ink);
        font:15px/1.5 ui-sans-serif,system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,sans-serif;
        font-variant-numeric:tabular-nums}
        main,.page{max-width:1080px;margin:0 auto;padding:40px 28px 72px}
        h1,h2,h3{line-height:1.2;font-weight:600;margin:0;letter-spacing:-.01em}
        h1{font-size:30px;font-weight:650;letter-spacing:-.02em;overflow-wrap:anywhere}
        h2{font-size:19px;margin:52px 0 14px}
        h3{font-size:15px;margin:24px 0 8px}
        p{margin:0 0 10px;max-width:70ch}
        a{color:var(--accent)}
        small,.soft{color:var(--soft)}
        .faint{color:var(--faint)}
        .lead{color:var(--soft);max-width:none;margin:8px 0 0;overflow-wrap:anywhere}
        .kicker{font-size:12px;letter-spacing:.08em;text-transform:uppercase;color:var(--soft);margin:0 0 6px}
        .mono,code,pre{font-family:ui-monospace,"SF Mono",SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;
        font-size:.88em}
        .figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:1px;margin:28px 0 0;
        background:var(--line);border:1px solid var(--line);border-radius:10px;overflow:hidden}
        .figures>div{background:var(--card);padding:15px 18px 14px}
        .figures dt{font-size:12.5px;color:var(--soft);margin:0}
        .figures dd{margin:3px 0 0;font-size:23px;font-weight:600;letter-spacing:-.02em;white-space:nowrap}
        .figures dd small{display:block;font-size:12.5px;font-weight:400;letter-spacing:0;white-space:normal;
        line-height:1.4;margin-top:2px}
        dl.figures{padding:0}
        .split{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:8px 44px}
        .table{overflow-x:auto;-webkit-overflow-scrolling:touch;margin:0 0 8px}
        .table:focus-visible,summary:focus-visible,a:focus-visible,button:focus-visible{outline:2px solid var(--accent);
        outline-offset:2px;border-radius:4px}
        table{border-collapse:collapse;width:100%;font-size:14px}
        caption{text-align:left;color:var(--soft);font-size:13px;padding:0 0 8px}
        th,td{padding:7px 14px 7px 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
        thead th{font-weight:500;font-size:12.5px;color:var(--soft);border-bottom-color:var(--faint);white-space:nowrap;
        vertical-align:bottom}
        tbody th{font-weight:600}
        tfoot th,tfoot td{border-bottom:0;border-top:1px solid var(--faint);font-weight:600}
        th:last-child,td:last-child{padding-right:0}
        td.n,th.n{text-align:right;white-space:nowrap}
        td.why{min-width:200px;color:var(--soft);overflow-wrap:anywhere}
        tbody th{min-width:128px}
        td .under,th .under{display:block;font-size:12.5px;font-weight:400;color:var(--soft);overflow-wrap:break-word}
        .under.tight{white-space:nowrap}
        thead button{all:unset;cursor:pointer}
        thead button:hover{color:var(--ink)}
        th[aria-sort=ascending] button::after{content:" \\2191"}
        th[aria-sort=descending] button::after{content:" \\2193"}
        .tag{display:inline-block;font-size:12.5px;font-weight:550;white-space:nowrap;color:var(--calm)}
        .tag::before{content:"";display:inline-block;width:8px;height:8px;border-radius:50%;margin-right:7px;
        background:currentColor}
        .tag.well{color:var(--well)}.tag.warn{color:var(--warn)}.tag.bad{color:var(--bad)}
        .tag.live::before{box-shadow:0 0 0 3px color-mix(in srgb,currentColor 25%,transparent)}
        .notes{margin:18px 0 0;padding:0;list-style:none}
        .notes li{padding:9px 14px;margin:0 0 8px;background:var(--shade);border-left:3px solid var(--warn);
        border-radius:0 6px 6px 0;overflow-wrap:anywhere}
        figure{margin:0}
        figcaption{font-size:13px;color:var(--soft);margin:6px 0 0;max-width:none}
        svg.chart{display:block;width:100%;height:auto;overflow:visible}
        svg.chart.narrow{display:none}
        svg text{font-size:12px;fill:var(--soft);font-family:inherit;stroke:none}
        svg .grid{stroke:var(--grid)}svg .base{stroke:var(--faint)}svg .notch{stroke:var(--faint)}
        svg .line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
        svg .quiet{stroke:var(--faint);stroke-width:1;opacity:.55}
        svg .line:hover{stroke-width:3}
        svg .name{fill:var(--ink);font-size:12px}
        svg .cap{stroke:var(--bad);stroke-dasharray:5 4;stroke-width:1.2}
        svg .cap-name{fill:var(--bad)}
        svg .frontier{fill:none;stroke:var(--ink);stroke-width:1.2;stroke-dasharray:2 3}
        svg .s0{stroke:var(--s0)}svg .s1{stroke:var(--s1)}svg .s2{stroke:var(--s2)}svg .s3{stroke:var(--s3)}
        svg .s4{stroke:var(--s4)}svg .s5{stroke:var(--s5)}svg .s6{stroke:var(--s6)}svg .s7{stroke:var(--s7)}
        svg .dot:not(.ring){stroke:none}svg .dot.quiet{fill:var(--faint)}
        svg .dot.s0{fill:var(--s0)}svg .dot.s1{fill:var(--s1)}svg .dot.s2{fill:var(--s2)}svg .dot.s3{fill:var(--s3)}
        svg .dot.s4{fill:var(--s4)}svg .dot.s5{fill:var(--s5)}svg .dot.s6{fill:var(--s6)}svg .dot.s7{fill:var(--s7)}
        svg .dot.ring{stroke-width:2;fill:var(--paper)}
        svg.bar{display:block;width:100%;min-width:90px;height:8px;margin:7px 0 0}
        svg .trough{fill:var(--shade)}svg .part{fill:var(--accent)}svg .part.more{fill:var(--faint)}
        svg .part.unknown{fill:var(--warn)}
        svg .part.well{fill:var(--well)}svg .part.warn{fill:var(--warn)}svg .part.bad{fill:var(--bad)}
        svg .part.calm{fill:var(--calm)}
        dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:5px 22px;margin:0;font-size:14px}
        dl.facts dt{color:var(--soft)}
        dl.facts dd{margin:0;overflow-wrap:anywhere}
        details{border-top:1px solid var(--line);padding:0}
        details:last-of-type{border-bottom:1px solid var(--line)}
        summary{cursor:pointer;padding:10px 0;font-weight:550}
        summary .soft{font-weight:400}
        details>.inside{padding:2px 0 18px}
        pre{background:var(--shade);border-radius:8px;padding:12px 14px;overflow-x:auto;margin:0 0 12px;line-height:1.45;
        white-space:pre-wrap;overflow-wrap:anywhere}
        footer{margin-top:56px;color:var(--faint);font-size:13px}
        @media (max-width:640px){
        main,.page{padding:26px 18px 48px}
        h1{font-size:24px}h2{margin:40px 0 12px}
        .figures{grid-template-columns:1fr 1fr}.figures dd{font-size:20px}
        svg.chart.wide{display:none}svg.chart.narrow{display:block}
        dl.facts{grid-template-columns:1fr}dl.facts dd{margin:0 0 6px}
        th,td{padding-right:12px}}
        @media print{
        :root{--paper:#fff;--card:#fff;--ink:#000;--soft:#444;--faint:#777;--line:#ccc;--grid:#e5e5e5}
        body{font-size:11px}main,.page{max-width:none;padding:0}
        .table{overflow:visible}tr,figure,.figures{break-inside:avoid}h2{break-after:avoid}
        details{display:none}thead button{cursor:auto}}
        """
}
