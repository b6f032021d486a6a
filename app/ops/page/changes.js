// The audit log: who changed what. Users are shown by name where they still have one.

import { request, explain } from "./api.js";
import { byId, element, table } from "./dom.js";
import { duration, dateTime } from "./format.js";

let entries = [];
let names = new Map();

export async function showChanges() {
  entries = [];
  await load("");
}

async function load(cursor) {
  try {
    const [response, page] = await Promise.all([
      request("GET", `/admin/audit?limit=50${cursor}`), request("GET", "/admin/users?limit=200")]);
    names = new Map(page.users.map((user) => [user.id, user.name]));
    entries.push(...response.entries);
    render(response.next_cursor);
  } catch (error) {
    byId("audit").replaceChildren(element("p", { className: "error", role: "alert" }, explain(error)));
  }
}

function render(cursor) {
  const list = table("Changes", [
    { label: "When", cell: (entry) => element("span", { className: "moment" }, dateTime(entry.at)) },
    { label: "Who", cell: (entry) => named(entry.actor) },
    { label: "What", cell: (entry) => element("code", {}, entry.action) },
    { label: "Subject", cell: (entry) => (
      names.has(entry.subject) ? named(entry.subject) : element("code", {}, entry.subject)) },
    { label: "Details", cell: (entry) => element("span", { className: "hint" }, describe(entry.details)) },
  ], entries, "Nothing was changed yet.");
  const more = cursor
    ? element("button", { type: "button", on: { click: () => load(`&cursor=${cursor}`) } }, "Show older ones") : "";
  byId("audit").replaceChildren(list, more);
}

const named = (id) => names.get(id) ?? id;

function describe(details) {
  const shown = Object.entries(details).filter(([, value]) => value !== "" && !(value === null && "scopes" in details));
  return shown.map(([name, value]) => {
    if (name === "user_id") return `user: ${named(value)}`;
    if (name === "expires_in") return `valid for ${duration(value)}`;
    if (value === null) return `${name}: default`;
    return `${name}: ${Array.isArray(value) ? value.join(" ") : value}`;
  }).join(", ");
}
