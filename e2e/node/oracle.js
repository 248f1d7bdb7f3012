// What others make of the same: reads one JSON object a line, {"resource", "patch"} or {"resources", "filter"}, and answers each
// with what scim-patch makes of the resource, or which resources scim2-parse-filter lets through.
import { createInterface } from "node:readline";
import { scimPatch } from "scim-patch";
import filters from "scim2-parse-filter";

const { filter, parse } = filters;
for await (const line of createInterface({ input: process.stdin })) {
  const task = JSON.parse(line);
  try {
    if (task.patch) {
      console.log(JSON.stringify({ resource: scimPatch(task.resource, task.patch.Operations, { mutateDocument: false }) }));
    } else {
      const match = filter(parse(task.filter));
      console.log(JSON.stringify({ ids: task.resources.filter((r) => match(r)).map((r) => r.id) }));
    }
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.message ?? error) }));
  }
}
