import { z } from "zod";
import { poolAs } from "../../src/backends.ts";
import { accessControl, type Permission, permissions } from "../../src/commands/access.ts";
import { apiKeyAuthentication } from "../../src/commands/apiKeyAuthentication.ts";
import { operation } from "../../src/commands/operation.ts";
import { sessionStanding } from "../../src/commands/sessions.ts";
import { readConfig } from "../../src/config.ts";
import { eventCodec } from "../../src/eventstore/codec.ts";
import { eventStoreDb } from "../../src/eventstore/esdb.ts";
import type { Ports } from "../../src/http/ports.ts";
import { createServer } from "../../src/http/server.ts";
import { accessTokens } from "../../src/platform/accessTokens.ts";
import { deriveKey } from "../../src/platform/encryption.ts";
import { keyVault } from "../../src/platform/keyVault.ts";
import { createLog, standardOutput } from "../../src/platform/log.ts";
import { openMasterKey } from "../../src/platform/masterKey.ts";
import { openSigningKeys } from "../../src/platform/signingKeys.ts";
import { ownWrites } from "../../src/projections/positions.ts";
import { writeSide } from "../../src/writeSide.ts";
import { announce } from "./forked.ts";

/** A route in a workspace that does nothing: behind all that other routes are behind, or behind that but its guard. */
const Probe = operation({
  name: "Probe",
  permission: "credits:debit",
  input: z.object({ workspaceId: z.uuid() }),
  output: z.object({ done: z.boolean() }),
  execute: async () => ({ answer: { done: true }, revision: 0n, position: 0n, replayed: false }),
});

const [guard = "", settings = "{}"] = process.argv.slice(2);
const config = readConfig({ ...JSON.parse(settings), DATABASE_URL: process.env["DATABASE_URL"] });
const stack = new AsyncDisposableStack();
const log = createLog(config.LOG_LEVEL, standardOutput());
const backends = { databaseUrl: config.DATABASE_URL ?? "" };
const pool = poolAs("everfold_api", { config, backends, log }, stack);
const masterKey = await openMasterKey(pool, { given: config.ENCRYPTION_MASTER_KEY, dataDir: config.DATA_DIR });
const store = eventStoreDb({ url: config.EVENTSTORE_URL ?? "" });
const codec = eventCodec(keyVault({ pool, masterKey }));
const handler = writeSide({ config, store, codec, pool, masterKey, log }, stack);
const tokens = accessTokens({
  keys: await openSigningKeys(pool, deriveKey(masterKey, "signing-keys")),
  issuer: config.JWT_ISSUER,
  audience: config.JWT_AUDIENCE,
  lifetimeS: config.JWT_ACCESS_EXPIRY,
});
const { check } = accessControl(handler);

/** All that this one route makes use of. */
const ports: Pick<Ports, "handler" | "tokens" | "sessions" | "apiKeys" | "access" | "writes" | "now"> = {
  handler,
  tokens,
  sessions: { standing: sessionStanding(handler) },
  apiKeys: apiKeyAuthentication({ handler, warn: (error) => log.warn({ error }, "the use of a key was not recorded") }),
  access: {
    permissions:
      guard === "open" ? { public: permissions.public, [Probe.permission]: permissions.public } : permissions,
    check: (permission, caller, place) => check(permission as Permission, caller, place),
  },
  writes: ownWrites(1_000),
  now: () => new Date().toISOString(),
};
const server = await createServer({
  settings: config,
  log,
  ports: ports as Ports,
  keys: { jwks: () => tokens.jwks(), ledgerKeys: async () => ({ keys: [] }) },
  dependencies: [],
  features: (app) =>
    app.command("POST", "/workspaces/:workspaceId/probe", Probe, { example: { data: { done: true } } }),
});
const url = await server.listen({ host: "127.0.0.1", port: 0 });
announce({ port: Number(new URL(url).port), token: "" });
