import pg from "pg";
import { type Sql, textOf } from "./sql.ts";
import { tenantContext } from "./tenantContext.ts";
import { Unavailable } from "./unavailable.ts";

export type Role = "everfold_api" | "everfold_projector" | "everfold_owner";
export type Pool = pg.Pool;
/** A connection inside a transaction. */
export type Transaction = pg.PoolClient;

/**
 * Postgres cannot be reached, went away while it was asked, or has no time or room for what it was asked just now. What
 * was being written may or may not be written.
 */
export class DatabaseUnavailable extends Unavailable {
  override readonly name = "DatabaseUnavailable";
  /** SQLSTATE, or what the operating system calls it, where there is one. */
  readonly code: string | undefined;

  constructor(cause: unknown) {
    const code = codeOf(cause);
    const isThere = code !== undefined && overloadCodes.test(code);
    super(isThere ? "Postgres gave up on a statement" : "Postgres cannot be reached", { cause });
    this.code = code;
  }
}

/** How long a request waits for a connection, to the server or out of the pool. */
const CONNECT_TIMEOUT_MS = 5_000;
/** The server gives up a statement at its timeout; one that then stays silent is not there any more. */
const SILENCE_MS = 1_000;

/**
 * A pool whose connections have one of our roles from their start-up on: RESET ROLE gives nothing back.
 *
 * `onError` hears of connections lost while idle; the pool replaces them by itself.
 */
export const openPool = (options: {
  url: string;
  role: Role;
  max: number;
  idleTimeoutMs: number;
  statementTimeoutMs: number;
  onError: (error: Error) => void;
}): Pool => {
  const settings = {
    role: options.role,
    statement_timeout: options.statementTimeoutMs,
    timezone: "UTC",
    datestyle: "ISO",
  };
  const pool = new pg.Pool({
    connectionString: withSettings(options.url, settings),
    application_name: options.role,
    max: options.max,
    idleTimeoutMillis: options.idleTimeoutMs,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: options.statementTimeoutMs + SILENCE_MS,
    keepAlive: true,
    types: { getTypeParser },
  });
  pool.on("error", (error) => {
    // Its end does not wait for connections to close: one that the server closes first is not lost to anybody.
    if (!pool.ending) options.onError(error);
  });
  // A connection that breaks between two statements of a transaction says so here; the next statement fails for it.
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
};

/** In the URL, because its `options` would win over any given beside it; ours come last and win over those in it. */
const withSettings = (url: string, settings: Readonly<Record<string, string | number>>): string => {
  const complete = new URL(url);
  const ours = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  const given = complete.searchParams.get("options");
  complete.searchParams.set("options", [...(given === null ? [] : [given]), ...ours].join(" "));
  return complete.href;
};

/** The rows of one statement. On a pool: in a transaction of its own, and with no tenant's rows in sight. */
export const query = <Row extends pg.QueryResultRow>(on: Pool | Transaction, statement: Sql): Promise<Row[]> =>
  on instanceof pg.Pool
    ? withConnection(on, (connection) => send<Row>(connection, statement))
    : send<Row>(on, statement);

const send = async <Row extends pg.QueryResultRow>(connection: Transaction, statement: Sql): Promise<Row[]> => {
  const { name, values } = statement;
  const { rows } = await reached(connection.query<Row>({ name, text: textOf(statement), values: [...values] }));
  return rows;
};

/** Commits when `work` resolves, rolls back when it rejects. */
export const transaction = <T>(pool: Pool, work: (transaction: Transaction) => Promise<T>): Promise<T> =>
  within(pool, "begin", work);

/**
 * TEN-02: the one way to the rows of a tenant: a read-only transaction that row-level security lets see what belongs to
 * the organization, the workspace and the user of the context it is called in. The three travel with BEGIN in one
 * message, and end with it. Errors: `NoTenantContext`.
 */
