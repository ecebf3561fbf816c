import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import pg from "pg";
import { inTransaction, type Moved, type Movement, type Wallets } from "./wallets.ts";

const folder = new URL("../pgledger/", import.meta.url);
/** In the order in which they need each other. */
const files = ["ulid-to-uuid.sql", "uuid-to-ulid.sql", "pgledger.sql"].map((name) => new URL(name, folder));

export const isPgledgerHere = (): boolean => files.every((file) => existsSync(file));

const keys = "create table request_keys (workspace_id uuid, key text, primary key (workspace_id, key))";
const open = {
  text: `select (select id from pgledger_create_account($1, 'CREDIT', allow_negative_balance => false)) as wallet,
    (select id from pgledger_create_account($1 || ' outside', 'CREDIT')) as outside`,
};
const once = { text: "insert into request_keys (workspace_id, key) values ($1, $2)" };
const transfer = {
  text: "select id, created_at from pgledger_create_transfer($1, $2, $3, metadata => $4)",
};
const balance = { text: "select balance from pgledger_accounts where id = $1" };
const count = { text: "select count(*) from pgledger_entries where account_id = $1" };

/** A wallet, and an account that what it pays goes to. One for each wallet: a common one would be one hot row. */
type Accounts = { wallet: string; outside: string };

/**
 * Wallets as accounts of pgledger, in a fresh database. It has no idempotency keys: a unique pair of workspace and key
 * is written in the same transaction. Which account belongs to which workspace is kept in memory, where it costs
 * nothing.
 */
export const pgledgerWallets = async (pool: pg.Pool): Promise<Wallets> => {
  for (const file of files) await pool.query(await readFile(file, "utf8"));
  await pool.query(keys);
  const accounts = new Map<string, Accounts>();
  const walletOf = (workspaceId: string) => accounts.get(workspaceId)?.wallet;
  const numberFrom = async (text: string, workspaceId: string): Promise<number> => {
    const { rows } = await pool.query<[string]>({ text, values: [walletOf(workspaceId)], rowMode: "array" });
    return Number(rows[0]?.[0]);
  };
  return {
    open: async (workspaceId) => {
      const { rows } = await pool.query<Accounts>({ ...open, values: [workspaceId] });
      if (rows[0]) accounts.set(workspaceId, rows[0]);
    },
    balance: (workspaceId) => numberFrom(balance.text, workspaceId),
    transactions: (workspaceId) => numberFrom(count.text, workspaceId),
    move: async (workspaceId, movement) => {
      const of = accounts.get(workspaceId);
      if (of === undefined) return undefined;
      try {
        return await inTransaction(pool, (connection) => moveWithin(connection, workspaceId, of, movement));
      } catch (error) {
        if (!isShort(error)) throw error;
        return { kind: "short", balance: await numberFrom(balance.text, workspaceId) };
      }
    },
  };
};

const moveWithin = async (
  connection: pg.PoolClient,
  workspaceId: string,
  { wallet, outside }: Accounts,
  { type, amount, description, referenceId, key }: Movement,
): Promise<Moved> => {
  await connection.query({ ...once, values: [workspaceId, key] });
  const [from, to] = type === "debit" ? [wallet, outside] : [outside, wallet];
  const values = [from, to, amount, JSON.stringify({ type, description, referenceId })];
  const [line] = (await connection.query<{ id: string; created_at: Date }>({ ...transfer, values })).rows;
  // Nobody else can change it before the commit: the transfer has locked the row.
  const [left] = (await connection.query<{ balance: string }>({ ...balance, values: [wallet] })).rows;
  const after = Number(left?.balance);
  const written = { id: line?.id, createdAt: line?.created_at };
  return {
    kind: "moved",
    transaction: { ...written, type, amount, balanceAfter: after, description, referenceId },
    balance: after,
  };
};

const isShort = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && /does not allow negative balance/.test(error.message);
