// Requests to the gateway that served this page, with the session's cookie.

export class Refused extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

let onSignedOut = () => {};

/** `listener` is called when a request shows that the session has ended. */
export function whenSignedOut(listener) {
  onSignedOut = listener;
}

/** The response's JSON, or null when it has none. Throws `Refused`, or TypeError without a response. */
export async function request(method, path, body) {
  const headers = { "X-Gateway-Ops": "1" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(`/ops${path}`, {
    method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin",
    cache: "no-store", redirect: "error",
  });
  if (response.ok) return response.status === 204 ? null : response.json();
  const problem = await response.json().catch(() => ({}));
  const refused = new Refused(response.status, problem.code ?? "", problem.detail ?? `The gateway responded with ${response.status}.`);
  if (response.status === 401) onSignedOut(refused);
  throw refused;
}

/** In words for the operator. */
export function explain(error) {
  return error instanceof Refused ? error.message : "The gateway cannot be reached.";
}
