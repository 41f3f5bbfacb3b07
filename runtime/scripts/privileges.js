"use strict";
// Gives up root: changes to the user RUNTIME_UID, which the image sets.
//
// Railway mounts volumes as root (docs.railway.com/volumes/reference), and a start command on Railway replaces the
// image's entrypoint, so neither USER nor an entrypoint script can do this. RAILWAY_RUN_UID=0 is Railway's own variable
// for staying root.

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
  // A folder is handed over after its content, so a folder that has the uid already needs no further look at each boot.
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
      // Without `recursive`, which never returns for a path below /proc.
      if (!fs.existsSync(stateDir)) fs.mkdirSync(stateDir);
      if (fs.statSync(stateDir).uid !== uid) fs.chownSync(stateDir, uid, uid);
    });
    become(uid);
  }
  if (!isWritableFolder(stateDir)) refuse(`OPENCLAW_STATE_DIR: ${stateDir} is not a writable folder; mount one there, or set another path`);
}

module.exports = { drop, handOver };
