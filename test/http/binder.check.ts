/**
 * What the compiler must refuse of routes: every `@ts-expect-error` fails the type check when the line below it is
 * accepted. Nothing here runs.
 */
import { z } from "zod";
import { operation } from "../../src/commands/operation.ts";
import type { App } from "../../src/http/binder.ts";

const Book = z.object({ id: z.uuid(), title: z.string() });
const moby = { id: "0190d5f0-0000-4000-8000-000000000b00", title: "Moby Dick" };
const LendBook = operation({
  name: "LendBook",
  permission: "book:write",
  input: z.object({ bookId: z.uuid(), loanId: z.uuid(), days: z.int() }),
  output: Book,
  execute: () => Promise.reject(new Error("never")),
});
const described = { name: "GetBook", permission: "book:read", output: Book, example: { data: moby } };

export const routes = (app: App): void => {
  app.command("POST", "/books/:bookId/loans", LendBook, { fresh: "loanId", example: { data: moby } });
  // @ts-expect-error the input has no readerId
  app.command("POST", "/readers/:readerId/loans", LendBook, { example: { data: moby } });
  // @ts-expect-error nothing can be read with a command
  app.command("GET", "/books/:bookId/loans", LendBook, { example: { data: moby } });
  // @ts-expect-error the input has no shelfId to make
  app.command("POST", "/books/:bookId/loans", LendBook, { fresh: "shelfId", example: { data: moby } });
  // @ts-expect-error a command without an example
  app.command("POST", "/books/:bookId/loans", LendBook, {});
  // @ts-expect-error the example is no book
  app.command("POST", "/books/:bookId/loans", LendBook, { example: { data: { id: 5 } } });
  app.command("POST", "/books/:bookId/loans", LendBook, {
    example: { data: moby },
    author: ({ title }) => title,
  });
  app.command("POST", "/books/:bookId/loans", LendBook, {
    example: { data: moby },
    // @ts-expect-error the answer has no author
    author: ({ author }) => author,
  });

  app.query("/books/:bookId", {
    ...described,
    load: async (_, { params: { bookId } }) => ({ ...moby, id: bookId, revision: 3n }),
  });
  app.query("/books/:bookId", {
    ...described,
    // @ts-expect-error the path has no shelfId
    load: async (_, { params: { shelfId } }) => ({ ...moby, id: shelfId }),
  });
  // @ts-expect-error what is loaded is no book
  app.query("/books/:bookId", { ...described, load: async () => ({ title: 5 }) });
  app.list("/books", {
    ...described,
    query: { title: z.string().optional() },
    load: async (_, { query: { title = "any", limit, offset } }) => ({
      rows: [{ ...moby, title }],
      total: limit + offset,
    }),
  });
  app.list("/books", {
    ...described,
    // @ts-expect-error the query has no author
    load: async (_, { query: { author } }) => ({ rows: [{ ...moby, title: author }], total: 1 }),
  });
  // @ts-expect-error a page without its total
  app.list("/books", { ...described, load: async () => ({ rows: [moby] }) });
};
