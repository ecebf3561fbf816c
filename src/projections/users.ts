import { user } from "../domain/accounts/user.ts";
import type { Transaction } from "../platform/postgres.ts";
import { query } from "../platform/postgres.ts";
import { sql } from "../platform/sql.ts";
import { add, insert, projection, set, table } from "./projection.ts";

const usersTable = table(
  "users",
  {
    id: "uuid",
    email: "text",
    name: "text",
    avatar_url: "text null",
    session_epoch: "integer",
    platform_role: "text",
    created_at: "timestamptz",
    updated_at: "timestamptz",
  },
  ["id"],
);

export const users = projection({
  name: "users",
  version: 2,
  tables: [usersTable],
  of: [user],
  when: {
    UserRegistered: ({ userId, email, name }, { metadata: { occurredAt } }) =>
      insert(usersTable, {
        id: userId,
        email,
        name,
        avatar_url: null,
        session_epoch: 0,
        platform_role: "user",
        created_at: occurredAt,
        updated_at: occurredAt,
      }),
    UserSessionsRevoked: ({ userId }) => add(usersTable, { id: userId }, { session_epoch: 1 }),
    UserPlatformRoleChanged: ({ userId, role }, { metadata: { occurredAt } }) =>
      set(usersTable, { id: userId }, { platform_role: role, updated_at: occurredAt }),
  },
});

type UserRow = { id: string; email: string; name: string };

export const userById = async (read: Transaction, userId: string): Promise<UserRow | undefined> => {
  const [row] = await query<UserRow>(read, sql`select id, email, name from read_model.users where id = ${userId}`);
  return row;
};
