// Elements made without HTML strings, which the page's content security policy forbids.

/** `properties` are DOM properties; `data` and `aria` are objects, `on` maps events to listeners. */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name === "data") Object.assign(node.dataset, value);
    else if (name === "aria") for (const [key, text] of Object.entries(value)) node.setAttribute(`aria-${key}`, text);
    else if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** Sets a text only when it changed, so that screen readers do not repeat it. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A table that becomes a list of cards where it is narrow. `columns` are {label, numeric, cell}. */
export function table(caption, columns, rows, empty) {
  if (rows.length === 0) return element("p", { className: "empty" }, empty);
  const heads = columns.map((column) =>
    element("th", { scope: "col", className: column.numeric ? "numeric" : "" }, column.label));
  const body = rows.map((row) => element("tr", {}, ...columns.map((column, index) => {
    const cell = element(index === 0 ? "th" : "td", { className: column.numeric ? "numeric" : "" });
    if (index === 0) cell.scope = "row";
    cell.dataset.label = column.label;
    const content = column.cell(row);
    cell.append(element("span", { className: "cell" }, ...(Array.isArray(content) ? content : [content])));
    return cell;
  })));
  return element("table", {},
    element("caption", { className: "hidden" }, caption),
    element("thead", {}, element("tr", {}, ...heads)),
    element("tbody", {}, ...body));
}
