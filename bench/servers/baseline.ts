import { createHmac, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import express, { type NextFunction, type Request, type Response } from "express";
import pg from "pg";
import { z } from "zod";
import { announce } from "./forked.ts";
import { pgledgerWallets } from "./pgledgerWallet.ts";
import { rowLockWallets } from "./rowLockWallet.ts";
import type { Movement } from "./wallets.ts";

/**
 * What Everfold is measured against. `rowLock` is the plan it replaces: Express, bodies validated by zod, a Bearer
 * token, and one locked row a wallet behind `pg`. It does less than Everfold: no sessions, no roles, no idempotency, no
 * history that can be proven. `pgledger` is the same server on a ledger that is a set of functions in Postgres.
 */
const kinds = { rowLock: rowLockWallets, pgledger: pgledgerWallets };
const Kind = z.enum(["rowLock", "pgledger"]);
const POOL_MAX = 20;

const Moving = z.strictObject({
  amount: z.int().positive(),
  description: z.string().min(1).max(500),
  referenceId: z.string().min(1).max(200).optional(),
});
const InWorkspace = z.object({ id: z.uuid() });

const success = (data: object, meta: object = {}) => ({ success: true, data, error: null, meta });
const failure = (code: string, details: object = {}) => ({
  success: false,
  data: null,
  error: { code, message: code, details },
  meta: {},
});

const secret = randomBytes(32);
const signature = (content: string): Buffer => createHmac("sha256", secret).update(content).digest();
const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

const token = (): string => {
  const claims = { sub: randomUUID(), exp: Math.ceil(Date.now() / 1_000) + 86_400 };
  const content = `${encoded({ alg: "HS256", typ: "JWT" })}.${encoded(claims)}`;
  return `${content}.${signature(content).toString("base64url")}`;
};

/** HS256 with a shared secret: the cheapest check of a token there is. */
const isAuthentic = ({ headers }: Request): boolean => {
  const [, content, claims, given] = headers.authorization?.match(/^Bearer ([\w-]+\.([\w-]+))\.([\w-]+)$/) ?? [];
  if (content === undefined || claims === undefined || given === undefined) return false;
  const [expected, actual] = [signature(content), Buffer.from(given, "base64url")];
  if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) return false;
  return JSON.parse(Buffer.from(claims, "base64url").toString()).exp > Date.now() / 1_000;
};

const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"], max: POOL_MAX });
// An idle connection that is lost is replaced by the pool.
pool.on("error", () => undefined);
const wallets = await kinds[Kind.parse(process.argv[2])](pool);

const move = (type: Movement["type"]) => async (request: Request, response: Response) => {
  const { id } = InWorkspace.parse(request.params);
  const { referenceId = null, ...given } = Moving.parse(request.body);
  const key = request.get("Idempotency-Key") ?? randomUUID();
  const outcome = await wallets.move(id, { type, key, referenceId, ...given });
  if (outcome?.kind === "moved") {
    const { transaction, balance } = outcome;
    return response.status(201).json(success({ transaction, balance }));
  }
  if (outcome === undefined) return response.status(404).json(failure("RESOURCE_NOT_FOUND"));
  const { amount: required } = given;
  const { balance } = outcome;
  const details = { balance, required, shortfall: required - balance };
  return response.status(402).json(failure("INSUFFICIENT_CREDITS", details));
};

const app = express();
app.use(express.json());
app.use((request, response, next) => {
  if (isAuthentic(request)) next();
  else response.status(401).json(failure("UNAUTHENTICATED"));
});
app.post("/api/v1/workspaces", async (_, response) => {
  const id = randomUUID();
  await wallets.open(id);
  response.status(201).json(success({ id }));
});
app.post("/api/v1/workspaces/:id/billing/credits", move("purchase"));
app.post("/api/v1/workspaces/:id/billing/debits", move("debit"));
app.get("/api/v1/workspaces/:id/billing", async ({ params: { id } }, response) => {
  response.json(success({ workspaceId: id, creditBalance: await wallets.balance(id) }));
});
app.get("/api/v1/workspaces/:id/billing/transactions", async ({ params: { id } }, response) => {
  response.json(success([], { total: await wallets.transactions(id) }));
});
app.use((error: unknown, _: Request, response: Response, _next: NextFunction) => {
  if (error instanceof z.ZodError) response.status(400).json(failure("VALIDATION_ERROR", { issues: error.issues }));
  else response.status(500).json(failure("INTERNAL"));
});

const server = app.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the baseline listens on no port");
  announce({ port: address.port, token: token() });
});
