"use strict";
// JSON over node:http, with the checks that every route needs.

const crypto = require("node:crypto");

const MAX_BODY_BYTES = 256 * 1024;

class HttpError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function send(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

function digest(text) {
  return crypto.createHash("sha256").update(text).digest();
}

// Digests have a fixed length, so the duration reveals neither the content nor the length of the secret.
function sameSecret(given, wanted) {
  return crypto.timingSafeEqual(digest(given), digest(wanted));
}

function requireBearer(request, secret) {
  if (!secret) return;
  const [, token] = /^Bearer (.+)$/i.exec(request.headers.authorization || "") || [];
  if (!token || !sameSecret(token, secret)) throw new HttpError(401, "a valid bearer token is required");
}

async function readJson(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new HttpError(413, `the body is larger than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  if (size === 0) return {};
  let body;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new HttpError(400, "the body is not JSON");
  }
  if (body === null || typeof body !== "object" || Array.isArray(body)) throw new HttpError(400, "the body must be a JSON object");
  return body;
}

// Returns a text field of a body; a missing field and null are "".
function text(body, name, { required = false } = {}) {
  const value = body[name] ?? "";
  if (typeof value !== "string") throw new HttpError(400, `${name}: must be a text`);
  if (required && !value.trim()) throw new HttpError(400, `${name}: is required`);
  return value;
}

function notFound(request, response) {
  send(response, 404, { error: `no ${request.method} ${request.url.split("?")[0]} here` });
}

// routes: { "GET /path": async (request) => [status, body] }; every other request goes to `other`.
function handler(routes, other = notFound) {
  return async (request, response) => {
    const path = request.url.split("?")[0];
    const name = `${request.method} ${path}`;
    if (!Object.hasOwn(routes, name)) return other(request, response);
    try {
      send(response, ...(await routes[name](request)));
    } catch (error) {
      if (error.code === "ECONNRESET") return response.destroy(); // the caller is gone
      const status = error instanceof HttpError ? error.status : 500;
      if (status === 500) console.error(`${request.method} ${path}: ${error.stack}`);
      if (status === 413) response.setHeader("connection", "close"); // the rest of the body is not worth reading
      if (!response.headersSent) send(response, status, { error: status === 500 ? "internal error" : error.message });
    }
  };
}

module.exports = { HttpError, handler, readJson, requireBearer, send, text };
