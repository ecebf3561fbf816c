import type pg from "pg";
import { inTransaction, type Moved, type Movement, type Wallets } from "./wallets.ts";

const tables = `
  create table billing (
    workspace_id uuid primary key,
    credit_balance bigint not null check (credit_balance >= 0)
  );
  create table credit_transactions (
    id uuid primary key default gen_random_uuid(),
    workspace_id uuid not null references billing,
    type text not null,
    amount bigint not null,
    balance_after bigint not null,
    description text not null,
    reference_id text,
    created_at timestamptz not null default now()
  );
  create index on credit_transactions (workspace_id, created_at desc)`;
const open = { text: "insert into billing (workspace_id, credit_balance) values ($1, 0)" };
const lock = { text: "select credit_balance from billing where workspace_id = $1 for update" };
const move = { text: "update billing set credit_balance = $2 where workspace_id = $1" };
const record = {
  text: `insert into credit_transactions (workspace_id, type, amount, balance_after, description, reference_id)
    values ($1, $2, $3, $4, $5, $6) returning id, created_at`,
};
const balance = { text: "select credit_balance from billing where workspace_id = $1" };
const count = { text: "select count(*) from credit_transactions where workspace_id = $1" };

/** Wallets as rows that are locked while they change; each change is one durable transaction with a line of its own. */
export const rowLockWallets = async (pool: pg.Pool): Promise<Wallets> => {
  await pool.query(tables);

  return {
    open: async (workspaceId) => {
      await pool.query({ ...open, values: [workspaceId] });
    },
    balance: async (workspaceId) => {
      const { rows } = await pool.query<{ credit_balance: string }>({ ...balance, values: [workspaceId] });
      return Number(rows[0]?.credit_balance);
    },
    transactions: async (workspaceId) => {
      const { rows } = await pool.query<{ count: string }>({ ...count, values: [workspaceId] });
      return Number(rows[0]?.count);
    },
    move: (workspaceId, movement) => inTransaction(pool, (connection) => moveWithin(connection, workspaceId, movement)),
  };
};

const moveWithin = async (
  connection: pg.PoolClient,
  workspaceId: string,
  { type, amount, description, referenceId }: Movement,
): Promise<Moved | undefined> => {
  const [wallet] = (await connection.query<{ credit_balance: string }>({ ...lock, values: [workspaceId] })).rows;
  if (wallet === undefined) return undefined;
  const before = Number(wallet.credit_balance);
  const after = before + (type === "debit" ? -amount : amount);
  if (after < 0) return { kind: "short", balance: before };
  await connection.query({ ...move, values: [workspaceId, after] });
  const values = [workspaceId, type, amount, after, description, referenceId];
  const [line] = (await connection.query<{ id: string; created_at: Date }>({ ...record, values })).rows;
  const written = { id: line?.id, createdAt: line?.created_at };
  const transaction = { ...written, type, amount, balanceAfter: after, description, referenceId };
  return { kind: "moved", transaction, balance: after };
};