export const readAsTenant = async <T>(pool: Pool, work: (transaction: Transaction) => Promise<T>): Promise<T> => {
  const { organizationId, workspaceId, userId } = tenantContext.current();
  const context = { org: organizationId, workspace: workspaceId, user: userId };
  const settings = Object.entries(context).map(
    ([name, id]) => `set local app."${name}" = '${id === undefined ? "" : checkedUuid(id)}'`,
  );
  return within(pool, [beginReading, ...settings].join("; "), work);
};

/** The same with nobody's rows in it, unless the pool's role sees everybody's. */
export const readSnapshot = <T>(pool: Pool, work: (transaction: Transaction) => Promise<T>): Promise<T> =>
  within(pool, beginReading, work);

/** All statements see one state: a page and the total beside it belong together. */
const beginReading = "begin isolation level repeatable read read only";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** It becomes part of a statement's text: parameters cannot travel in one message with BEGIN. */
const checkedUuid = (id: string): string => {
  if (!uuid.test(id)) throw new TypeError("a tenant's id must be a UUID");
  return id;
};

const within = <T>(pool: Pool, begin: string, work: (transaction: Transaction) => Promise<T>): Promise<T> =>
  withConnection(pool, async (connection) => {
    try {
      await reached(connection.query(begin));
      const result = await work(connection);
      const { command } = await reached(connection.query("commit"));
      // A failed statement whose error `work` swallowed has undone everything, which COMMIT reports as a success.
      if (command !== "COMMIT") throw new Error("the transaction was rolled back because a statement in it failed");
      return result;
    } catch (error) {
      // Where Postgres does not answer the connection is given up, and the transaction with it.
      if (!isConnectionLost(error)) await connection.query("rollback").catch(() => undefined);
      throw error;
    }
  });

const withConnection = async <T>(pool: Pool, work: (connection: Transaction) => Promise<T>): Promise<T> => {
  const connection = await reached(pool.connect());
  try {
    const result = await work(connection);
    connection.release();
    return result;
  } catch (error) {
    connection.release(isConnectionLost(error));
    throw error;
  }
};

/** Class 08 is "connection exception", 57P0x the server going down or coming up. */
const unavailableCodes = /^(08...|57P0[1-5]|E[A-Z]+)$/;
/** 57014 is a statement's timeout, class 53 "insufficient resources": the connection stays as good as it was. */
const overloadCodes = /^(57014|53...)$/;
const unavailableMessages = new RegExp(
  `^(${[
    "Connection terminated",
    "timeout (exceeded|expired)",
    "Query read timeout",
    "Client has encountered a connection error",
    // A table was altered after the connection had a statement planned. The next connection plans anew.
    "cached plan must not",
  ].join("|")})`,
);

const reached = async <T>(asked: Promise<T>): Promise<T> => {
  try {
    return await asked;
  } catch (error) {
    throw isUnavailability(error) ? new DatabaseUnavailable(error) : error;
  }
};

const isUnavailability = (error: unknown): boolean => {
  if (error instanceof Error && unavailableMessages.test(error.message)) return true;
  const code = codeOf(error);
  return code !== undefined && (unavailableCodes.test(code) || overloadCodes.test(code));
};

const isConnectionLost = (error: unknown): boolean =>
  error instanceof DatabaseUnavailable && !(error.code !== undefined && overloadCodes.test(error.code));

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;

const { INT8, TIMESTAMPTZ } = pg.types.builtins;
const parsers: Readonly<Record<number, (text: string) => unknown>> = {
  [INT8]: (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value)) throw new RangeError(`a bigint beyond 2^53 - 1 came from Postgres: ${text}`);
    return value;
  },
  [TIMESTAMPTZ]: (text) => new Date(text.replace(" ", "T").replace("+00", "Z")).toISOString(),
};

const getTypeParser: typeof pg.types.getTypeParser = (oid: number, format?: "text" | "binary") =>
  parsers[oid] ?? pg.types.getTypeParser(oid, format);
