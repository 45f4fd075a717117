"""The style sheet of the report: system fonts, a readable width, dark mode and print."""

STYLE = """
:root { color-scheme: light dark; --ink: #1d2129; --soft: #5b6472; --line: #d9dde3; --paper: #fdfdfc; --tint: #f3f5f7; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --soft: #a2abb8; --line: #3a414c; --paper: #16191e; --tint: #20252c; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.55;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 54rem; margin: 0 auto; padding: 3rem 1.5rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; font-weight: 650; margin: 0 0 .5rem; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; font-weight: 650; margin: 3rem 0 .8rem; padding-bottom: .3rem;
  border-bottom: 1px solid var(--line); }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .92em; }
.formula { margin: 0; color: var(--soft); overflow-wrap: anywhere; }
pre { background: var(--tint); border-radius: .4rem; padding: 1rem 1.2rem; white-space: pre-wrap;
  overflow-wrap: anywhere; margin: 0; }
aside { border-left: 3px solid #c98a1b; padding: .1rem 1rem; margin: 1.2rem 0 0; background: var(--tint); }
aside p { margin: .5rem 0; }
.scroll { overflow-x: auto; margin: 0 0 1.8rem; }
table { border-collapse: collapse; font-size: .9rem; min-width: 50%; font-variant-numeric: tabular-nums lining-nums; }
caption { text-align: left; font-weight: 600; padding: 0 0 .4rem; }
th, td { padding: .3rem .9rem .3rem 0; text-align: left; vertical-align: top; white-space: nowrap; }
thead th { color: var(--soft); font-weight: 500; border-bottom: 1px solid var(--ink); }
tbody th { font-weight: 500; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
.number { text-align: right; }
figure { margin: 0 0 2.2rem; }
img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: .3rem; }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .5rem; }
footer { color: var(--soft); font-size: .85rem; margin-top: 3rem; padding-top: .8rem;
  border-top: 1px solid var(--line); }
@media print {
  :root { --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --tint: #f5f5f5; }
  main { max-width: none; padding: 0; }
  body { font-size: 10pt; }
  .scroll { overflow: visible; }
  th, td { white-space: normal; }
  h2 { break-after: avoid; }
  figure, tr, aside { break-inside: avoid; }
  thead { display: table-header-group; }
}
"""
