import { session } from "../domain/accounts/session.ts";
import { ignore, insert, projection, set, table } from "./projection.ts";

/** A token is dead when `revoked_at` is set or its `session_epoch` is behind its user's. Decisions ask the stream. */
const refreshTokensTable = table(
  "refresh_tokens",
  {
    id: "uuid",
    user_id: "uuid",
    session_id: "uuid",
    session_epoch: "integer",
    token_hash: "text",
    expires_at: "timestamptz",
    revoked_at: "timestamptz null",
    created_at: "timestamptz",
  },
  ["token_hash"],
);

type Issued = {
  sessionId: string;
  userId: string;
  sessionEpoch: number;
  refreshTokenHash: string;
  refreshExpiresAt: string;
};
const issued = (id: string, occurredAt: string, token: Issued) =>
  insert(refreshTokensTable, {
    id,
    user_id: token.userId,
    session_id: token.sessionId,
    session_epoch: token.sessionEpoch,
    token_hash: token.refreshTokenHash,
    expires_at: token.refreshExpiresAt,
    revoked_at: null,
    created_at: occurredAt,
  });

export const refreshTokens = projection({
  name: "refresh_tokens",
  version: 1,
  tables: [refreshTokensTable],
  of: [session],
  when: {
    SessionStarted: (started, { id, metadata: { occurredAt } }) => issued(id, occurredAt, started),
    RefreshTokenRotated: (rotated, { id, metadata: { occurredAt } }) => [
      set(refreshTokensTable, { token_hash: rotated.replacedHash }, { revoked_at: occurredAt }),
      issued(id, occurredAt, rotated),
    ],
    OrganizationSwitched: ignore,
    SessionEnded: ({ refreshTokenHash }, { metadata: { occurredAt } }) =>
      set(refreshTokensTable, { token_hash: refreshTokenHash }, { revoked_at: occurredAt }),
  },
});
