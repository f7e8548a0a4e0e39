// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/html_assets.hpp"

namespace hni::speclib {

const char* const kHtmlStyle = R"css(
:root { --bg:#fbfbfa; --panel:#fff; --ink:#1b1f24; --soft:#5d6670; --line:#dfe3e8;
  --accent:#0b5fa5;
  --head:#10202f; --headink:#eef4fa; --field:#dcebf9; --fieldline:#7fb0de; --dump:#f1ece0;
  --dumpline:#c9b78c; --rest:#f3f4f5; --green:#1d7a46; --amber:#9a6a00; --violet:#7440b5;
  --mono:ui-monospace,"DejaVu Sans Mono","Liberation Mono",Menlo,Consolas,monospace;
  --sans:system-ui,"Segoe UI","DejaVu Sans","Liberation Sans",sans-serif; }
@media (prefers-color-scheme: dark) { :root { --bg:#14171b; --panel:#1b2026; --ink:#e4e8ec;
  --soft:#9aa5b1; --line:#303841; --accent:#6db5f2; --head:#0c1218; --field:#1e3a55;
  --fieldline:#4c86bd; --dump:#38301d; --dumpline:#7d6a35; --rest:#20262c; --green:#63c48d;
  --amber:#e0b04b; --violet:#b993ee; } }
* { box-sizing:border-box; }
html { scroll-padding-top:4.6rem; }
body { margin:0; background:var(--bg); color:var(--ink); font:15px/1.5 var(--sans); }
header { position:sticky; top:0; z-index:5; display:flex; gap:1rem; align-items:center;
  background:var(--head); color:var(--headink); padding:.6rem 1.2rem; }
header h1 { font-size:1.1rem; margin:0; white-space:nowrap; }
header input[type=search] { flex:1; max-width:34rem; font:inherit; padding:.4rem .7rem;
  border:1px solid #3b5468; border-radius:6px; background:#1d3244; color:#fff; }
header input[type=search]::placeholder { color:#a7bccd; }
header label { font-size:.85rem; white-space:nowrap; cursor:pointer; }
#count { font-size:.85rem; color:#a7bccd; white-space:nowrap; min-width:8rem; }
.page { display:flex; align-items:flex-start; }
nav { position:sticky; top:3.4rem; width:15.5rem; flex:none; height:calc(100vh - 3.4rem);
  overflow:auto; padding:1rem .6rem 2rem 1.2rem; border-right:1px solid var(--line); }
nav h2 { font-size:.72rem; letter-spacing:.09em; text-transform:uppercase; color:var(--soft);
  margin:1.1rem 0 .3rem; }
nav a { display:flex; justify-content:space-between; color:var(--ink); text-decoration:none;
  padding:.1rem .45rem; border-radius:5px; font:13px/1.6 var(--mono); }
nav a:hover { background:var(--field); }
nav a span { color:var(--soft); font-size:11px; }
main { flex:1; min-width:0; max-width:70rem; padding:1.2rem 2rem 6rem; }
.lead { color:var(--soft); max-width:46rem; }
.facts { display:flex; flex-wrap:wrap; gap:.7rem; margin:1rem 0 .4rem; }
.facts div { background:var(--panel); border:1px solid var(--line); border-radius:8px;
  padding:.5rem .9rem; }
.facts b { display:block; font-size:1.25rem; }
.facts span { color:var(--soft); font-size:.8rem; }
section > h2 { margin:2.4rem 0 .2rem; padding-bottom:.3rem; border-bottom:2px solid var(--accent);
  font-size:1.25rem; }
article { background:var(--panel); border:1px solid var(--line); border-radius:9px;
  margin:1rem 0; padding:.8rem 1.1rem 1rem; content-visibility:auto;
  contain-intrinsic-size:auto 260px; }
article h3 { font:600 1rem/1.4 var(--mono); margin:0; overflow-wrap:anywhere; }
article h3 a { color:inherit; text-decoration:none; }
article h3 a:hover { color:var(--accent); }
article h3 small { color:var(--soft); font-weight:400; }
.meta { display:flex; flex-wrap:wrap; gap:.35rem; margin:.35rem 0 .5rem; }
.pill { font:12px/1.7 var(--mono); background:var(--rest); border-radius:5px; padding:0 .5rem; }
.src { font:12px/1.6 var(--sans); border:1px solid currentColor; border-radius:5px;
  padding:0 .5rem; }
.src.linux { color:var(--green); } .src.dump { color:var(--amber); } 
.src.ours { color:var(--violet); }
article p a, td a { color:var(--accent); text-decoration:none; }
article p a:hover, td a:hover { text-decoration:underline; }
article p { margin:.35rem 0; max-width:52rem; }
.rule { border-left:3px solid var(--accent); padding-left:.7rem; color:var(--soft); }
.ours-note { border-left:3px solid var(--violet); padding-left:.7rem; color:var(--soft); }
.bits { overflow-x:auto; margin:.6rem 0 .7rem; }
.row { display:grid; grid-template-columns:repeat(32,minmax(19px,1fr)); min-width:620px; }
.num { font:9.5px/1.5 var(--mono); color:var(--soft); text-align:center; }
.cell { font:11px/1.25 var(--mono); border:1px solid var(--line); border-left-width:0;
  min-height:2rem; display:flex; align-items:center; justify-content:center; text-align:center;
  overflow:hidden; padding:0 2px; background:var(--rest); color:var(--soft); }
.row .cell:first-child, .row .num + .cell { border-left-width:1px; }
.cell.f { background:var(--field); border-color:var(--fieldline); color:var(--ink); }
.cell.d { background:var(--dump); border-color:var(--dumpline); color:var(--ink); }
.cell.v { writing-mode:vertical-rl; min-height:6.2rem; font-size:10.5px; padding:3px 0; }
table { border-collapse:collapse; width:100%; font-size:.88rem; }
th { text-align:left; font-weight:600; color:var(--soft); font-size:.75rem; padding:.2rem .5rem; }
.fields th:nth-child(1) { width:4.6rem; } .fields th:nth-child(2) { width:14rem; }
.fields th:nth-child(3) { width:6.6rem; } .fields th:nth-child(4) { width:5.4rem; }
.fields th:nth-child(5) { width:6.8rem; }
td { border-top:1px solid var(--line); padding:.28rem .5rem; vertical-align:top; }
td.m, th.m { font-family:var(--mono); font-size:12.5px; white-space:nowrap; }
td code { font:12px var(--mono); background:var(--rest); border-radius:4px; padding:0 .3rem;
  white-space:nowrap; }
.hide { display:none !important; }
mark { background:#ffe28a; color:#222; border-radius:3px; }
@media (max-width:900px) { nav { display:none; } main { padding:1rem; }
  header { flex-wrap:wrap; } }
)css";

const char* const kHtmlScript = R"js(
(() => {
  const box = document.getElementById('q'), count = document.getElementById('count');
  const dump = document.getElementById('dump');
  const items = [...document.querySelectorAll('article')].map(e => ({
    e, text: (e.dataset.k + ' ' + e.textContent).toLowerCase(), dump: e.dataset.dump === '1' }));
  const sections = [...document.querySelectorAll('section')];
  const number = s => /^(0x[0-9a-f]+|[0-9]+)$/.test(s) ? Number(s) : NaN;
  // An address: byte offset or word index, also inside an array.
  const holds = (e, n) => (e.dataset.at || '').split(' ').filter(Boolean).some(part => {
    const [base, ...dims] = part.split(',').map(Number);
    const inside = byte => {
      let rest = byte - base;
      if (rest < 0) return false;
      for (let i = 0; i < dims.length; i += 2) {
        const k = Math.floor(rest / dims[i + 1]);
        if (k >= dims[i]) return false;
        rest -= k * dims[i + 1];
      }
      return rest < 4;
    };
    return inside(n) || inside(4 * n);
  });
  function apply() {
    const words = box.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const it of items) {
      const ok = (dump.checked || !it.dump) && words.every(w =>
        it.text.includes(w) || (!isNaN(number(w)) && holds(it.e, number(w))));
      it.e.classList.toggle('hide', !ok);
      if (ok) shown++;
    }
    for (const s of sections) s.classList.toggle('hide', !s.querySelector('article:not(.hide)'));
    count.textContent = shown + ' of ' + items.length;
    const query = words.length ? '?q=' + encodeURIComponent(box.value) : location.pathname;
    history.replaceState(null, '', query + location.hash);
  }
  // A link to something that the search hides shows it first.
  document.addEventListener('click', ev => {
    const a = ev.target.closest('a[href^="#"]');
    const to = a && document.getElementById(a.hash.slice(1));
    if (to && to.classList.contains('hide')) { box.value = ''; dump.checked = true; apply(); }
  });
  let timer;
  box.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(apply, 60); });
  dump.addEventListener('change', apply);
  document.addEventListener('keydown', ev => {
    if (ev.key === '/' && document.activeElement !== box) { ev.preventDefault(); box.focus(); }
    if (ev.key === 'Escape') { box.value = ''; apply(); }
  });
  const asked = new URLSearchParams(location.search).get('q');
  if (asked) box.value = asked;
  apply();
  document.documentElement.dataset.ready = '1';
})();
)js";

}  // namespace hni::speclib
