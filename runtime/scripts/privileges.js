"use strict";
// Become the user that RUNTIME_UID names (the image sets it) when started as root.
//
// Railway mounts a volume owned by root, and its start command replaces the image's entrypoint: neither USER nor an
// entrypoint script can do this for us. RAILWAY_RUN_UID=0 is Railway's own way to say "stay root".

const fs = require("node:fs");
const path = require("node:path");

const UID = /^[1-9]\d{0,9}$/;

function refuse(line) {
  console.error(line);
  process.exit(1);
}

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

function given(name, uid, folder, action) {
  try {
    action();
  } catch (error) {
    refuse(`${name}: ${folder} cannot be given to uid ${uid}: ${error.code}; mount it writable, or set RAILWAY_RUN_UID=0`);
  }
}

function become(uid) {
  try {
    process.setgroups([]);
    process.setgid(uid);
    process.setuid(uid);
  } catch (error) {
    refuse(`RUNTIME_UID: cannot become uid ${uid}: ${error.code}; allow SETUID and SETGID, or start the container as that user`);
  }
}

function drop({ volume, stateDir, isWritableFolder }) {
  const text = process.env.RUNTIME_UID || "";
  if (text && text !== "0" && !UID.test(text)) refuse(`RUNTIME_UID: must be a user's number, not ${JSON.stringify(text)}`);
  const uid = Number(text);
  if (uid && process.getuid() === 0 && process.env.RAILWAY_RUN_UID !== "0") {
    given("RAILWAY_VOLUME_MOUNT_PATH", uid, volume, () => handOver(uid, volume));
    given("OPENCLAW_STATE_DIR", uid, stateDir, () => {
      // Not `recursive`: below /proc that never comes back.
      if (!fs.existsSync(stateDir)) fs.mkdirSync(stateDir);
      if (fs.statSync(stateDir).uid !== uid) fs.chownSync(stateDir, uid, uid);
    });
    become(uid);
  }
  if (!isWritableFolder(stateDir)) refuse(`OPENCLAW_STATE_DIR: ${stateDir} is not a writable folder; mount one, or name another`);
}

module.exports = { drop, handOver };
