// Users, their limits and their tokens. Every action is confirmed here and audited by the gateway.

import { request, explain } from "./api.js";
import { confirmAction, say, showSecret } from "./dialogs.js";
import { byId, element, setText, table } from "./dom.js";
import { duration, dateTime } from "./format.js";

const SCOPES = ["chat", "vision", "speech", "admin", "ops"];
const USUAL_SCOPES = ["chat", "vision", "speech"];
const LIMITS = [
  ["requests_per_minute", "Requests a minute"],
  ["concurrent_requests", "Requests at once"],
  ["daily_tokens", "Tokens a day"],
];
const PRIORITIES = ["interactive", "batch"];
const LIFETIMES = [900, 3600, 86400, 7 * 86400, 30 * 86400, 90 * 86400];

let session = null;
let users = [];
let chosen = null; // whose tokens are shown

export async function showPeople(current) {
  session = current;
  byId("new-user").onclick = newUser;
  byId("issue-token").onclick = () => issueToken(chosen);
  byId("revoke-all").onclick = () => revokeAll(chosen);
  await loadUsers();
}

async function loadUsers() {
  await show("users", async () => {
    const { items, more } = await page("/admin/users", "users");
    users = items;
    return usersTable(more);
  });
  if (chosen !== null) await showTokens(users.find((user) => user.id === chosen.id) ?? chosen);
}

async function page(path, name) {
  const response = await request("GET", `${path}${path.includes("?") ? "&" : "?"}limit=200`);
  return { items: response[name], more: response.next_cursor };
}

/** Fills an element with what `make` returns, or with why it could not. */
async function show(id, make) {
  try {
    byId(id).replaceChildren(await make());
  } catch (error) {
    byId(id).replaceChildren(element("p", { className: "error", role: "alert" }, explain(error)));
  }
}

function usersTable(more) {
  const list = table("Users", [
    { label: "Name", cell: (user) => [element("span", { className: "name" }, user.name),
      user.note ? element("span", { className: "hint" }, user.note) : ""] },
    { label: "State", cell: (user) => badge(user.is_disabled ? "disabled" : "active", user.is_disabled ? "bad" : "good") },
    ...LIMITS.map(([name, label]) => ({ label, numeric: true, cell: (user) => limitText(user, name) })),
    { label: "Actions", cell: (user) => [element("span", { className: "actions" },
      action("Tokens", `Tokens of ${user.name}`, () => showTokens(user, true)),
      action("Limits", `Limits of ${user.name}`, () => changeLimits(user)),
      action(user.is_disabled ? "Enable" : "Disable", `${user.is_disabled ? "Enable" : "Disable"} ${user.name}`, () => setDisabled(user)))] },
  ], users, "There are no users yet.");
  return withMore(list, more, "users");
}

function withMore(list, more, what) {
  if (!more) return list;
  return element("div", {}, list, element("p", { className: "hint" },
    `Only the first 200 ${what} are shown; the command line lists all.`));
}

const action = (label, description, act) => (
  element("button", { type: "button", className: "small", aria: { label: description }, on: { click: act } }, label));

const badge = (text, level) => element("span", { className: "badge", data: { level } }, text);

function limitText(user, name) {
  if (user[name] !== undefined) return element("b", {}, user[name].toLocaleString("en"));
  const value = session.defaults[name];
  return element("span", { className: "hint" }, value === null ? "no limit" : `${value.toLocaleString("en")} (default)`);
}

function newUser() {
  confirmAction({
    title: "New user",
    fields: [
      { name: "name", label: "Name", hint: "letters, digits and . _ @ + -", pattern: "[A-Za-z0-9][A-Za-z0-9._@+\\-]{0,63}", maxLength: 64 },
      { name: "note", label: "Note, for operators", isOptional: true, maxLength: 500 },
    ],
    summary: ({ name }) => `Creates the user ${name}, who can do nothing before a token is issued.`,
    button: "Create user",
    act: async ({ name, note }) => {
      await request("POST", "/admin/users", note ? { name, note } : { name });
      await loadUsers();
      say(`${name} was created.`);
    },
  });
}

function changeLimits(user) {
  confirmAction({
    title: `Limits of ${user.name}`,
    fields: LIMITS.map(([name, label]) => ({
      name, label, type: "number", min: 1, isOptional: true, value: user[name] ?? "",
      hint: `empty: the default, ${session.defaults[name] ?? "no limit"}`,
    })),
    summary: (values) => `From now on ${user.name} has: ${LIMITS.map(([name, label]) => (
      `${label.toLowerCase()}: ${values[name] || `default (${session.defaults[name] ?? "no limit"})`}`)).join("; ")}.`,
    button: "Change limits",
    act: async (values) => {
      const given = LIMITS.filter(([name]) => values[name] !== "").map(([name]) => [name, Number(values[name])]);
      const reset = LIMITS.filter(([name]) => values[name] === "").map(([name]) => name);
      await request("PATCH", `/admin/users/${user.id}`, { ...Object.fromEntries(given), use_defaults_for: reset });
      await loadUsers();
      say(`The limits of ${user.name} were changed.`);
    },
  });
}

