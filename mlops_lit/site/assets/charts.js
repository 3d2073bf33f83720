// Draws every `div.vega` of a page from the specification inside it. `mlops_lit.site.charts.charts_script`
// puts these lines behind Vega, Vega-Lite and Vega-Embed, in one function.
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

function isDark() {
  const root = document.documentElement;
  if (root.dataset.theme) return root.dataset.theme === "dark";
  return document.body.classList.contains("quarto-dark");
}

function themeConfig(dark) {
  const text = dark ? "#c3c9d4" : "#4a5261";
  const strong = dark ? "#eceff4" : "#1d232e";
  const line = dark ? "#59616f" : "#aab1bd";
  const grid = dark ? "#2a313c" : "#e7eaef";
  return {
    background: "transparent",
    font: FONT,
    padding: 4,
    view: { stroke: "transparent" },
    axis: {
      labelColor: text, titleColor: text, domainColor: line, tickColor: line, gridColor: grid,
      labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500, titlePadding: 10, labelPadding: 5,
    },
    axisBand: { grid: false, ticks: false },
    legend: { labelColor: text, titleColor: text, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500 },
    header: { labelColor: text, titleColor: text, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500 },
    title: { color: strong, subtitleColor: text, fontSize: 14, fontWeight: 600, anchor: "start", offset: 12, subtitlePadding: 4 },
    mark: { color: dark ? "#7aa2f7" : "#3b66d4" },
    text: { color: text },
    rule: { color: dark ? "#9aa3b2" : "#6b7280" },
    range: {
      category: dark
        ? ["#7aa2f7", "#ff9e64", "#5ecfa8", "#f17c9b", "#b79cf2", "#e0c15c", "#6cc7e8", "#b0b7c3"]
        : ["#3b66d4", "#d9690f", "#16876a", "#c53a64", "#7a4fd0", "#a37a00", "#1488b0", "#6b7280"],
    },
  };
}

const isObject = (value) => value && typeof value === "object" && !Array.isArray(value);

function merge(base, over) {
  const out = { ...base };
  for (const [key, value] of Object.entries(over || {})) {
    out[key] = isObject(value) && isObject(out[key]) ? merge(out[key], value) : value;
  }
  return out;
}

const COMPOSED = ["hconcat", "vconcat", "concat", "facet", "repeat"];

// A single view without a width of its own fills the column; composed views keep theirs and scroll.
function fitted(spec) {
  const encoding = spec.encoding || {};
  const composed = COMPOSED.some((key) => key in spec) || "row" in encoding || "column" in encoding || "facet" in encoding;
  const vega = String(spec.$schema || "").includes("/vega/");
  if (composed || vega || spec.width !== undefined) return spec;
  return { ...spec, width: "container", autosize: spec.autosize || { type: "fit-x", contains: "padding" } };
}

// What a chart library sets for every chart is not the author's choice of colour or font.
function ownConfig(config) {
  const out = { ...(config || {}) };
  if (isObject(out.view)) {
    const { continuousWidth, ...view } = out.view;
    out.view = view;
  }
  return out;
}

// Hints about a specification are for its author, who saw them in the notebook; readers' consoles stay clean.
// `charts_script` hands this to Vega-Lite's compiler, which offers no other way.
const quiet = {
  level() { return this; },
  error(...args) { console.error(...args); return this; },
  warn() { return this; },
  info() { return this; },
  debug() { return this; },
};

const pen = document.createElement("canvas").getContext("2d");

// The text in lines that fit, broken between words; a single line stays a string.
function wrapped(text, width, font) {
  if (typeof text !== "string" || !(width > 80)) return text;
  pen.font = font;
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length ? lines[lines.length - 1] + " " + word : word;
    if (lines.length && pen.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.length > 1 ? lines : text;
}

// Titles of a chart and of its horizontal axis that do not leave the column, however narrow it is.
function titled(spec, width) {
  const out = { ...spec };
  if (typeof spec.title === "string") out.title = wrapped(spec.title, width - 12, "600 14px " + FONT);
  else if (isObject(spec.title)) {
    const { text, subtitle } = spec.title;
    out.title = { ...spec.title, text: wrapped(text, width - 12, "600 14px " + FONT) };
    if (subtitle) out.title.subtitle = wrapped(Array.isArray(subtitle) ? subtitle.join(" ") : subtitle, width - 12, "12px " + FONT);
  }
  if (spec.encoding && isObject(spec.encoding.x) && spec.encoding.x.title)
    out.encoding = { ...spec.encoding, x: { ...spec.encoding.x, title: wrapped(spec.encoding.x.title, width * (width > 480 ? 0.7 : 0.55), "500 12px " + FONT) } };
  if (Array.isArray(spec.layer)) out.layer = spec.layer.map((layer) => titled(layer, width));
  return out;
}

async function draw(place) {
  const dark = isDark();
  if (place.dataset.drawn === String(dark)) return;
  place.dataset.drawn = String(dark);
  let target = place.querySelector(".vega-target");
  if (!target) {
    target = document.createElement("div");
    target.className = "vega-target";
    place.append(target);
  }
  try {
    let spec = fitted(JSON.parse(place.querySelector('script[type="application/json"]').textContent));
    if (spec.width === "container") spec = titled(spec, place.clientWidth);
    spec.config = merge(themeConfig(dark), ownConfig(spec.config));
    if (place.result) place.result.finalize();
    const schema = String(spec.$schema || "");
    place.result = await window.vegaEmbed(target, spec, {
      renderer: "svg",
      mode: schema.includes("/vega/") ? "vega" : "vega-lite",
      actions: { export: true, source: false, compiled: false, editor: false },
      tooltip: { theme: dark ? "dark" : "light" },
      loader: { http: { credentials: "same-origin" } },
      logLevel: 1,
    });
    place.classList.add("is-drawn");
    place.classList.toggle("is-wide", spec.width !== "container");
  } catch (error) {
    target.textContent = "This chart could not be drawn: " + error.message;
    target.className = "vega-target vega-error";
  }
}

function start() {
  const places = [...document.querySelectorAll("div.vega")];
  const seen = new Set();
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      watch.unobserve(entry.target);
      seen.add(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "600px 0px" });
  for (const place of places) watch.observe(place);
  const again = () => { for (const place of seen) draw(place); };
  const changes = new MutationObserver(again);
  changes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  changes.observe(document.body, { attributes: true, attributeFilter: ["class"] });
  // Idle time draws the rest, so that jumping to an anchor or printing finds charts, not gaps. What is folded away has
  // no width yet: it is drawn when it is opened and so comes into view.
  const rest = () => {
    for (const place of places) if (place.clientWidth) { watch.unobserve(place); seen.add(place); draw(place); }
  };
  (window.requestIdleCallback || ((task) => setTimeout(task, 400)))(rest, { timeout: 3000 });
  addEventListener("beforeprint", rest);
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
