import { findFolders } from "../folders.ts";
import { checkStackName, runMain } from "../main.ts";
import { openStack } from "../platforms/platforms.ts";
import { Steps } from "../steps.ts";
import { DEFAULT_TENANT, makeToken } from "../token.ts";

const USAGE = {
  command: "make token",
  summary: "prints a token for the API of the running stack. Only the token goes to standard output.",
  options: [
    "STACK=name    --stack name    stack whose API it is for; default dev",
    `TENANT=name   --tenant name   whose jobs it sees and makes; default ${DEFAULT_TENANT}`,
    "HOURS=number  --hours number  how long it is good for; default 1, at most 8760",
    "SCOPE=words   --scope words   read, write, or both; default both",
  ],
  examples: [
    'curl --header "authorization: Bearer $(make -s token)" http://127.0.0.1:8080/api/v1/jobs',
    "make -s token TENANT=acme HOURS=24 SCOPE=read",
  ],
};

const OPTIONS = {
  stack: { type: "string", default: "dev" },
  tenant: { type: "string", default: DEFAULT_TENANT },
  hours: { type: "string", default: "1" },
  scope: { type: "string" },
} as const;

await runMain(USAGE, OPTIONS, async ({ values: { stack: name, tenant, hours, scope } }) => {
  const stack = await openStack(checkStackName(name), findFolders(), new Steps());
  const token = await makeToken(await stack.jwtKeys(), {
    tenant,
    hours: Number(hours),
    ...(scope === undefined ? {} : { scope }),
  });
  process.stdout.write(`${token}\n`);
});
