// The gateway's client for a web page or WebView: copy this file. It needs no package.
// Its generators yield the response so far, and survive lost connections: docs/resilience.md says how.

const RETRIED_STATUS = new Set([429, 502, 503]);
const RETRIED_CODES = new Set(["stream_not_found", "stream_abandoned", "idempotency_key_in_use"]);
const SILENCE_SECONDS = 25; // the gateway sends a line every 10 seconds: longer silence is a dead connection
const SLOWEST_UPLOAD = 20_000; // bytes per second

/**
 * Decide by `code`: docs/errors.md lists all of them. After `invalid_grant` the user must sign in again.
 * `connection_lost` (status 0) is this client's own: the network did not come back in time.
 */
export class GatewayError extends Error {
  constructor(status, code, detail, retryAfter = 0) {
    super(detail);
    Object.assign(this, { name: "GatewayError", status, code, retryAfter });
  }
}

/** A `Reply` is `{text, transcript, finishReason}`: the response so far, complete when it has a `finishReason`. */
const NOTHING = Object.freeze({ text: "", transcript: "", finishReason: "" });

export class GatewayClient {
  #url;
  #refreshToken;
  #save;
  #accessToken;
  #patienceSeconds;
  #silenceSeconds;
  #refreshing = null;

  /** `save` stores each new refresh token, since each works once: in the phone's secure storage, by the app. */
  constructor(url, refreshToken, save, options = {}) {
    this.#url = url;
    this.#refreshToken = refreshToken;
    this.#save = save;
    this.#accessToken = options.accessToken ?? null;
    this.#patienceSeconds = options.patienceSeconds ?? 60;
    this.#silenceSeconds = options.silenceSeconds ?? SILENCE_SECONDS;
  }

  /** Takes the fields of POST /chat. Leave the loop to stop the generation; so with all generators. */
  chat(fields) {
    const body = JSON.stringify({ ...fields, stream: true, resumable: true });
    return this.#stream(new Exchange("chat", new Blob([body], { type: "application/json" }), body.length));
  }

  /** Takes a photo (a `Blob`) as the camera stores it. */
  vision(prompt, photo) {
    return this.#stream(new Exchange("vision", form({ prompt }, "image", photo), photo.size));
  }

  /** Takes a recording (a `Blob`) as the phone makes it. The reply has its transcript. */
  speech(recording) {
    return this.#stream(new Exchange("speech", form({}, "audio", recording), recording.size));
  }

  async *#stream(exchange) {
    const patience = new Patience(this.#patienceSeconds);
    let expired = null;
    let isLeft = true; // unless the generator ends by itself
    try {
      while (true) {
        const token = await this.#token(expired);
        const watch = new Watch(this.#silenceSeconds, exchange.streamId === "" ? exchange.uploadSeconds : 0);
        let failure;
        try {
          const response = await this.#open(exchange, token, watch);
          if (!response.ok) throw await errorOf(response);
          exchange.streamId = response.headers.get("Stream-Id") ?? exchange.streamId;
          for await (const line of linesOf(response, watch)) {
            if (exchange.take(line)) {
              patience.noteProgress();
              yield exchange.reply;
            }
            if (exchange.reply.finishReason !== "") {
              isLeft = false;
              return;
            }
          }
          failure = connectionLost();
        } catch (error) {
          failure = error instanceof GatewayError ? error : connectionLost();
          if (failure.status === 401 && expired === null) {
            expired = token;
            continue;
          }
          if (failure.status !== 0) {
            if (!RETRIED_STATUS.has(failure.status) && !RETRIED_CODES.has(failure.code)) throw failure;
            exchange.streamId = "";
          }
        } finally {
          watch.end();
        }
        if (exchange.streamId === "") exchange.beginAgain();
        await patience.wait(failure);
      }
    } catch (error) {
      isLeft = false;
      throw error;
    } finally {
      if (isLeft && exchange.streamId !== "") this.#stop(exchange.streamId);
    }
  }

  #open(exchange, token, watch) {
    const headers = { Authorization: `Bearer ${token}` };
    const signal = watch.signal;
    if (exchange.streamId !== "") {
      headers["Last-Event-ID"] = exchange.lastEvent;
      return fetch(`${this.#url}/streams/${exchange.streamId}`, { headers, signal });
    }
    headers["Idempotency-Key"] = exchange.key;
    return fetch(`${this.#url}/${exchange.path}`, { method: "POST", headers, body: exchange.body, signal });
  }

