import { readFileSync } from "node:fs";
import type { SecureContextOptions } from "node:tls";
import { EventStoreDBClient } from "@eventstore/db-client";
import { parseConnectionString } from "@eventstore/db-client/dist/Client/parseConnectionString.js";

/** The client, and what it does not tell of how it connects. */
export type Access = {
  client: EventStoreDBClient;
  /** Undefined where nothing is encrypted. */
  tls: SecureContextOptions | undefined;
  keepAlive: { intervalMs: number; timeoutMs: number };
};

/** A connection string that the client cannot use. It may hold a password, so that nothing of it is repeated. */
class ConnectionStringInvalid extends Error {
  override readonly name = "ConnectionStringInvalid";
}

/** Without case and dashes. Of any other the client would warn, with all of the connection string. */
const optionsUnderstood: ReadonlySet<string> = new Set([
  "tls",
  "tlscafile",
  "usercertfile",
  "userkeyfile",
  "connectionname",
  "defaultdeadline",
  "discoveryinterval",
  "gossiptimeout",
  "maxdiscoverattempts",
  "nodepreference",
  "throwonappendfailure",
  "keepaliveinterval",
  "keepalivetimeout",
]);

/**
 * Access with these options beside those that the connection string has, which go before them. Options meant for
 * other clients are passed over.
 *
 * Errors: `ConnectionStringInvalid`, also when a file that it names is not there.
 */
export const clientAt = (connectionString: string, defaults: Readonly<Record<string, string>>): Access => {
  const [address = "", ...query] = connectionString.trim().split("?");
  const given = query
    .join("?")
    .split("&")
    .filter((option) => optionsUnderstood.has(flat(option.split("=", 1)[0] ?? "")));
  const names = new Set(given.map((option) => flat(option.split("=", 1)[0] ?? "")));
  const added = Object.entries(defaults).flatMap(([name, value]) => (names.has(flat(name)) ? [] : `${name}=${value}`));
  const options = [...given, ...added];
  try {
    const understood = address.replace(/\/+$/, "") + (options.length > 0 ? `?${options.join("&")}` : "");
    return { client: EventStoreDBClient.connectionString(understood), ...connectingBy(understood) };
  } catch (error) {
    throw new ConnectionStringInvalid(`The event store's connection string cannot be used: ${reasonOf(error)}`);
  }
};

const keepAliveMs = 10_000;

const connectingBy = (connectionString: string): Pick<Access, "tls" | "keepAlive"> => {
  const { tls, tlsCAFile, userCertFile, userKeyFile, ...others } = parseConnectionString(connectionString);
  const { keepAliveInterval: intervalMs = keepAliveMs, keepAliveTimeout: timeoutMs = keepAliveMs } = others;
  const files = { ca: tlsCAFile, cert: userCertFile, key: userKeyFile };
  const given = Object.entries(files).flatMap(([name, file]) =>
    file === undefined ? [] : [[name, readFileSync(file)]],
  );
  return { tls: tls === false ? undefined : Object.fromEntries(given), keepAlive: { intervalMs, timeoutMs } };
};

const flat = (name: string): string => name.trim().toLowerCase().replaceAll(/[-_]/g, "");

const reasonOf = (error: unknown): string => {
  if (typeof error === "object" && error !== null && "location" in error && Array.isArray(error.location))
    return `it is not understood from character ${Number(error.location[0]) + 1} on.`;
  return error instanceof Error ? error.message : "it is not understood.";
};
