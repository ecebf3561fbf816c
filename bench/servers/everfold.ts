import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type Contender, call } from "./contender.ts";
import { type Settings, startEverfold } from "./everfoldProcess.ts";

const Endpoints = z.object({ eventStoreUrl: z.string(), databaseUrl: z.string() });

export type Everfold = Contender & {
  directory: string;
  /** What another process needs to work on the same events and the same database. */
  shared(): Promise<Settings>;
  /** Starts another process on the same events and the same database, with a folder of its own. */
  another(directory: string): Promise<Contender>;
};

/** A running Everfold, somebody who has just registered and signed in, and their workers' API key. */
export const startSignedUp = async (directory: string, settings: Settings = {}): Promise<Everfold> => {
  const started = await startEverfold("node", directory, settings);
  try {
    const ownerToken = await signUp(started.port);
    const token = await workersKey(started.port, ownerToken);
    const shared = () => sharedSettings(directory);
    const another = async (ownDirectory: string): Promise<Contender> => {
      const second = await startEverfold("node", ownDirectory, { ...settings, ...(await shared()), ROLES: "api" });
      return { name: "everfold", token, ownerToken, ...second };
    };
    return { name: "everfold", directory, token, ownerToken, shared, another, ...started };
  } catch (error) {
    await started.stop();
    throw error;
  }
};

const sharedSettings = async (directory: string): Promise<Settings> => {
  const endpoints = Endpoints.parse(JSON.parse(await readFile(join(directory, "endpoints.json"), "utf8")));
  return {
    EVENTSTORE_URL: endpoints.eventStoreUrl,
    DATABASE_URL: endpoints.databaseUrl,
    ENCRYPTION_MASTER_KEY: (await readFile(join(directory, "master.key"), "utf8")).trim(),
  };
};

const signUp = async (port: number): Promise<string> => {
  const account = { email: "bench@example.com", password: "Correct-horse-9-battery" };
  await call({ port }, "POST", "/auth/register", { ...account, name: "Bench" });
  const { data } = await call({ port }, "POST", "/auth/login", account);
  return String(data["accessToken"]);
};

/** The organization is read from the token: a server without projections could not be asked for it. */
const Claims = z.object({ orgId: z.uuid() });

/** For all workspaces of the person's organization, and for nothing but what workers do there. */
const workersKey = async (port: number, token: string): Promise<string> => {
  const { orgId } = Claims.parse(JSON.parse(Buffer.from(String(token.split(".")[1]), "base64url").toString()));
  const lent = { role: "member", scopes: ["credits:debit", "credits:read"] };
  const keys = `/organizations/${orgId}/api-keys`;
  const { data } = await call({ port, token }, "POST", keys, { name: "Workers", ...lent });
  return String(data["key"]);
};
