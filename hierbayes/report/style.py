"""The style sheet of the report: system fonts, a readable width, phones, dark mode and print."""

STYLE = """
:root { color-scheme: light dark; --ink: #1d2129; --soft: #5b6472; --line: #d9dde3; --paper: #fdfdfc; --tint: #f3f5f7;
  --link: #0b5c94; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --soft: #a2abb8; --line: #3a414c; --paper: #16191e; --tint: #20252c; --link: #7cc0f0; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.55;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 57rem; margin: 0 auto; padding: 3rem 1.5rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; font-weight: 650; margin: 0 0 .5rem; letter-spacing: -.01em;
  overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; font-weight: 650; margin: 3rem 0 .8rem; padding-bottom: .3rem;
  border-bottom: 1px solid var(--line); }
p, li { max-width: 44rem; overflow-wrap: anywhere; }
ul { padding-left: 1.2rem; margin: .6rem 0 1.2rem; }
a { color: var(--link); }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .88em; }
.formula { margin: 0; color: var(--soft); max-width: none; }
nav { margin: 1.8rem 0 0; padding: .8rem 1.2rem; background: var(--tint); border-radius: .4rem; font-size: .92rem; }
nav ol { columns: 2; column-gap: 2.5rem; margin: 0; padding-left: 1.4rem; }
nav li { break-inside: avoid; padding: .1rem 0; }
pre { background: var(--tint); border-radius: .4rem; padding: 1rem 1.2rem; white-space: pre-wrap;
  overflow-wrap: anywhere; margin: 0 0 1.4rem; }
aside { border-left: 3px solid #c98a1b; padding: .1rem 1rem; margin: 1.2rem 0 0; background: var(--tint); }
aside p { margin: .5rem 0; }
.aside, .note { color: var(--soft); font-size: .9rem; }
.aside { font-style: italic; }
.scroll { overflow-x: auto; margin: 0 0 1.6rem; }
.scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 3px; }
.note { margin: -1.1rem 0 1.8rem; }
.maths { padding: .2rem 0 .4rem; }
math { font-size: 1rem; }
math[display="block"] { width: max-content; margin: 0; }
mtd { text-align: left; padding: .2em .3em; }
mtd:nth-child(3) { padding-left: 1.2em; color: var(--soft); }
.matrix mtd { text-align: right; padding: .1em .4em; color: inherit; }
table { border-collapse: collapse; font-size: .9rem; min-width: 50%; font-variant-numeric: tabular-nums lining-nums; }
.caption { font-weight: 600; font-size: .9rem; margin: 0 0 .4rem; }
th, td { padding: .3rem 1rem .3rem 0; text-align: left; vertical-align: top; white-space: nowrap; }
th.long, td.long { white-space: pre-line; overflow-wrap: anywhere; min-width: 14rem; max-width: 30rem; }
tbody th { font-weight: 500; }
thead th { color: var(--soft); font-weight: 500; border-bottom: 1px solid var(--ink); }
tbody tr + tr > * { border-top: 1px solid var(--line); }
th.number, td.number { text-align: right; }
figure { margin: 0 0 2.2rem; }
img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: .3rem; }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .5rem; max-width: 44rem; overflow-wrap: anywhere; }
footer { color: var(--soft); font-size: .85rem; margin-top: 3rem; padding-top: .8rem;
  border-top: 1px solid var(--line); }
@media (max-width: 40rem) {
  main { padding: 1.6rem 1rem 3rem; }
  h1 { font-size: 1.5rem; }
  nav ol { columns: 1; }
  pre { padding: .8rem; }
}
@page { margin: 18mm 16mm; }
@media print {
  :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --tint: #f5f5f5; --link: #000; }
  main { max-width: none; padding: 0; }
  body { font-size: 10pt; }
  p, li, figcaption { max-width: none; }
  a { text-decoration: none; }
  h2 { break-after: avoid; margin-top: 2rem; }
  .scroll { overflow: visible; }
  table { font-size: 8.5pt; }
  math { font-size: 8.5pt; }
  th, td { padding-right: .6rem; white-space: normal; }
  td.number, th.number { white-space: nowrap; }
  th.long, td.long { min-width: 0; overflow-wrap: anywhere; }
  .caption, thead { break-after: avoid; }
  figure, tr, aside, nav, math, pre, .whole { break-inside: avoid; }
  thead { display: table-header-group; }
  img { max-height: 215mm; object-fit: contain; object-position: left top; }
  p { orphans: 3; widows: 3; }
}
"""
