// What others make of the same: reads one JSON object a line and answers each with a line.
//
//   {"resource", "patch"}    what scim-patch makes of the resource
//   {"resources", "filter"}  which resources scim2-parse-filter lets through
//   {"resource", "schema"}   what SCIMMY reads of a resource that a server has sent; "User" has the enterprise extension
//   {"describe"}             the schema of that name, as SCIMMY defines it
import { createInterface } from "node:readline";
import { scimPatch } from "scim-patch";
import filters from "scim2-parse-filter";
import SCIMMY from "scimmy";

const { filter, parse } = filters;
SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser, false);

function answer(task) {
  if (task.patch) return { resource: scimPatch(task.resource, task.patch.Operations, { mutateDocument: false }) };
  if (task.schema) return { resource: SCIMMY.Schemas[task.schema].definition.coerce(task.resource, "out") };
  if (task.describe) return { schema: SCIMMY.Schemas[task.describe].definition.describe() };
  const match = filter(parse(task.filter));
  return { ids: task.resources.filter((r) => match(r)).map((r) => r.id) };
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify(answer(JSON.parse(line))));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.message ?? error) }));
  }
}
