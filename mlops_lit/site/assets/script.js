// Theme, menu, search, tabs, copying, and where the reader is. No dependencies; works from http and from a folder.
(function () {
  "use strict";
  const root = document.documentElement;
  const base = root.dataset.root || "";
  const $ = (selector, place) => (place || document).querySelector(selector);
  const $$ = (selector, place) => [...(place || document).querySelectorAll(selector)];

  function keep(key, value) {
    try { localStorage.setItem(key, value); } catch (error) { /* storage is off: nothing is remembered */ }
  }

  // Theme: follows the system until the reader chooses.
  const system = matchMedia("(prefers-color-scheme: dark)");
  const themeButton = $(".theme-button");
  function setTheme(theme) {
    root.dataset.theme = theme;
    if (themeButton) themeButton.setAttribute("aria-pressed", String(theme === "dark"));
  }
  setTheme(root.dataset.theme || "light");
  if (themeButton) themeButton.addEventListener("click", () => {
    const theme = root.dataset.theme === "dark" ? "light" : "dark";
    setTheme(theme);
    keep("theme", theme);
  });
  system.addEventListener("change", (event) => {
    let kept = null;
    try { kept = localStorage.getItem("theme"); } catch (error) { /* storage is off */ }
    if (!kept) setTheme(event.matches ? "dark" : "light");
  });

  // Menu on a phone.
  const menuButton = $(".menu-button");
  function setMenu(open) {
    document.body.classList.toggle("menu-open", open);
    menuButton.setAttribute("aria-expanded", String(open));
  }
  if (menuButton) {
    menuButton.addEventListener("click", () => setMenu(!document.body.classList.contains("menu-open")));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && document.body.classList.contains("menu-open")) { setMenu(false); menuButton.focus(); }
    });
    $("#sidebar").addEventListener("click", (event) => { if (event.target.closest("a")) setMenu(false); });
  }
  const here = $('.sidebar a[aria-current="page"]');
  if (here) {
    const side = $("#sidebar");
    const top = here.getBoundingClientRect().top - side.getBoundingClientRect().top;
    if (top > side.clientHeight * 0.8) side.scrollTop = top - side.clientHeight / 3;
  }

  // Copying code.
  if (document.body.dataset.codeCopy !== "false") {
    for (const block of $$("div.sourceCode, .has-copy")) {
      const code = $("pre", block);
      if (!code || !navigator.clipboard) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      button.setAttribute("aria-label", "Copy the code");
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(code.innerText.replace(/\n$/, ""));
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 1600);
      });
      block.append(button);
    }
  }

  // Tabs, in groups when they say so.
  function choose(tab, focus) {
    const set = tab.closest(".tabset");
    for (const other of $$(':scope > [role="tablist"] > [role="tab"]', set)) {
      const on = other === tab;
      other.setAttribute("aria-selected", String(on));
      other.tabIndex = on ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !on;
    }
    if (focus) tab.focus();
    dispatchEvent(new Event("resize"));
  }
  for (const list of $$('[role="tablist"]')) {
    const tabs = $$('[role="tab"]', list);
    tabs.forEach((tab, i) => {
      tab.addEventListener("click", () => {
        choose(tab);
        const group = tab.closest(".tabset").dataset.group;
        if (!group) return;
        for (const set of $$(`.tabset[data-group="${CSS.escape(group)}"]`)) {
          const twin = $$(':scope > [role="tablist"] > [role="tab"]', set).find((t) => t.textContent === tab.textContent);
          if (twin && set !== tab.closest(".tabset")) choose(twin);
        }
      });
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) choose(tabs[(i + step + tabs.length) % tabs.length], true);
      });
    });
  }
  // An address may point into a closed fold or a hidden tab.
  function reveal() {
    let target = null;
    try { target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1))); } catch (error) { return; }
    if (!target) return;
    for (let place = target; place; place = place.parentElement) {
      if (place.tagName === "DETAILS") place.open = true;
      if (place.getAttribute("role") === "tabpanel" && place.hidden) choose(document.getElementById(place.getAttribute("aria-labelledby")));
    }
    target.scrollIntoView();
  }
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();

  // Where the reader is.
  const links = new Map($$(".toc a").map((link) => [decodeURIComponent(link.hash.slice(1)), link]));
  const heads = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  if (heads.length) {
    let waiting = false;
    const mark = () => {
      waiting = false;
      let current = heads[0];
      for (const head of heads) if (head.getBoundingClientRect().top < 120) current = head;
      if (innerHeight + scrollY > document.body.scrollHeight - 4) current = heads[heads.length - 1];
      for (const link of links.values()) link.classList.remove("is-here");
      links.get(current.id).classList.add("is-here");
    };
    addEventListener("scroll", () => { if (!waiting) { waiting = true; requestAnimationFrame(mark); } }, { passive: true });
    mark();
  }

  // Search: the index is loaded when somebody searches.
  const dialog = $("dialog.search");
  if (!dialog) return;
  const input = $("input", dialog), list = $("ol", dialog), note = $(".search-note", dialog);
  let index = null, chosen = -1;
  const fold = (text) => text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
  window.siteIndex = (entries) => {
    index = entries.map((e) => ({ ...e, p: fold(e.page), s: fold(e.section), t: fold(e.text) }));
    search();
  };
  function load() {
    if (index || $("script[data-search]")) return;
    const script = document.createElement("script");
    script.src = base + "assets/search.js";
    script.dataset.search = "";
    script.onerror = () => { note.textContent = "The search index could not be loaded."; };
    document.head.append(script);
  }
  function weigh(entry, words) {
    let total = 0;
    for (const word of words) {
      const inPage = entry.p.indexOf(word), inSection = entry.s.indexOf(word), inText = entry.t.indexOf(word);
      if (inPage < 0 && inSection < 0 && inText < 0) return 0;
      if (inPage >= 0) total += entry.section ? 4 : 14;
      if (entry.p === word && !entry.section) total += 10;
      if (inSection >= 0) total += entry.s === word ? 14 : entry.s.startsWith(word) ? 9 : 7;
      if (inText >= 0) total += 1;
    }
    return total;
  }
  function marked(text, words) {
    const span = document.createElement("span"), low = fold(text);
    if (low.length !== text.length) { span.textContent = text; return span; }
    let i = 0;
    while (i < text.length) {
      let at = -1, size = 0;
      for (const word of words) {
        const found = low.indexOf(word, i);
        if (found >= 0 && (at < 0 || found < at)) { at = found; size = word.length; }
      }
      if (at < 0) break;
      span.append(text.slice(i, at));
      const mark = document.createElement("mark");
      mark.textContent = text.slice(at, at + size);
      span.append(mark);
      i = at + size;
    }
    span.append(text.slice(i));
    return span;
  }
  function excerpt(entry, words) {
    const at = Math.max(0, Math.min(...words.map((w) => { const i = entry.t.indexOf(w); return i < 0 ? Infinity : i; })));
    const start = at === Infinity ? 0 : Math.max(0, at - 50);
    return (start ? "… " : "") + entry.text.slice(start, start + 150) + (entry.text.length > start + 150 ? " …" : "");
  }
  function show(hit, words) {
    const item = document.createElement("li"), link = document.createElement("a"), head = document.createElement("strong");
    link.href = base + hit.url;
    head.append(marked(hit.section || hit.page, words));
    link.append(head);
    if (hit.section) {
      const where = document.createElement("span");
      where.textContent = "  " + hit.page;
      link.append(where);
    }
    const text = document.createElement("p");
    text.append(marked(excerpt(hit, words), words));
    if (hit.text) link.append(text);
    item.append(link);
    return item;
  }
  function search() {
    const words = fold(input.value).split(/\s+/).filter(Boolean);
    list.replaceChildren();
    chosen = -1;
    note.textContent = "";
    if (!words.length) return;
    if (!index) { note.textContent = "Loading the index …"; return; }
    const hits = index.map((e) => [weigh(e, words), e]).filter(([w]) => w > 0).sort((a, b) => b[0] - a[0]).slice(0, 24);
    if (!hits.length) note.textContent = `Nothing found for “${input.value}”.`;
    list.append(...hits.map(([, e]) => show(e, words)));
    point(0);
  }
  function point(i) {
    const all = $$("a", list);
    if (!all.length) return;
    chosen = (i + all.length) % all.length;
    all.forEach((a, n) => a.classList.toggle("is-here", n === chosen));
    all[chosen].scrollIntoView({ block: "nearest" });
  }
  function open() {
    load();
    if (!dialog.open) dialog.showModal();
    input.select();
  }
  $(".search-button").addEventListener("click", open);
  input.addEventListener("input", search);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") { event.preventDefault(); point(chosen + 1); }
    if (event.key === "ArrowUp") { event.preventDefault(); point(chosen - 1); }
    if (event.key === "Enter") {
      event.preventDefault();
      const link = $$("a", list)[chosen];
      if (link) { dialog.close(); location.href = link.href; }
    }
  });
  list.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if ((event.key === "/" && !typing) || (event.key === "k" && (event.ctrlKey || event.metaKey))) { event.preventDefault(); open(); }
  });
})();
