import { EventStoreDBClient } from "@eventstore/db-client";

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
 * A client with these options beside those that the connection string has, which go before them. Options meant for
 * other clients are passed over.
 *
 * Errors: `ConnectionStringInvalid`, also when a file that it names is not there.
 */
export const clientAt = (connectionString: string, defaults: Readonly<Record<string, string>>): EventStoreDBClient => {
  const [address = "", ...query] = connectionString.trim().split("?");
  const given = query
    .join("?")
    .split("&")
    .filter((option) => optionsUnderstood.has(flat(option.split("=", 1)[0] ?? "")));
  const names = new Set(given.map((option) => flat(option.split("=", 1)[0] ?? "")));
  const added = Object.entries(defaults).flatMap(([name, value]) => (names.has(flat(name)) ? [] : `${name}=${value}`));
  const options = [...given, ...added];
  try {
    return EventStoreDBClient.connectionString(
      address.replace(/\/+$/, "") + (options.length > 0 ? `?${options.join("&")}` : ""),
    );
  } catch (error) {
    throw new ConnectionStringInvalid(`The event store's connection string cannot be used: ${reasonOf(error)}`);
  }
};

const flat = (name: string): string => name.trim().toLowerCase().replaceAll(/[-_]/g, "");

const reasonOf = (error: unknown): string => {
  if (typeof error === "object" && error !== null && "location" in error && Array.isArray(error.location))
    return `it is not understood from character ${Number(error.location[0]) + 1} on.`;
  return error instanceof Error ? error.message : "it is not understood.";
};
