import { randomUUID } from "node:crypto";
import type { Answer } from "./connection.ts";

export type Server = { port: number; token: string };

/** What an answer amounts to: so many debits acknowledged, a read to be sent again later, or something else. */
export type Outcome = number | "late" | "fault";

type Request = {
  text(server: Server, wallet: string, number: number): string;
  outcome(answer: Answer): Outcome;
};

export const BULK_DEBITS = 100;

const head = ({ port, token }: Server, line: string): string =>
  `${line} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\n`;

const post = (server: Server, path: string, key: string, body: string): string =>
  `${head(server, `POST /api/v1${path}`)}Idempotency-Key: ${key}\r\n` +
  `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const bulkOf = (number: number): string => {
  const debits = Array.from(
    { length: BULK_DEBITS },
    (_, index) => `{"key":"${randomUUID()}","amount":1,"description":"Contact enriched ${number}-${index}"}`,
  );
  return `{"mode":"each","debits":[${debits.join(",")}]}`;
};

/** As workers would: a key of its own for each debit, and a reference to the job it pays for. */
export const requests = {
  debit: {
    text: (server, wallet, number) =>
      post(
        server,
        `/workspaces/${wallet}/billing/debits`,
        randomUUID(),
        `{"amount":1,"description":"Contact enriched","referenceId":"job-${number}"}`,
      ),
    outcome: ({ status }) => (status === 201 ? 1 : "fault"),
  },
  bulk: {
    text: (server, wallet, number) =>
      post(server, `/workspaces/${wallet}/billing/debits/bulk`, randomUUID(), bulkOf(number)),
    outcome: ({ status, body }) => {
      // As a sum beside the results. Reading all of these would cost more than sending them.
      const debits = Number(body.match(/"written": ?(\d+)/)?.[1]);
      return status < 300 && debits === BULK_DEBITS ? debits : "fault";
    },
  },
  read: {
    text: (server, wallet) => `${head(server, `GET /api/v1/workspaces/${wallet}/billing`)}\r\n`,
    outcome: ({ status }) => (status === 200 ? 0 : status === 202 ? "late" : "fault"),
  },
  workspaces: {
    text: (server) => `${head(server, "GET /api/v1/workspaces")}\r\n`,
    outcome: ({ status }) => (status === 200 ? 0 : status === 202 ? "late" : "fault"),
  },
  probe: {
    text: (server, wallet) => post(server, `/workspaces/${wallet}/probe`, randomUUID(), "{}"),
    outcome: ({ status }) => (status === 200 ? 0 : "fault"),
  },
} satisfies Readonly<Record<string, Request>>;

export type RequestName = keyof typeof requests;
