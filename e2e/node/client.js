// A SCIM client that is not ours: GitHub's Octokit with the calls of its enterprise cloud. It reads one JSON object a line,
// {"call", "request"}, and answers each with {"status", "body"}. ADDRESS, TENANT and TOKEN say whom to speak to.
//
// Two things are not Octokit's: the base URL, which has the tenant before the version, and the scheme of the token.
import { createInterface } from "node:readline";
import { Octokit } from "@octokit/core";
import { enterpriseCloud } from "@octokit/plugin-enterprise-cloud";

const { ADDRESS, TENANT, TOKEN } = process.env;
const log = { debug() {}, info() {}, warn: console.error, error() {} }; // an error is part of the answer
const octokit = new (Octokit.plugin(enterpriseCloud))({ baseUrl: ADDRESS, log });
octokit.hook.before("request", (options) => {
  options.url = options.url.replace("/scim/v2/enterprises/:enterprise", "/scim/:enterprise/v2");
  options.headers.authorization = `bearer ${TOKEN}`;
});
for await (const line of createInterface({ input: process.stdin })) {
  const { call, request } = JSON.parse(line);
  try {
    const { status, data } = await octokit.enterpriseAdmin[call]({ enterprise: TENANT, ...request });
    console.log(JSON.stringify({ status, body: data }));
  } catch (error) {
    console.log(JSON.stringify({ status: error.status ?? 0, body: error.response?.data, error: String(error) }));
  }
}
