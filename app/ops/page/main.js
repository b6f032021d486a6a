// Signs in, shows one view at a time, and switches between light and dark.

import { request, explain, Refused, whenSignedOut } from "./api.js";
import { showChanges } from "./changes.js";
import { byId, setText } from "./dom.js";
import { redrawLive, startLive, stopLive } from "./live.js";
import { showPeople } from "./people.js";

const LINK = "#link=";
const VIEWS = ["live", "people", "changes"];
let session = null;

async function start() {
  const link = location.hash.startsWith(LINK) ? location.hash.slice(LINK.length) : null;
  if (link !== null) {
    history.replaceState(null, "", location.pathname); // the secret stays in no history
    await signIn({ link });
    return;
  }
  try {
    enter(await request("GET", "/session"));
  } catch (error) {
    leave(error instanceof Refused && error.status === 401 ? "" : explain(error));
  }
}

async function signIn(credentials) {
  try {
    enter(await request("POST", "/session", credentials));
  } catch (error) {
    leave(error.code === "invalid_request" ? "This is not a token or link of the gateway." : explain(error));
  }
}

function enter(newSession) {
  session = newSession;
  byId("access-token").value = "";
  const isAdmin = session.scopes.includes("admin");
  for (const link of document.querySelectorAll("#views .admin")) link.hidden = !isAdmin;
  byId("views").hidden = byId("sign-out").hidden = false;
  route();
}

function leave(why) {
  session = null;
  stopLive();
  byId("views").hidden = byId("sign-out").hidden = true;
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  show("sign-in");
  setText(byId("sign-in-error"), why);
  byId("access-token").focus();
}

function route() {
  if (session === null) return;
  const wanted = location.hash.slice(1);
  if (wanted === "content") return; // the link that skips the navigation
  const view = VIEWS.includes(wanted) && (wanted === "live" || session.scopes.includes("admin")) ? wanted : "live";
  show(view);
  for (const link of document.querySelectorAll("#views a")) {
    if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (view === "live") startLive(session);
  else stopLive();
  if (view === "people") showPeople(session);
  if (view === "changes") showChanges();
}

function show(view) {
  for (const section of document.querySelectorAll(".view")) section.hidden = section.id !== view;
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  const other = theme === "dark" ? "Light" : "Dark";
  setText(byId("theme"), other);
  redrawLive();
}

function startTheme() {
  const preferred = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => localStorage.getItem("theme") ?? (preferred.matches ? "dark" : "light");
  setTheme(chosen());
  preferred.addEventListener("change", () => setTheme(chosen()));
  byId("theme").addEventListener("click", () => {
    const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    localStorage.setItem("theme", theme);
    setTheme(theme);
  });
}

byId("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn({ access_token: byId("access-token").value.trim() });
});
byId("sign-out").addEventListener("click", async () => {
  try {
    await request("DELETE", "/session");
    leave("");
  } catch (error) {
    if (session !== null) leave(explain(error));
  }
});
addEventListener("hashchange", () => {
  if (location.hash.startsWith(LINK)) start();
  else route();
});
whenSignedOut((refused) => {
  if (session !== null) leave(refused.message); // once, of several requests at a time
});
startTheme();
start();
