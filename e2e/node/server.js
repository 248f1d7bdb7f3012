// A SCIM 2.0 server on loopback whose protocol is SCIMMY's, not ours. It keeps users and groups in memory, asks for the
// bearer token TOKEN, and prints "ready" with its base address once it listens.
import { randomUUID } from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

// declare gives a resource type a store whose objects are unique in one attribute, whatever its case.
function declare(type, unique) {
  const objects = new Map();
  const taken = new Map(); // unique value, lower case, to id
  const find = (id) => {
    const found = objects.get(id);
    if (!found) throw new SCIMMY.Types.Error(404, null, `Resource ${id} not found`);
    return found;
  };
  SCIMMY.Resources.declare(type, {
    ingress: (resource, instance) => {
      const old = resource.id ? find(resource.id) : undefined;
      const key = String(instance[unique]).toLowerCase();
      const id = old?.id ?? randomUUID();
      if ((taken.get(key) ?? id) !== id) {
        throw new SCIMMY.Types.Error(409, "uniqueness", `${unique} ${instance[unique]} is taken`);
      }
      if (old) taken.delete(String(old[unique]).toLowerCase());
      taken.set(key, id);
      const now = new Date().toISOString();
      const meta = { created: old?.meta.created ?? now, lastModified: now };
      const object = { ...JSON.parse(JSON.stringify(instance)), id, meta };
      objects.set(id, object);
      return object;
    },
    egress: (resource) => (resource.id ? find(resource.id) : [...objects.values()]),
    degress: (resource) => {
      const old = find(resource.id);
      taken.delete(String(old[unique]).toLowerCase());
      objects.delete(old.id);
    },
  });
}

SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser, false);
declare(SCIMMY.Resources.User, "userName");
declare(SCIMMY.Resources.Group, "displayName");

const app = express();
app.use("/scim/v2", new SCIMMYRouters({
  type: "bearer",
  handler: (request) => {
    if (request.header("Authorization") !== `Bearer ${process.env.TOKEN}`) throw new Error("The token is wrong");
    return "";
  },
}));
const server = app.listen(0, "127.0.0.1", () => {
  console.log(`ready http://127.0.0.1:${server.address().port}/scim/v2`);
});
