import type pg from "pg";

export type Movement = {
  type: "purchase" | "debit";
  amount: number;
  description: string;
  referenceId: string | null;
  /** Of the request; not every kind of wallet looks at it. */
  key: string;
};
/** `balance` is the one that is there when there is too little of it. */
export type Moved = { kind: "moved"; transaction: object; balance: number } | { kind: "short"; balance: number };

/** What a server of wallets needs of the place where it keeps them. */
export type Wallets = {
  open(workspaceId: string): Promise<void>;
  balance(workspaceId: string): Promise<number>;
  /** How many lines there are. */
  transactions(workspaceId: string): Promise<number>;
  /** Undefined when there is no such wallet. */
  move(workspaceId: string, movement: Movement): Promise<Moved | undefined>;
};

/** Committed when something was moved. */
export const inTransaction = async (
  pool: pg.Pool,
  work: (connection: pg.PoolClient) => Promise<Moved | undefined>,
): Promise<Moved | undefined> => {
  const connection = await pool.connect();
  try {
    await connection.query("begin");
    const moved = await work(connection);
    await connection.query(moved?.kind === "moved" ? "commit" : "rollback");
    return moved;
  } catch (error) {
    await connection.query("rollback");
    throw error;
  } finally {
    connection.release();
  }
};
