import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import type { App } from "./parts.ts";
import type { AssetName } from "./assets.ts";
import { VERSION } from "./version.ts";

const hidden = { hide: true };

/** Everything comes from this server, the fonts too: the page works without internet. */
const POLICY =
  "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:";

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Slipway API</title>
  </head>
  <body>
    <div id="app"></div>
    <script src="/docs/scalar.js"></script>
    <script>
      Scalar.createApiReference("#app", {
        url: "/docs/openapi.json", withDefaultFonts: false, telemetry: false, hideClientButton: true,
        agent: { disabled: true }, mcp: { disabled: true }, showDeveloperTools: "never",
      });
    </script>
  </body>
</html>
`;

const INTRODUCTION = `Jobs go in, results and artifacts come out. A job that was answered with 202 is not lost.

Requests carry a token (\`authorization: Bearer ...\`; on a development stack \`make token\` prints one) or a signature. Each
tenant sees its own jobs alone. Errors are \`application/problem+json\`; \`type\` names them.`;

/** Serves `/docs` and `/docs/openapi.json`, made from the routes' own schemas. */
export async function registerDocs(app: App): Promise<void> {
  // Loaded only here: in prod the page is off, and nobody waits for its parts.
  const [{ default: swagger }, { describeRoute, SECURITY_SCHEMES, TAGS, withOptionalBodies }] = await Promise.all([
    import("@fastify/swagger"),
    import("./openapi.ts"),
  ]);
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Slipway API", version: VERSION, description: INTRODUCTION },
      tags: TAGS,
      components: { securitySchemes: SECURITY_SCHEMES },
    },
    transform: describeRoute,
  });
  app.get("/docs", { schema: hidden }, async (_request, reply) =>
    reply.type("text/html; charset=utf-8").header("content-security-policy", POLICY).send(PAGE),
  );
  app.get("/docs/openapi.json", { schema: hidden }, async (_request, reply) =>
    reply.type("application/json").send(JSON.stringify(app.swagger(), withOptionalBodies)),
  );
  app.get("/docs/scalar.js", { schema: hidden }, async (request, reply) => {
    const script = await loadAsset("scalar.js.gz");
    const takesGzip = /\bgzip\b/.test(request.headers["accept-encoding"] ?? "");
    if (takesGzip) reply.header("content-encoding", "gzip");
    return reply
      .type("text/javascript; charset=utf-8")
      .header("vary", "accept-encoding")
      .send(takesGzip ? script : gunzipSync(script));
  });
}

/** From beside the bundle; from the packages when this runs from its sources. */
async function loadAsset(name: AssetName): Promise<Buffer> {
  try {
    return await readFile(new URL(`assets/${name}`, import.meta.url));
  } catch (error) {
    const source = new URL("assets.ts", import.meta.url).href;
    // Not a literal: the bundler must not take the packages in.
    const loaded = (await import(source).catch(() => {
      throw error;
    })) as typeof import("./assets.ts");
    return loaded.ASSETS[name]();
  }
}
