"use strict";
// A minimal WebSocket server (RFC 6455) that echoes short messages, to show that an upgrade arrives.

const crypto = require("node:crypto");

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const SHORT = 125;
const CLOSE = 8;

// Returns the first frame and the bytes after it; null if the frame is not complete yet.
function frame(bytes) {
  if (bytes.length < 6) return null;
  const length = bytes[1] & 0x7f;
  if (length > SHORT || !(bytes[1] & 0x80)) throw new Error("longer than a short message, or not masked");
  if (bytes.length < 6 + length) return null;
  const mask = bytes.subarray(2, 6);
  const payload = Buffer.from(bytes.subarray(6, 6 + length).map((byte, index) => byte ^ mask[index % 4]));
  return { first: bytes[0], payload, rest: bytes.subarray(6 + length) };
}

function echo(request, socket, bytes) {
  const key = request.headers["sec-websocket-key"];
  socket.on("error", () => socket.destroy());
  if (String(request.headers.upgrade).toLowerCase() !== "websocket" || !key) {
    return socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  }
  const accept = crypto.createHash("sha1").update(key + GUID).digest("base64");
  const lines = ["HTTP/1.1 101 Switching Protocols", "upgrade: websocket", "connection: upgrade", `sec-websocket-accept: ${accept}`];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  const read = (more) => {
    bytes = Buffer.concat([bytes, more]);
    try {
      for (let found = frame(bytes); found; found = frame(bytes)) {
        bytes = found.rest;
        socket.write(Buffer.concat([Buffer.from([found.first, found.payload.length]), found.payload]));
        if ((found.first & 0x0f) === CLOSE) return socket.end();
      }
    } catch {
      socket.destroy();
    }
  };
  read(Buffer.alloc(0));
  socket.on("data", read);
}

module.exports = { echo };
