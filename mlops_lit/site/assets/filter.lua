-- What Quarto's dialect adds to pandoc's Markdown: callouts, tabs, numbered figures, tables and equations, references to them.
-- Run by `mlops_lit.site.render` on each page. Words and classes are Quarto's.

local KINDS = { fig = "Figure", tbl = "Table", eq = "Equation", lst = "Listing" }
local CALLOUTS = { note = "Note", tip = "Tip", warning = "Warning", important = "Important", caution = "Caution" }
local numbers, titles, counts = {}, {}, {}
local n_tabsets = 0

local function html(text) return pandoc.RawBlock("html", text) end
local function kind_of(id) return id:match("^(%a+)%-") end

local function escape(text)
  return (text:gsub("[&<>\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }))
end

local function register(id)
  local kind = kind_of(id)
  if not KINDS[kind] or numbers[id] then return end
  counts[kind] = (counts[kind] or 0) + 1
  numbers[id] = counts[kind]
end

-- First walk: everything that can be referred to gets its number, in the order of the document.
local function equation_id(para)
  local last, math = para.content[#para.content], nil
  for _, inline in ipairs(para.content) do
    if inline.t == "Math" and inline.mathtype == "DisplayMath" then math = inline end
  end
  return math and last.t == "Str" and last.text:match("^{#(eq%-[%w%-_]+)}$"), math
end

local function register_block(block)
  if block.identifier and block.identifier ~= "" then register(block.identifier) end
end

local collect = {
  traverse = "topdown",
  Div = register_block,
  Figure = register_block,
  Table = register_block,
  CodeBlock = register_block,
  Header = function(header)
    if header.identifier:match("^sec%-") then titles[header.identifier] = pandoc.utils.stringify(header.content) end
  end,
  Para = function(para)
    local id = equation_id(para)
    if id then register(id) end
  end,
}

local function caption_html(id, inlines)
  local kind = kind_of(id or "")
  local number = id and numbers[id]
  local text = pandoc.write(pandoc.Pandoc({ pandoc.Plain(inlines) }), "html", { html_math_method = "mathml" })
  local label = number and ('<span class="float-number">' .. KINDS[kind] .. " " .. number .. "</span> ") or ""
  return label .. text
end

-- References. What is not on the page is shown as Quarto shows it, and said on standard error.
local function reference(citation)
  local id = citation.id
  local kind = kind_of(id)
  if not (KINDS[kind] or kind == "sec") then return nil end
  local number = numbers[id]
  if not number and not titles[id] then
    io.stderr:write("WARN unresolved reference @" .. id .. "\n")
    return pandoc.Strong({ pandoc.Str("?@" .. id) })
  end
  local text
  if kind == "sec" then
    text = { pandoc.Str("“" .. titles[id] .. "”") }
  elseif citation.mode == "SuppressAuthor" then
    text = { pandoc.Str(tostring(number)) }
  elseif #citation.prefix > 0 then
    text = pandoc.Inlines(citation.prefix) .. { pandoc.Str("\u{a0}" .. number) }
  else
    text = { pandoc.Str(KINDS[kind] .. "\u{a0}" .. number) }
  end
  return pandoc.Link(text, "#" .. id, "", pandoc.Attr("", { "cross-reference" }))
end

local function Cite(cite)
  local out = pandoc.Inlines({})
  for i, citation in ipairs(cite.citations) do
    local link = reference(citation)
    if not link then return nil end
    if i > 1 then out:insert(pandoc.Str(", ")) end
    out:insert(link)
  end
  return out
end

local function figure(id, classes, body, caption, caption_first)
  local attr = (id and id ~= "") and (' id="' .. escape(id) .. '"') or ""
  local cap = {}
  if #caption > 0 or (id and numbers[id]) then cap = { html("<figcaption>" .. caption_html(id, caption) .. "</figcaption>") } end
  local out = pandoc.Blocks({ html("<figure" .. attr .. ' class="float ' .. classes .. '">') })
  if caption_first then out:extend(cap) end
  out:extend(body)
  if not caption_first then out:extend(cap) end
  out:insert(html("</figure>"))
  return out
end

local function float_div(div)
  local body, caption = pandoc.Blocks(div.content), pandoc.Inlines({})
  local last = body[#body]
  if last and (last.t == "Para" or last.t == "Plain") and #body > 1 then
    caption = last.content
    body:remove(#body)
  end
  local is_table = div.classes:includes("float-tbl") or kind_of(div.identifier) == "tbl"
  return figure(div.identifier, is_table and "float-tbl" or "float-fig", body, caption, is_table)
end

local function Figure(fig)
  local caption = pandoc.utils.blocks_to_inlines(fig.caption.long)
  local body = fig.content:walk({ Image = function(image)
    if image.attributes["fig-alt"] then image.caption = pandoc.Inlines(image.attributes["fig-alt"]) end
    image.attributes["fig-alt"] = nil
    return image
  end })
  return figure(fig.identifier, "float-fig", body, caption, false)
end

local function Table(tbl)
  local caption = pandoc.utils.blocks_to_inlines(tbl.caption.long)
  if #caption == 0 and not numbers[tbl.identifier] then return nil end
  local id = tbl.identifier
  tbl.caption = { long = {} }
  tbl.identifier = ""
  return figure(id, "float-tbl", pandoc.Blocks({ tbl }), caption, true)
end

local function Para(para)
  local id, math = equation_id(para)
  if not id then return nil end
  return {
    html('<div class="equation" id="' .. id .. '">'),
    pandoc.Plain({ math }),
    html('<span class="equation-number">(' .. numbers[id] .. ")</span></div>"),
  }
end

-- Callouts.
local function callout(div, kind)
  local title = div.attributes.title and pandoc.Inlines(div.attributes.title)
  local body = pandoc.Blocks(div.content)
  if not title and body[1] and body[1].t == "Header" then
    title = body[1].content
    body:remove(1)
  end
  local heading = title and caption_html(nil, title) or CALLOUTS[kind]
  local id = div.identifier ~= "" and (' id="' .. escape(div.identifier) .. '"') or ""
  local head = '<span class="callout-icon" aria-hidden="true"></span><span class="callout-kind">' .. CALLOUTS[kind] .. ": </span>"
  if not title then head = '<span class="callout-icon" aria-hidden="true"></span>' end
  local collapse = div.attributes.collapse
  local out = pandoc.Blocks({})
  if collapse then
    local open = collapse == "false" and " open" or ""
    out:insert(html("<details" .. id .. ' class="callout callout-' .. kind .. '"' .. open .. '><summary class="callout-title">' .. head .. heading .. '</summary><div class="callout-body">'))
    out:extend(body)
    out:insert(html("</div></details>"))
  else
    out:insert(html("<aside" .. id .. ' class="callout callout-' .. kind .. '"><p class="callout-title">' .. head .. heading .. '</p><div class="callout-body">'))
    out:extend(body)
    out:insert(html("</div></aside>"))
  end
  return out
end

-- Tabs: the first heading's level divides the content.
local function tabset(div)
  n_tabsets = n_tabsets + 1
  local level, tabs = nil, {}
  for _, block in ipairs(div.content) do
    if block.t == "Header" and (level == nil or block.level == level) then
      level = level or block.level
      tabs[#tabs + 1] = { title = caption_html(nil, block.content), id = block.identifier, blocks = pandoc.Blocks({}) }
    elseif #tabs > 0 then
      tabs[#tabs].blocks:insert(block)
    end
  end
  if #tabs == 0 then return nil end
  local base = "tabs-" .. n_tabsets
  local group = div.attributes.group and (' data-group="' .. escape(div.attributes.group) .. '"') or ""
  local buttons = {}
  for i, tab in ipairs(tabs) do
    buttons[i] = string.format(
      '<button type="button" role="tab" id="%s-%d" aria-controls="%s-%d-panel" aria-selected="%s"%s>%s</button>',
      base, i, base, i, i == 1 and "true" or "false", i == 1 and "" or ' tabindex="-1"', tab.title)
  end
  local out = pandoc.Blocks({ html('<div class="tabset"' .. group .. '><div role="tablist">' .. table.concat(buttons) .. "</div>") })
  for i, tab in ipairs(tabs) do
    local hidden = i == 1 and "" or " hidden"
    out:insert(html(string.format('<div role="tabpanel" id="%s-%d-panel" aria-labelledby="%s-%d" tabindex="0"%s>', base, i, base, i, hidden)))
    out:extend(tab.blocks)
    out:insert(html("</div>"))
  end
  out:insert(html("</div>"))
  return out
end

local function layout(div, columns)
  div.attributes["layout-ncol"] = nil
  div.classes:insert("layout")
  div.attributes.style = "--columns: " .. (tonumber(columns) or 2)
  return div
end

local function Div(div)
  for kind, _ in pairs(CALLOUTS) do
    if div.classes:includes("callout-" .. kind) then return callout(div, kind) end
  end
  if div.classes:includes("panel-tabset") then return tabset(div) end
  if div.classes:includes("content-hidden") or div.classes:includes("hidden") then
    if div.attributes["when-format"] ~= "pdf" then return {} end
  end
  if div.classes:includes("content-visible") and div.attributes["when-format"] and not div.attributes["when-format"]:match("^html") then return {} end
  if div.classes:includes("float") or numbers[div.identifier] then return float_div(div) end
  if div.attributes["layout-ncol"] then return layout(div, div.attributes["layout-ncol"]) end
end

-- A language that pandoc does not know by this name costs it half a second of searching.
local LANGUAGES = { sh = "bash", shell = "bash", console = "bash", zsh = "bash", py = "python", jsonc = "json", yml = "yaml",
  text = "", txt = "", plain = "", none = "", output = "", pycon = "" }

local function CodeBlock(block)
  local language = LANGUAGES[block.classes[1] or ""]
  if language then
    block.classes:remove(1)
    if language ~= "" then block.classes:insert(1, language) end
  end
  local name = block.attributes.filename
  if not name then return block end
  block.attributes.filename = nil
  return { html('<div class="code-file"><p class="code-file-name">' .. escape(name) .. "</p>"), block, html("</div>") }
end

-- Every heading below the title links to itself, so that a reader can copy the address of a section.
local function Header(header)
  if header.level == 1 or header.identifier == "" then return nil end
  header.content:insert(pandoc.RawInline("html", '<a class="anchor" href="#' .. escape(header.identifier) .. '" aria-label="Link to this section"></a>'))
  return header
end

-- Headings inside tabs and callout titles are used up by the blocks around them, so those go first.
return {
  collect,
  { Cite = Cite },
  { Div = Div, Figure = Figure, Table = Table, Para = Para, CodeBlock = CodeBlock },
  { Header = Header },
}
