import { createHash } from "node:crypto";
import apiReference from "@scalar/fastify-api-reference";
import type { FastifyInstance } from "fastify";
import { API_PREFIX } from "./route.ts";

/** The document is its own media type: it is read by tools, which expect no envelope around it. */
const OPENAPI_TYPE = "application/vnd.oai.openapi+json; version=3.0; charset=utf-8";

/** The script weighs a megabyte and changes with the release alone. */
const SCRIPT_CACHING = "public, max-age=3600";

/** FND-20: the document, and pages made of it by a script this server itself serves: nothing comes from elsewhere. */
export const documentationRoutes = async (server: FastifyInstance): Promise<void> => {
  const open = { schema: { hide: true }, config: { action: "GetDocumentation", resource: "public" } };
  server.get(`${API_PREFIX}/openapi.json`, open, async (_, reply) =>
    reply.type(OPENAPI_TYPE).send(JSON.stringify(server.swagger())),
  );
  await server.register(async (pages) => {
    pages.addHook("onSend", async (_, reply, payload) => {
      const type = String(reply.getHeader("content-type"));
      if (type.startsWith("text/html")) reply.header("content-security-policy", policyFor(String(payload)));
      if (type.startsWith("application/javascript")) reply.header("cache-control", SCRIPT_CACHING);
      return payload;
    });
    await pages.register(apiReference, {
      routePrefix: `${API_PREFIX}/docs`,
      configuration: {
        url: `${API_PREFIX}/openapi.json`,
        pageTitle: "Everfold API",
        withDefaultFonts: false,
        telemetry: false,
        hideClientButton: true,
        // Each of these would lead to somebody else's service.
        agent: { disabled: true },
        mcp: { disabled: true },
        showDeveloperTools: "never",
        authentication: { preferredSecurityScheme: "accessToken" },
      },
    });
  });
};

/** The one script written into the page is let through by its hash; the others come from this server. */
const policyFor = (page: string): string => {
  const scripts = [...page.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map(([, script = ""]) => script);
  const inline = scripts.filter((script) => script !== "");
  const hashes = inline.map((script) => `'sha256-${createHash("sha256").update(script).digest("base64")}'`);
  return [
    "default-src 'none'",
    `script-src 'self' ${hashes.join(" ")}`,
    "style-src 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
};
