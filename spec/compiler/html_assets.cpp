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
#page-count { font-size:.85rem; color:#a7bccd; white-space:nowrap; min-width:8rem; }
.page { display:flex; align-items:flex-start; }
nav { position:sticky; top:3.4rem; width:15.5rem; flex:none; height:calc(100vh - 3.4rem);
  overflow:auto; padding:1rem .6rem 2rem 1.2rem; border-right:1px solid var(--line); }
nav h2 { font-size:.72rem; letter-spacing:.09em; text-transform:uppercase; color:var(--soft);
  margin:1.1rem 0 .3rem; }
nav a { display:flex; justify-content:space-between; color:var(--ink); text-decoration:none;
  padding:.1rem .45rem; border-radius:5px; font:13px/1.6 var(--mono); }
nav a:hover { background:var(--field); }
nav a span { color:var(--soft); font-size:11px; }
nav summary { cursor:pointer; font:13px/1.6 var(--mono); display:flex; gap:.4rem; }
nav summary::before { content:'▸'; color:var(--soft); }
nav details[open] > summary::before { content:'▾'; } nav details details { padding-left:.9rem; }
nav summary a { flex:1; padding:0; } nav summary span { color:var(--soft); font-size:11px; }
nav details > a { padding-left:1.4rem; font-size:12px; }
#page-hits { margin:.6rem 0; }
#page-hits a { display:block; font:13px/1.7 var(--mono); color:var(--accent);
  text-decoration:none; } #page-hits small { color:var(--soft); }
.calc { margin-top:.6rem; } .calc summary { cursor:pointer; color:var(--soft); font-size:.8rem; }
.calc label { font-size:.8rem; margin-right:.8rem; } .calc output { font-family:var(--mono); }
.calc input, td input { font:12px var(--mono); width:11rem; background:var(--rest);
  color:var(--ink); border:1px solid var(--line); border-radius:4px; padding:.1rem .3rem; }
