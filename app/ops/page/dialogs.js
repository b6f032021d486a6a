// Asks for what an action needs, says what it will do, and does it only once that is confirmed.

import { explain } from "./api.js";
import { byId, element, setText } from "./dom.js";

/**
 * `fields` are {name, label, hint, type, value, options, isOptional, min, max, pattern}.
 * `summary(values)` says what will happen; `act(values)` does it. Closes when that succeeded.
 */
export function confirmAction({ title, fields = [], summary, button, isDangerous = false, act }) {
  const dialog = newDialog();
  const heading = element("h2", { id: "dialog-title" }, title);
  const error = element("p", { className: "error", role: "alert" });
  const inputs = element("div", { className: "fields" }, ...fields.map(field));
  const sentence = element("p", { className: "summary", tabIndex: -1 });
  const back = element("button", { type: "button" }, "Back");
  const cancel = element("button", { type: "button", on: { click: () => dialog.close() } }, "Cancel");
  const next = element("button", { type: "submit", className: "primary" });
  const form = element("form", { on: { submit } }, heading, inputs, sentence, error,
    element("div", { className: "buttons" }, cancel, back, next));
  let values = null;

  function showForm() {
    values = null;
    inputs.hidden = false;
    sentence.hidden = back.hidden = true;
    next.className = "primary";
    setText(next, "Continue");
  }

  function showSummary() {
    values = read(form, fields);
    inputs.hidden = true;
    sentence.hidden = false;
    back.hidden = fields.length === 0;
    setText(sentence, summary(values));
    next.className = isDangerous ? "danger" : "primary";
    setText(next, button);
    sentence.focus();
  }

  async function submit(event) {
    event.preventDefault();
    setText(error, "");
    if (values === null) {
      const complaint = complaintAbout(form, fields);
      if (complaint) setText(error, complaint);
      else showSummary();
      return;
    }
    next.disabled = true;
    try {
      const then = await act(values);
      dialog.close();
      then?.();
    } catch (failure) {
      setText(error, explain(failure));
    } finally {
      next.disabled = false;
    }
  }

  back.addEventListener("click", showForm);
  dialog.append(form);
  if (fields.length === 0) showSummary();
  else showForm();
  dialog.showModal();
  (fields.length === 0 ? sentence : inputs.querySelector("input, select, textarea"))?.focus();
}

/** Shows a secret that cannot be shown again. */
export function showSecret(title, sentence, secret) {
  const dialog = newDialog();
  const text = element("textarea", { id: "secret", readOnly: true, rows: 8, value: secret, spellcheck: false });
  const copy = element("button", { type: "button", className: "primary", on: { click: async () => {
    text.select();
    try {
      await navigator.clipboard.writeText(secret);
      say("Copied.");
    } catch {
      say("Select the text and copy it."); // browsers keep the clipboard from pages without https
    }
  } } }, "Copy");
  const done = element("button", { type: "button", on: { click: () => dialog.close() } }, "Done");
  dialog.append(element("div", { className: "secret" },
    element("h2", { id: "dialog-title" }, title), element("p", {}, sentence),
    element("label", { htmlFor: "secret" }, "Access token"), text, element("div", { className: "buttons" }, done, copy)));
  dialog.showModal();
  text.focus();
  text.select();
}

/** Leaves the page, with what is in it, when it is closed. */
function newDialog() {
  const dialog = element("dialog", { aria: { labelledby: "dialog-title" } });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  return dialog;
}

let hideToast = null;

/** A short note that disappears by itself. */
export function say(text) {
  const toast = byId("toast");
  setText(toast, text);
  clearTimeout(hideToast);
  hideToast = setTimeout(() => setText(toast, ""), 5000);
}

function field({ name, label, hint, type = "text", value = "", options, isOptional = false, min, max, pattern, maxLength }) {
  if (type === "checkboxes") {
    const boxes = options.map((option) => element("label", { className: "choice" },
      element("input", { type: "checkbox", name, value: option, checked: value.includes(option) }), ` ${option}`));
    return element("fieldset", {}, element("legend", {}, label), ...boxes);
  }
  const properties = { id: `field-${name}`, name, required: !isOptional, aria: hint ? { describedby: `hint-${name}` } : undefined };
  const input = options
    ? element("select", properties, ...options.map(([text, key]) => element("option", { value: key, selected: key === value }, text)))
    : element("input", { ...properties, type, value, min, max, pattern, maxLength, autocomplete: "off", spellcheck: false });
  return element("div", { className: "field" }, element("label", { htmlFor: properties.id }, label), input,
    hint ? element("span", { className: "hint", id: `hint-${name}` }, hint) : null);
}

function read(form, fields) {
  const data = new FormData(form);
  return Object.fromEntries(fields.map(({ name, type }) => (
    [name, type === "checkboxes" ? data.getAll(name) : data.get(name).trim()])));
}

/** What the browser's own checks of the fields do not cover. */
function complaintAbout(form, fields) {
  const values = read(form, fields);
  const unchosen = fields.find(({ name, type }) => type === "checkboxes" && values[name].length === 0);
  return unchosen ? `Choose at least one: ${unchosen.label.toLowerCase()}.` : null;
}
