// Makes a Node.js server that would listen on every address listen on 127.0.0.1 only: `node --import ./loopback.mjs SERVER`.

import { Server } from "node:net";

const listen = Server.prototype.listen;
Server.prototype.listen = function (port, ...rest) {
  const barePort = (typeof port === "number" || typeof port === "string") && typeof rest[0] !== "string";
  return barePort ? listen.call(this, Number(port), "127.0.0.1", ...rest) : listen.call(this, port, ...rest);
};
