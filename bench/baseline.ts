import { createHmac, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import Fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { type Movement, rowLockWallets } from "./rowLockWallet.ts";

/**
 * What Everfold is measured against: one locked row a wallet. The server around it has Everfold's framework, contract
 * and checks of token and body. It does less than Everfold: no sessions, no roles, no idempotency, no provable history.
 */
const text = (maxLength: number) => ({ type: "string", minLength: 1, maxLength });
const params = { type: "object", properties: { id: { type: "string", format: "uuid" } } };
const body = {
  type: "object",
  properties: {
    amount: { type: "integer", minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
    description: text(500),
    referenceId: text(200),
  },
  required: ["amount", "description"],
  additionalProperties: false,
};
const transaction = {
  type: "object",
  properties: {
    id: { type: "string" },
    type: { type: "string" },
    amount: { type: "integer" },
    balanceAfter: { type: "integer" },
    description: { type: "string" },
    referenceId: { type: "string", nullable: true },
    createdAt: { type: "string", format: "date-time" },
  },
};
/** Fastify writes answers of a known shape faster. */
const moved = {
  type: "object",
  properties: {
    success: { type: "boolean" },
    data: { type: "object", properties: { transaction, balance: { type: "integer" } } },
    error: { type: "null" },
    meta: { type: "object" },
  },
};

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
const isAuthentic = ({ headers }: FastifyRequest): boolean => {
  const [, content, claims, given] = headers.authorization?.match(/^Bearer ([\w-]+\.([\w-]+))\.([\w-]+)$/) ?? [];
  if (content === undefined || claims === undefined || given === undefined) return false;
  const [expected, actual] = [signature(content), Buffer.from(given, "base64url")];
  if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) return false;
  return JSON.parse(Buffer.from(claims, "base64url").toString()).exp > Date.now() / 1_000;
};

type InWorkspace = { Params: { id: string } };
type Moving = InWorkspace & { Body: Omit<Movement, "type"> };

const wallets = await rowLockWallets(process.env["DATABASE_URL"]);

const move = (type: Movement["type"]) => async (request: FastifyRequest<Moving>, reply: FastifyReply<Moving>) => {
  const outcome = await wallets.move(request.params.id, { type, ...request.body });
  if (outcome?.kind === "moved") {
    const { transaction, balance } = outcome;
    return reply.code(201).send(success({ transaction, balance }));
  }
  if (outcome === undefined) return reply.code(404).send(failure("RESOURCE_NOT_FOUND"));
  const { amount: required } = request.body;
  const { balance } = outcome;
  return reply.code(402).send(failure("INSUFFICIENT_CREDITS", { balance, required, shortfall: required - balance }));
};

const server = Fastify();
server.addHook("onRequest", async (request, reply) => {
  if (!isAuthentic(request)) return reply.code(401).send(failure("UNAUTHENTICATED"));
});
server.post("/api/v1/workspaces", async (_, reply) => {
  const id = randomUUID();
  await wallets.open(id);
  return reply.code(201).send(success({ id }));
});
const moving = { schema: { params, body, response: { 201: moved } } };
server.post("/api/v1/workspaces/:id/billing/credits", moving, move("purchase"));
server.post("/api/v1/workspaces/:id/billing/debits", moving, move("debit"));
server.get<InWorkspace>("/api/v1/workspaces/:id/billing", async ({ params: { id: workspaceId } }) =>
  success({ workspaceId, creditBalance: await wallets.balance(workspaceId) }),
);
server.get<InWorkspace>("/api/v1/workspaces/:id/billing/transactions", async ({ params: { id } }) =>
  success([], { total: await wallets.transactions(id) }),
);

// Nobody is left to stop it.
process.once("disconnect", () => process.exit());
const address = new URL(await server.listen({ host: "127.0.0.1", port: 0 }));
process.send?.({ port: Number(address.port), token: token() });