  #stop(streamId) {
    const headers = { Authorization: `Bearer ${this.#accessToken}` };
    const request = { method: "DELETE", headers, keepalive: true };
    fetch(`${this.#url}/streams/${streamId}`, request).catch(() => {
      // The gateway stops a response that nobody reads for a minute.
    });
  }

  /** All requests that need a new token wait for the same refresh, since a refresh token works once. */
  async #token(expired) {
    if (this.#accessToken === null || this.#accessToken === expired) {
      this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = null));
      this.#accessToken = await this.#refreshing;
    }
    return this.#accessToken;
  }

  /** A retry with the same refresh token within 30 seconds gets the same response. */
  async #refresh() {
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify({ grant_type: "refresh_token", refresh_token: this.#refreshToken });
    const patience = new Patience(this.#patienceSeconds);
    while (true) {
      const watch = new Watch(this.#silenceSeconds);
      let failure;
      try {
        const response = await fetch(`${this.#url}/auth/token`, { method: "POST", headers, body, signal: watch.signal });
        if (!response.ok) throw await errorOf(response);
        const pair = await response.json();
        await this.#save(pair.refresh_token); // first, since the old one no longer works
        this.#refreshToken = pair.refresh_token;
        return pair.access_token;
      } catch (error) {
        failure = error instanceof GatewayError ? error : connectionLost();
        if (failure.status !== 0 && !RETRIED_STATUS.has(failure.status)) throw failure;
      } finally {
        watch.end();
      }
      await patience.wait(failure);
    }
  }
}

/** One request and what has arrived of its response. All attempts have one key: the gateway generates once. */
class Exchange {
  key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  streamId = "";
  lastEvent = "0";
  reply = NOTHING;
  #event = "";
  #id = "";

  constructor(path, body, size) {
    Object.assign(this, { path, body, uploadSeconds: size / SLOWEST_UPLOAD });
  }

  beginAgain() {
    this.lastEvent = "0";
    this.reply = NOTHING;
  }

  /** An event is a line `event:`, one `id:` and then one `data:`, after which this is true. */
  take(line) {
    if (line.startsWith("event: ")) this.#event = line.slice("event: ".length);
    if (line.startsWith("id: ")) this.#id = line.slice("id: ".length);
    if (!line.startsWith("data: ")) return false;
    const data = JSON.parse(line.slice("data: ".length));
    if (this.#event === "transcript") this.reply = { ...this.reply, transcript: data.transcript };
    if (this.#event === "delta") this.reply = { ...this.reply, text: this.reply.text + (data.text ?? "") };
    if (this.#event === "done") this.reply = { ...this.reply, finishReason: data.finish_reason };
    if (this.#event === "error") throw new GatewayError(data.status, data.code, data.detail);
    this.lastEvent = this.#id;
    return true;
  }
}

/** Waits before a retry: as long as the gateway says, or longer each time until there is progress. */
class Patience {
  #secondsLeft;
  #pause = 1;

  constructor(seconds) {
    this.#secondsLeft = seconds;
  }

  noteProgress() {
    this.#pause = 1;
  }

  /** Throws the failure when it is time to give up. */
  async wait(failure) {
    const seconds = Math.max(failure.retryAfter, this.#pause * Math.random());
    if (seconds > this.#secondsLeft) throw failure;
    this.#secondsLeft -= seconds;
    this.#pause = Math.min(2 * this.#pause, 16);
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  }
}

/** Aborts a request that is silent for too long. */
class Watch {
  #controller = new AbortController();
  #seconds;
  #timer;
  signal = this.#controller.signal;

  constructor(seconds, uploadSeconds = 0) {
    this.#seconds = seconds;
    this.noteBytes(uploadSeconds);
  }

  noteBytes(moreSeconds = 0) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(), 1000 * (this.#seconds + moreSeconds));
  }

  end() {
    clearTimeout(this.#timer);
    this.#controller.abort();
  }
}

async function* linesOf(response, watch) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  while (true) {
    watch.noteBytes();
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop();
    yield* lines;
  }
}

async function errorOf(response) {
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  const problem = await response.json(); // fails for what is not the gateway's: a hotspot's page, for example
  return new GatewayError(problem.status, problem.code, problem.detail, retryAfter);
}

function connectionLost() {
  return new GatewayError(0, "connection_lost", "No connection. Try again later.");
}

function form(fields, name, file) {
  const form = new FormData();
  for (const [field, value] of Object.entries({ ...fields, stream: true, resumable: true })) form.append(field, value);
  form.append(name, file, name);
  return form;
}
