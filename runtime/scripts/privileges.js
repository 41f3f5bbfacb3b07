"use strict";
// Become the user that RUNTIME_UID names (the image sets it) when started as root.
//
// Railway mounts a volume owned by root, and its start command replaces the image's entrypoint: neither USER nor an
// entrypoint script can do this for us. RAILWAY_RUN_UID=0 is Railway's own way to say "stay root".

const fs = require("node:fs");
const path = require("node:path");

function handOver(uid, folder) {
  let stat;
  try {
    stat = fs.lstatSync(folder);
  } catch {
    return;
  }
  // The top goes last and stands for the whole: a tree that was handed over is not walked again at each boot.
  if (stat.uid === uid || stat.isSymbolicLink()) return;
  if (stat.isDirectory()) for (const name of fs.readdirSync(folder)) handOver(uid, path.join(folder, name));
  fs.chownSync(folder, uid, uid);
}

function drop({ volume, stateDir }) {
  const uid = Number(process.env.RUNTIME_UID || 0);
  if (!uid || process.getuid() !== 0 || process.env.RAILWAY_RUN_UID === "0") return;
  handOver(uid, volume);
  fs.chownSync(stateDir, uid, uid);
  process.setgroups([]);
  process.setgid(uid);
  process.setuid(uid);
}

module.exports = { drop, handOver };
