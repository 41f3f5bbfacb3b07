"use strict";
// Passes requests and WebSocket upgrades on to the gateway unchanged.

const http = require("node:http");

const { send } = require("./http.js");

// These headers belong to one connection, and there are two: to the caller and to the gateway.
const HOP_BY_HOP = new Set(["connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"]);

function passedOn(rawHeaders) {
  const kept = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (!HOP_BY_HOP.has(rawHeaders[index].toLowerCase())) kept.push(rawHeaders[index], rawHeaders[index + 1]);
  }
  return kept;
}

function ask(gateway, request, more = []) {
  const headers = [...passedOn(request.rawHeaders), ...more];
  return http.request({ host: "127.0.0.1", port: gateway.port, method: request.method, path: request.url, headers, agent: false });
}

function head(response) {
  const headers = response.rawHeaders;
  const lines = [`HTTP/1.1 ${response.statusCode} ${response.statusMessage}`];
  for (let index = 0; index < headers.length; index += 2) lines.push(`${headers[index]}: ${headers[index + 1]}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}

// Returns the status and the body of the answer if the gateway does not answer.
function failure(gateway) {
  return gateway.up ? [502, { error: "the gateway does not answer" }] : [503, { error: "the gateway is not up" }];
}

function proxyRequest(gateway) {
  return (request, response) => {
    let asked;
    try {
      asked = ask(gateway, request);
    } catch {
      return send(response, 400, { error: "the request cannot be passed on" });
    }
    asked.on("response", (answer) => {
      response.writeHead(answer.statusCode, answer.statusMessage, passedOn(answer.rawHeaders));
      answer.on("error", () => response.destroy());
      answer.pipe(response);
    });
    asked.on("error", () => (response.headersSent ? response.destroy() : send(response, ...failure(gateway))));
    response.on("close", () => asked.destroy());
    request.pipe(asked);
  };
}

function proxyUpgrade(gateway) {
  return (request, socket, first) => {
    const refuse = () => {
      const [status, body] = failure(gateway);
      const text = JSON.stringify(body);
      const lines = [`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}`, "content-type: application/json", "connection: close"];
      socket.end(`${lines.join("\r\n")}\r\ncontent-length: ${text.length}\r\n\r\n${text}`);
    };
    socket.on("error", () => socket.destroy());
    let asked;
    try {
      asked = ask(gateway, request, ["connection", "upgrade"]);
    } catch {
      return socket.destroy();
    }
    asked.on("error", () => (socket.bytesWritten ? socket.destroy() : refuse()));
    // If the gateway answers without an upgrade, its answer is passed on, and the connection ends.
    asked.on("response", (answer) => {
      socket.write(head({ ...plain(answer), rawHeaders: [...withoutLength(answer), "connection", "close"] }));
      answer.pipe(socket);
    });
    asked.on("upgrade", (answer, other, firstOfOther) => {
      socket.write(head(answer));
      if (firstOfOther.length) socket.write(firstOfOther);
      if (first.length) other.write(first);
      for (const [one, its] of [[socket, other], [other, socket]]) {
        one.on("error", () => its.destroy());
        one.on("close", () => its.destroy());
        one.pipe(its);
      }
    });
    socket.on("close", () => asked.destroy());
    asked.end();
  };
}

function plain({ statusCode, statusMessage }) {
  return { statusCode, statusMessage };
}

// Returns the headers without Transfer-Encoding: node:http has decoded the body, which now ends with the connection.
function withoutLength(answer) {
  const kept = passedOn(answer.rawHeaders);
  return kept.filter((_, index) => kept[index - (index % 2)].toLowerCase() !== "transfer-encoding");
}

module.exports = { proxyRequest, proxyUpgrade };
