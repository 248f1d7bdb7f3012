// A mail server that is not ours, on loopback. MODE is starttls (offered and required), tls, plain, or old (no STARTTLS). Sign-in is
// asked for when USER is set, with PASSWORD. KEY and CERT are files in PEM. It prints "ready" with its port, and then each message
// that it has taken as one line of JSON to the file BOX.
//
// What goes wrong on purpose is said by the recipient: none@ is refused (550), later@ is refused for now (451) as often as the
// number that follows says (later2@ twice), full@ is taken and its data refused (552), busy@ has its data refused for now (452),
// hang@ is never answered, cut@ ends the connection.
import { appendFileSync, readFileSync } from "node:fs";
import { SMTPServer } from "smtp-server";

const { MODE, USER, PASSWORD, KEY, CERT, BOX } = process.env;
const fail = (code, text) => Object.assign(new Error(text), { responseCode: code });
const asked = new Map();
const server = new SMTPServer({
  secure: MODE === "tls",
  key: KEY && readFileSync(KEY),
  cert: CERT && readFileSync(CERT),
  disabledCommands: MODE === "old" || MODE === "plain" ? ["STARTTLS"] : [],
  hideSTARTTLS: MODE !== "starttls",
  authOptional: !USER,
  authMethods: ["PLAIN", "LOGIN"],
  disableReverseLookup: true,
  onAuth({ username, password }, session, done) {
    if (!session.secure) return done(fail(538, "not without TLS"));
    done(username === USER && password === PASSWORD ? null : fail(535, "wrong: " + password), { user: username });
  },
  onMailFrom({ address }, session, done) {
    done(MODE === "starttls" && !session.secure ? fail(530, "STARTTLS first") : null);
  },
  onRcptTo({ address }, session, done) {
    const [name] = address.split("@");
    if (name === "none") return done(fail(550, "no such mailbox, ask root@10.0.0.7"));
    if (name.startsWith("later")) {
      const times = Number(name.slice("later".length) || Infinity);
      asked.set(address, (asked.get(address) ?? 0) + 1);
      return done(asked.get(address) > times ? null : fail(451, "not now"));
    }
    if (name === "hang") return;
    if (name === "cut") return session.connection?.close?.() ?? process.exit(1);
    done();
  },
  onData(stream, session, done) {
    const parts = [];
    stream.on("data", (part) => parts.push(part));
    stream.on("end", () => {
      const to = session.envelope.rcptTo.map((r) => r.address);
      if (to[0].startsWith("full@")) return done(fail(552, "too much"));
      if (to[0].startsWith("busy@")) return done(fail(452, "no room now"));
      const { secure } = session;
      const user = session.user || ""; // false without signing in
      const text = Buffer.concat(parts).toString();
      appendFileSync(BOX, JSON.stringify({ user, secure, from: session.envelope.mailFrom.address, to, text }) + "\n");
      done();
    });
  },
});
server.on("error", () => {}); // a client that ends a handshake is part of the tests
server.listen(0, "127.0.0.1", () => console.log("ready", server.server.address().port));