td input { width:7rem; margin-left:.4rem; } .calc input.i { width:4rem; }
input.wrong { border-color:#c33; }
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
  const box = document.getElementById('page-q'), count = document.getElementById('page-count');
  const dump = document.getElementById('page-dump');
  const items = [...document.querySelectorAll('article')].map(e => ({
    e, text: (e.dataset.k + ' ' + e.textContent).toLowerCase(), dump: e.dataset.dump === '1',
    names: new Set(e.dataset.k.toLowerCase().split(' ')) }));
  const sections = [...document.querySelectorAll('section')];
  const number = s => /^(0x[0-9a-f]+|[0-9]+)$/.test(s) ? Number(s) : NaN;
  // Returns the element of an article that contains an address, as [name, byte], or null. The
  // address is a byte offset or the index of a 32-bit word, also inside an array.
  const element = (e, n) => {
    if (!e.dataset.at) return null;
    const [base, ...dims] = e.dataset.at.split(',').map(Number);
    for (const [byte, unit] of [[n, 'byte'], [4 * n, 'word']]) {
      let rest = byte - base, at = base, name = e.id, good = rest >= 0;
      for (let i = 0; i < dims.length && good; i += 2) {
        const k = Math.floor(rest / dims[i + 1]);
        good = k < dims[i];
        rest -= k * dims[i + 1]; at += k * dims[i + 1]; name += '[' + k + ']';
      }
      if (good && rest < e.dataset.w / 8) return [name, at, unit];
    }
    return null;
  };
  // Returns a word in the form in which users type it, without FBNIC_ and _MASK.
  const forms = w => {
    const bare = w.replace(/^fbnic_/, '');
    return [w, bare, bare.replace(/_(mask|cnt|count)$/, '')];
  };
  const rank = (it, w) => {
    const name = it.e.id.toLowerCase().split('.').pop();
    if (forms(w).some(f => f === name)) return 0;
    if (it.names.has(w) || it.names.has('fbnic_' + w) || it.names.has('fbnic_' + w + '_mask')) {
      return 1;
    }
    if (!isNaN(number(w)) && element(it.e, number(w))) return 1;
    if (forms(w).some(f => f && name.includes(f))) return 2;
    return forms(w).some(f => f && it.text.includes(f)) ? 3 : 9;
  };
  const hits = document.getElementById('page-hits');
  function list(found, words) {
    hits.replaceChildren();
    found.sort((a, b) => a.rank - b.rank);
    for (const { it, rank } of words.length ? found.slice(0, 12) : []) {
      if (!it.e.id) continue;
      const a = document.createElement('a'), n = words.length === 1 ? number(words[0]) : NaN;
      const hit = isNaN(n) ? null : element(it.e, n);
      a.href = '#' + it.e.id;
      a.textContent = hit ? hit[0] + ' at byte 0x' + hit[1].toString(16) : it.e.id;
      a.dataset.rank = rank;
      hits.append(a);
    }
  }
  function apply() {
    const words = box.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const found = [];
    for (const it of items) {
      const worst = Math.max(0, ...words.map(w => rank(it, w)));
      const ok = (dump.checked || !it.dump) && worst < 9;
      it.e.classList.toggle('hide', !ok);
      if (ok) found.push({ it, rank: worst });
    }
    for (const s of sections) s.classList.toggle('hide', !s.querySelector('article:not(.hide)'));
    count.textContent = found.length + ' of ' + items.length;
    list(found, words);
    const query = words.length ? '?q=' + encodeURIComponent(box.value) : location.pathname;
    history.replaceState(null, '', query + location.hash);
  }
  // Decode and compose: an input for the word, one per field, and an index per dimension.
  const big = s => {
    try { return s.trim() === '' ? 0n : BigInt(s.trim()); } catch { return null; }
  };
  function calculator(details) {
    const art = details.closest('article'), width = BigInt(art.dataset.w);
    if (details.dataset.built) return;
    details.dataset.built = 1;
    const word = document.createElement('input'), label = document.createElement('label');
    word.className = 'word'; word.placeholder = '0x0';
    label.append('value ', word); details.append(label);
    const fields = [...art.querySelectorAll('tr[data-b]')].map(row => {
      const [msb, lsb] = row.dataset.b.split(':').map(BigInt);
      const input = document.createElement('input'), name = document.createElement('small');
      const names = new Map([...row.querySelectorAll('code')].map(c => {
        const [v, ...n] = c.textContent.split(' ');
        return [v, n.join(' ')];
      }));
      row.cells[1].append(document.createElement('br'), input, name);
      return { lsb, mask: (1n << (msb - lsb + 1n)) - 1n, input, name, names };
    });
    const label_of = f => {
      const v = big(f.input.value);
      f.name.textContent = v === null ? '' : ' ' + (f.names.get(v.toString()) || '');
    };
    word.addEventListener('input', () => {
      const v = big(word.value);
      const bad = v === null || v < 0n || v >> width !== 0n;
      word.classList.toggle('wrong', bad);
      for (const f of bad ? [] : fields) {
        f.input.value = '0x' + (v >> f.lsb & f.mask).toString(16); label_of(f);
      }
    });
    for (const f of fields) f.input.addEventListener('input', () => {
      const v = big(f.input.value), bad = v === null || v < 0n || v > f.mask;
      f.input.classList.toggle('wrong', bad);
      if (bad) return;
      const before = big(word.value) || 0n;
      word.value = '0x' + (before & ~(f.mask << f.lsb) | v << f.lsb).toString(16); label_of(f);
    });
    const [base, ...dims] = (art.dataset.at || '').split(',').map(Number);
    if (dims.length === 0) return;
    const place = document.createElement('output'), indices = [];
    const show = () => {
      let at = base, good = true;
      indices.forEach((input, i) => {
        const k = Number(input.value || 0);
        const bad = !Number.isInteger(k) || k < 0 || k >= dims[2 * i];
        input.classList.toggle('wrong', bad);
        good = good && !bad; at += k * dims[2 * i + 1];
      });
      place.textContent = good ? ' byte 0x' + at.toString(16) + ' word 0x' +
        Math.floor(at / 4).toString(16) : ' no such element';
    };
    for (let i = 0; i < dims.length; i += 2) {
      const input = document.createElement('input'), l = document.createElement('label');
      input.className = 'i'; input.placeholder = '0'; input.addEventListener('input', show);
      l.append('element of ' + dims[i] + ' ', input); details.append(l); indices.push(input);
    }
    details.append(place); show();
  }
  for (const d of document.querySelectorAll('.calc')) {
    d.addEventListener('toggle', () => { if (d.open) calculator(d); });
  }
  // A link to an entry that the search hides makes it visible first.
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
  const params = new URLSearchParams(location.search);  // apply() rewrites the address
  const asked = params.get('q');
  if (asked) box.value = asked;
  apply();
  // For tests: ?open=NAME&value=0x5&element=3 fills a calculator.
  const art = document.getElementById(params.get('open') || '-');
  if (art) {
    const d = art.querySelector('.calc');
    d.open = true; calculator(d);
    const set = (input, value) => {
      if (!input || value === null) return;
      input.value = value; input.setAttribute('value', value);
      input.dispatchEvent(new Event('input'));
    };
    set(d.querySelector('.word'), params.get('value'));
    set(d.querySelector('.i'), params.get('element'));
  }
  document.documentElement.dataset.ready = '1';
})();
)js";

}  // namespace hni::speclib
