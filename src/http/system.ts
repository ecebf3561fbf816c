import type { FastifyInstance } from "fastify";
import type { JSONWebKeySet } from "jose";
import { z } from "zod";
import { Empty, Success, success } from "./envelope.ts";
import { sendFailure } from "./errors.ts";
import type { Ports } from "./ports.ts";
import { type Binding, register } from "./register.ts";
import { API_PREFIX, type Route } from "./route.ts";

/** One thing this process cannot do without. Reasons name no address and no account: anybody may read them. */
export type Dependency = {
  name: string;
  /** What is wrong with it; undefined when nothing is. */
  fault: () => Promise<string | undefined>;
  /** What somebody has to see to although it is up. */
  notice?: () => Promise<string | undefined>;
};

/** A dependency that does not answer within this is not healthy. */
const PROBE_TIMEOUT_MS = 2_000;

const Health = z.object({ status: z.literal("ok") });
const Readiness = z.object({
  status: z.literal("ready"),
  dependencies: z.array(z.object({ name: z.string(), status: z.enum(["up", "down"]), reason: z.string().nullable() })),
});
type Probed = z.output<typeof Readiness>["dependencies"][number];

type System = {
  dependencies: readonly Dependency[];
  /** True from the moment the process was asked to stop. */
  isDraining: () => boolean;
  jwks: () => JSONWebKeySet;
  /** What the seals of ledgers are verified with. */
  ledgerKeys: () => Promise<JSONWebKeySet>;
};

/** What anybody may ask of the process itself; at the root as well, where orchestrators and verifiers look for it. */
export const systemRoutes = (server: FastifyInstance, ports: Ports, routes: Route[], system: System): void => {
  const add = (path: string, binding: Omit<Binding, "route" | "isCompressed"> & { route: Described }): void => {
    const route: Route = { ...common, ...binding.route, path: `${API_PREFIX}${path}` };
    register(server, ports, { ...binding, isCompressed: false, route });
    register(server, ports, { ...binding, isCompressed: false, isAlias: true, route: { ...route, path } });
    routes.push(route);
  };

  add("/health", {
    route: {
      name: "GetHealth",
      answer: Success(Health, Empty),
      example: { data: { status: "ok" }, answer: success({ status: "ok" }) },
    },
    limit: "none",
    handle: async () => success({ status: "ok" }),
  });
  const exampleReadiness = { status: "ready", dependencies: [{ name: "postgres", status: "up", reason: null }] };
  add("/ready", {
    route: {
      name: "GetReadiness",
      answer: Success(Readiness, Empty),
      example: { data: exampleReadiness, answer: success(exampleReadiness) },
    },
    limit: "none",
    handle: async (request, reply) => {
      const dependencies = await Promise.all(system.dependencies.map(probe));
      const isReady = !system.isDraining() && dependencies.every(({ status }) => status === "up");
      if (isReady) return success({ status: "ready", dependencies });
      const message = system.isDraining() ? "The process is stopping." : "A dependency is not healthy.";
      return sendFailure(request, reply, { status: 503, code: "NOT_READY", message, details: { dependencies } });
    },
  });
  const addKeys = (
    path: string,
    name: string,
    example: Record<string, string>,
    keys: System["jwks" | "ledgerKeys"],
  ): void => {
    const data = { keys: [example] };
    add(path, {
      route: {
        name,
        contentType: "application/jwk-set+json",
        answer: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }),
        example: { data, answer: data },
      },
      handle: async (_, reply) =>
        reply
          .type("application/jwk-set+json")
          .header("cache-control", JWKS_CACHING)
          .send(await keys()),
    });
  };
  const rsa = { kty: "RSA", kid: "Z0dQ…", alg: "RS256", use: "sig", n: "0vx7…", e: "AQAB" };
  addKeys("/.well-known/jwks.json", "GetSigningKeys", rsa, system.jwks);
  const ed25519 = { kty: "OKP", crv: "Ed25519", kid: "kPrK…", alg: "EdDSA", use: "sig", x: "11qY…" };
  addKeys("/.well-known/ledger-keys.json", "GetLedgerKeys", ed25519, system.ledgerKeys);
};

/** Verifiers may keep the keys this long: a new key must be published that long before it signs. */
const JWKS_CACHING = "public, max-age=300";

type Described = Pick<Route, "name" | "answer" | "example"> & Partial<Route>;
const common = {
  method: "GET",
  path: "",
  permission: "public",
  area: "system",
  status: 200,
  contentType: "application/json",
  params: z.strictObject({}),
  query: null,
  headers: null,
  body: null,
} as const;

const probe = async (dependency: Dependency): Promise<Probed> => {
  const { name } = dependency;
  const late = new Promise<Probed>((resolve) => {
    setTimeout(resolve, PROBE_TIMEOUT_MS, { name, status: "down", reason: "does not answer" }).unref();
  });
  const failed = (): Probed => ({ name, status: "down", reason: "cannot be reached" });
  return Promise.race([standingOf(dependency).catch(failed), late]);
};

const standingOf = async ({ name, fault, notice }: Dependency): Promise<Probed> => {
  const reason = await fault();
  if (reason !== undefined) return { name, status: "down", reason };
  return { name, status: "up", reason: (await notice?.()) ?? null };
};
