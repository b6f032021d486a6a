// Node's HTTP/2 client: node upload.mjs certificate.pem (url token bytes)...
// Prints one line for each upload: protocol, status and body of the response, or the error.

import { readFileSync } from "node:fs";
import { connect } from "node:http2";
import { Readable } from "node:stream";

const MILLISECONDS = 20_000;
const PIECE = Buffer.alloc(64 * 1024);

function* pieces(size) {
  for (let left = size; left > 0; left -= PIECE.length) yield PIECE.subarray(0, Math.min(left, PIECE.length));
}

function upload(session, path, token, size) {
  return new Promise((resolve) => {
    const headers = { ":method": "POST", ":path": path, "content-type": "application/octet-stream", "content-length": size };
    if (token) headers.authorization = `Bearer ${token}`;
    const stream = session.request(headers);
    let status = "nothing";
    let body = "";
    stream.setEncoding("utf8");
    stream.setTimeout(MILLISECONDS, () => stream.destroy(new Error("timed out")));
    stream.on("response", (received) => (status = received[":status"]));
    stream.on("data", (piece) => (body += piece));
    stream.on("end", () => resolve(`h2 ${status} ${body}`));
    stream.on("error", (error) => resolve(`${error} after ${status}`));
    Readable.from(pieces(size)).pipe(stream);
  });
}

const [certificate, ...uploads] = process.argv.slice(2);
for (let i = 0; i < uploads.length; i += 3) {
  const url = new URL(uploads[i]);
  const session = connect(url.origin, { ca: readFileSync(certificate) });
  console.log(await upload(session, url.pathname, uploads[i + 1], Number(uploads[i + 2])));
  session.destroy();
}
