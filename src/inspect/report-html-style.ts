/** Look of the HTML report: readable in light and dark and on paper, with the fonts that are there. Nothing is loaded. */
export const STYLE = `
:root{color-scheme:light dark;--ground:#fff;--raised:#f6f7f9;--line:#d9dce2;--text:#1d2026;--soft:#5b626e;--good:#18743b;--bad:#b3261e;--link:#1a56b0;--tag:#0b6a7a;--meaning:#7a4b00}
@media (prefers-color-scheme:dark){:root{--ground:#14161a;--raised:#1d2026;--line:#363b45;--text:#e4e6ea;--soft:#9da5b3;--good:#6fcf8f;--bad:#ff8a80;--link:#8ab4f8;--tag:#6cc7d8;--meaning:#e0b062}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1.5rem 1.25rem 4rem;background:var(--ground);color:var(--text);font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.15rem;font-weight:600;margin:0;color:var(--soft)}
h2{font-size:1.45rem;line-height:1.3;margin:.35rem 0 .2rem}
h3{font-size:1.02rem;margin:2rem 0 .6rem;padding-bottom:.25rem;border-bottom:1px solid var(--line)}
h4{font-size:.8rem;text-transform:uppercase;letter-spacing:.05em;color:var(--soft);margin:0 0 .5rem}
p{margin:.3rem 0}
a{color:var(--link)}
code,pre,.hex,.tree,td.number{font-family:ui-monospace,"SF Mono",Consolas,"DejaVu Sans Mono",monospace;font-size:.86em}
.soft,small{color:var(--soft)}
.good{color:var(--good)}.bad{color:var(--bad)}.dim{color:var(--soft)}
.mark{display:inline-block;font-weight:700;letter-spacing:.02em;padding:.05rem .55rem;border:1.5px solid;border-radius:.3rem;font-size:.85em;white-space:nowrap}
.headline{font-size:1.08rem;margin:.2rem 0 1rem}
.parts{columns:2;column-gap:.9rem}
.part{break-inside:avoid;margin:0 0 .9rem;background:var(--raised);border:1px solid var(--line);border-radius:.5rem;padding:.75rem .9rem}
dl{display:grid;grid-template-columns:minmax(6rem,max-content) 1fr;gap:.25rem .9rem;margin:0}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
dd p{margin:0}
table{border-collapse:collapse;width:100%;margin:.4rem 0 1rem}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;color:var(--soft);font-size:.86em}
td.number,th.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}
svg{max-width:100%;height:auto;display:block}
.log{list-style:none;margin:0;padding:0}
.log>li{border-bottom:1px solid var(--line);padding:.25rem 0;display:grid;grid-template-columns:5.5rem 1fr;gap:.6rem}
.log>li>div{min-width:0}
time{color:var(--soft);text-align:right;font-variant-numeric:tabular-nums;font-size:.86em;white-space:nowrap}
summary{cursor:pointer}
.hex{word-break:break-all;margin:.25rem 0;padding:.35rem .6rem;background:var(--raised);border-radius:.3rem}
.tree,.tree ul{list-style:none;margin:.2rem 0;padding:0}
.tree ul{padding-left:1.1rem;border-left:1px solid var(--line);margin-left:.3rem}
.tree li{overflow-wrap:anywhere;margin:.08rem 0}
.tag{color:var(--tag);font-weight:600}
.meaning{color:var(--meaning)}
.tap{border:1px solid var(--line);border-radius:.5rem;margin:.4rem 0;padding:.45rem .8rem;content-visibility:auto;contain-intrinsic-size:auto 2.6rem}
.tap>summary{display:flex;gap:.7rem;align-items:baseline;flex-wrap:wrap}
.tap>summary .grow{flex:1;min-width:12rem}
footer{margin-top:3rem;color:var(--soft);font-size:.86em;overflow-wrap:anywhere}
@media screen and (max-width:52rem){.parts{columns:1}.log>li{grid-template-columns:4.2rem 1fr}}
@media print{body{max-width:none;padding:0;font-size:10pt}.tap{content-visibility:visible}.tap:not([open]){break-inside:avoid}details:not(.tap)::details-content{content-visibility:visible;block-size:auto}a{color:inherit;text-decoration:none}h3{break-after:avoid}svg,.hex{break-inside:avoid}}
`.trim();
