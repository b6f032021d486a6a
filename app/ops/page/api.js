// Requests to the gateway that served this page, with the session's cookie.

export class Refused extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

let onSignedOut = () => {};

/** `listener` is called when the session has ended, whoever asked for what. */
export function whenSignedOut(listener) {
  onSignedOut = listener;
}

/** The answer's JSON, or null when it has none. Throws `Refused`, or TypeError when nobody answers. */
export async function ask(method, path, body) {
  const headers = { "X-Gateway-Ops": "1" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(`/ops${path}`, {
    method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin",
    cache: "no-store", redirect: "error",
  });
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const problem = await answer.json().catch(() => ({}));
  const refused = new Refused(answer.status, problem.code ?? "", problem.detail ?? `The gateway answered ${answer.status}.`);
  if (answer.status === 401) onSignedOut(refused);
  throw refused;
}

/** In words for the operator. */
export function explain(error) {
  return error instanceof Refused ? error.message : "The gateway cannot be reached.";
}
