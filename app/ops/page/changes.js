// The audit log: who changed what.

import { ask, explain } from "./api.js";
import { byId, element, table } from "./dom.js";
import { moment } from "./format.js";

let entries = [];

export async function showChanges() {
  entries = [];
  await load("");
}

async function load(cursor) {
  try {
    const answer = await ask("GET", `/admin/audit?limit=50${cursor}`);
    entries.push(...answer.entries);
    render(answer.next_cursor);
  } catch (error) {
    byId("audit").replaceChildren(element("p", { className: "error", role: "alert" }, explain(error)));
  }
}

function render(cursor) {
  const list = table("Changes", [
    { label: "When", cell: (entry) => moment(entry.at) },
    { label: "Who", cell: (entry) => entry.actor },
    { label: "What", cell: (entry) => element("code", {}, entry.action) },
    { label: "Whom or what", cell: (entry) => element("code", {}, entry.subject) },
    { label: "Details", cell: (entry) => element("span", { className: "hint" }, describe(entry.details)) },
  ], entries, "Nothing was changed yet.");
  const more = cursor
    ? element("button", { type: "button", on: { click: () => load(`&cursor=${cursor}`) } }, "Show older ones") : "";
  byId("audit").replaceChildren(list, more);
}

function describe(details) {
  const known = Object.entries(details).filter(([, value]) => value !== null && value !== "");
  return known.map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(" ") : value}`).join(", ");
}