function setDisabled(user) {
  const isDisabled = !user.is_disabled;
  confirmAction({
    title: isDisabled ? `Disable ${user.name}?` : `Enable ${user.name}?`,
    summary: () => (isDisabled
      ? `All tokens of ${user.name} stop working within a second. Enabling the user revives those that still run.`
      : `The tokens of ${user.name} that still run work again.`),
    button: isDisabled ? "Disable user" : "Enable user",
    isDangerous: isDisabled,
    act: async () => {
      await request("PATCH", `/admin/users/${user.id}`, { is_disabled: isDisabled });
      await loadUsers();
      say(`${user.name} is ${isDisabled ? "disabled" : "enabled"}.`);
    },
  });
}

async function showTokens(user, isAsked = false) {
  chosen = user;
  setText(byId("tokens-title"), `Tokens of ${user.name}`);
  byId("tokens-panel").hidden = false;
  await show("tokens", async () => {
    const { items, more } = await page(`/admin/tokens?user_id=${encodeURIComponent(user.id)}`, "tokens");
    return withMore(tokensTable(items), more, "tokens");
  });
  if (isAsked) {
    byId("tokens-title").focus({ preventScroll: true });
    byId("tokens-panel").scrollIntoView({ block: "nearest" });
  }
}

function stateOf(token) {
  if (token.revoked_at) return ["revoked", "bad"];
  return new Date(token.expires_at) <= new Date() ? ["expired", "idle"] : ["valid", "good"];
}

function tokensTable(tokens) {
  return table(`Tokens of ${chosen.name}`, [
    { label: "Token", cell: (token) => [element("code", {}, token.token_id),
      token.note ? element("span", { className: "hint" }, token.note) : ""] },
    { label: "Scopes", cell: (token) => token.scopes.join(" ") },
    { label: "State", cell: (token) => badge(...stateOf(token)) },
    { label: "Issued", cell: (token) => dateTime(token.issued_at) },
    { label: "Expires", cell: (token) => dateTime(token.expires_at) },
    { label: "Priority", cell: (token) => token.priority },
    { label: "Requests a minute", numeric: true, cell: (token) => (token.requests_per_minute === undefined
      ? element("span", { className: "hint" }, "the user's") : token.requests_per_minute.toLocaleString("en")) },
    { label: "Actions", cell: (token) => (stateOf(token)[0] === "valid" || token.family_id
      ? element("span", { className: "actions" }, action("Revoke", `Revoke ${token.token_id}`, () => revoke(token))) : "") },
  ], tokens, `${chosen.name} has no tokens.`);
}

function issueToken(user) {
  const longest = session.max_lifetime_seconds;
  const standard = session.default_lifetime_seconds;
  const lifetimes = [...new Set([...LIFETIMES.filter((value) => value < longest), standard, longest])].sort((one, other) => one - other);
  confirmAction({
    title: `A token for ${user.name}`,
    fields: [
      { name: "scopes", label: "Scopes", type: "checkboxes", options: SCOPES, value: USUAL_SCOPES },
      { name: "lifetime", label: "Valid for", options: lifetimes.map((value) => [duration(value), String(value)]), value: String(standard) },
      { name: "priority", label: "Priority", options: PRIORITIES.map((value) => [value, value]), value: PRIORITIES[0],
        hint: "batch, for jobs that nobody waits for: interactive requests go first" },
      { name: "rate", label: "Requests a minute", type: "number", min: 1, isOptional: true, value: "",
        hint: "for agents and tools; empty: the user's" },
      { name: "note", label: "Note, for operators", isOptional: true, maxLength: 500 },
    ],
    summary: ({ scopes, lifetime, priority, rate }) => (
      `Issues a token whose holder can use ${scopes.join(", ")} as ${user.name} for ${duration(Number(lifetime))}`
      + `${rate ? `, with ${rate} requests a minute of its own` : ""}.`
      + `${priority === "batch" ? " Its requests yield to interactive ones." : ""}`),
    button: "Issue token",
    act: async ({ scopes, lifetime, priority, rate, note }) => {
      const body = { user_id: user.id, scopes, lifetime_seconds: Number(lifetime), priority, ...(note ? { note } : {}) };
      if (rate) body.token_requests_per_minute = Number(rate);
      const issued = await request("POST", "/admin/tokens", body);
      await showTokens(user);
      return () => showSecret(`Token of ${user.name}`, "Copy it now: it is shown this once, and stored nowhere.", issued.access_token);
    },
  });
}

function revoke(token) {
  const isFamily = Boolean(token.family_id);
  confirmAction({
    title: "Revoke this token?",
    summary: () => (isFamily
      ? `${token.token_id} and every token refreshed from the same sign-in stop working within a second.`
      : `${token.token_id} stops working within a second. This cannot be undone.`),
    button: "Revoke",
    isDangerous: true,
    act: async () => {
      if (isFamily) await request("POST", "/admin/revocations", { family_id: token.family_id });
      else await request("DELETE", `/admin/tokens/${token.token_id}`);
      await showTokens(chosen);
      say("The token is revoked.");
    },
  });
}

function revokeAll(user) {
  confirmAction({
    title: `Revoke everything of ${user.name}?`,
    summary: () => `Every token that ${user.name} was issued so far stops working within a second. This cannot be undone.`,
    button: "Revoke all",
    isDangerous: true,
    act: async () => {
      await request("POST", "/admin/revocations", { user_id: user.id });
      await showTokens(user);
      say(`All tokens of ${user.name} are revoked.`);
    },
  });
}
