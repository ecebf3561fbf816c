/**
 * What the compiler must refuse: every `@ts-expect-error` fails the type check when the line below it is accepted.
 * Nothing here runs.
 */
import { z } from "zod";
import type { App } from "../src/http/binder.ts";
import { type Aggregate, command, type EventOf, event, type Ledger } from "../src/kernel/decider.ts";
import { personal } from "../src/kernel/personal.ts";
import { add, ignore, insert, projection, remove, set, table } from "../src/projections/projection.ts";

const events = {
  BookLent: event(z.object({ bookId: z.uuid(), readerId: z.uuid(), days: z.int() })),
  BookReturned: event(z.object({ bookId: z.uuid() })),
};
type Book = { status: "in" } | { status: "out"; readerId: string };
const book: Aggregate<typeof events, Book> = {
  category: "book",
  events,
  initial: { status: "in" },
  evolve: {
    BookLent: (_, { readerId }) => ({ status: "out", readerId }),
    BookReturned: () => ({ status: "in" }),
  },
};

// evolve names every event, and no other.
type Evolve = Aggregate<typeof events, Book>["evolve"];
// @ts-expect-error BookReturned is forgotten
export const forgetful: Evolve = { BookLent: (_, { readerId }) => ({ status: "out", readerId }) };
export const inventive: Evolve = {
  ...book.evolve,
  // @ts-expect-error no such event
  BookBurnt: () => ({ status: "in" }),
};

// An event's data is what its schema says.
type BookEvent = EventOf<typeof events>;
export const lent: BookEvent = { type: "BookLent", data: { bookId: "b", readerId: "r", days: 14 } };
// @ts-expect-error days is missing
export const endless: BookEvent = { type: "BookLent", data: { bookId: "b", readerId: "r" } };
// @ts-expect-error BookReturned says no days
export const returned: BookEvent = { type: "BookReturned", data: { bookId: "b", days: 14 } };

// A field's erased value must be one its schema permits.
// @ts-expect-error a number cannot be erased into a word
personal(z.int(), { subject: "readerId", erased: "erased" });

// decide gives events of its own aggregate; answer gives what output says.
const input = z.object({ bookId: z.uuid() });
const returnBook = {
  name: "ReturnBook",
  permission: "book:return",
  input,
  output: z.object({ returned: z.boolean() }),
  stream: ({ bookId }: z.output<typeof input>) => bookId,
  answer: () => ({ returned: true }),
};
const ReturnBook = command(book, {
  ...returnBook,
  decide: ({ bookId }) => [{ type: "BookReturned", data: { bookId } }],
});
command(book, {
  ...returnBook,
  // @ts-expect-error another aggregate's event
  decide: ({ bookId }) => [{ type: "ReaderLeft", data: { bookId } }],
});
command(book, {
  ...returnBook,
  // @ts-expect-error the reader is not known while the book is in
  decide: (_, state) => [{ type: "BookReturned", data: { bookId: state.readerId } }],
});
command(book, {
  ...returnBook,
  decide: () => [],
  // @ts-expect-error output asks for a boolean
  answer: () => ({ returned: "yes" }),
});

// A ledger's commands are answered from their own events: nobody has the state after them any more.
const archive: Ledger<typeof events, Book> = { ...book, ledger: { foldVersion: 1 } };
const archiveReturn = { ...returnBook, decide: () => [] };
command(archive, { ...archiveReturn, answer: ({ events }) => ({ returned: events.length > 0 }) });
// @ts-expect-error there is no state
command(archive, { ...archiveReturn, answer: ({ state }) => ({ returned: state.status === "in" }) });
command(book, { ...archiveReturn, answer: ({ state }) => ({ returned: state.status === "in" }) });

// Row changes fit their table.
const loans = table("loans", { book_id: "uuid", reader_id: "uuid", days: "integer", note: "text null" }, ["book_id"]);
insert(loans, { book_id: "b", reader_id: "r", days: 1, note: null });
// @ts-expect-error days is missing
insert(loans, { book_id: "b", reader_id: "r", note: null });
// @ts-expect-error only note may be null
insert(loans, { book_id: "b", reader_id: null, days: 1, note: null });
// @ts-expect-error the key does not change
set(loans, { book_id: "b" }, { book_id: "c" });
// @ts-expect-error reader_id is not the key
set(loans, { reader_id: "r" }, { days: 2 });
// @ts-expect-error nothing can be added to a text
add(loans, { book_id: "b" }, { note: 1 });
// @ts-expect-error no such column
remove(loans, { shelf: "s" });

// A projection says something about every event of what it reads.
const shape = { name: "loans", version: 1, tables: [loans], of: [book] } as const;
projection({ ...shape, when: { BookLent: ignore, BookReturned: ({ bookId }) => remove(loans, { book_id: bookId }) } });
// @ts-expect-error BookReturned is forgotten
projection({ ...shape, when: { BookLent: ignore } });

// A route's path names fields of the input, its example is an answer, and a read sees the parameters of its path.
declare const app: App;
app.command("POST", "/books/:bookId/return", ReturnBook, { example: { data: { returned: true } } });
// @ts-expect-error the input has no shelfId
app.command("POST", "/shelves/:shelfId/return", ReturnBook, { example: { data: { returned: true } } });
// @ts-expect-error the answer says true or false
app.command("POST", "/books/:bookId/return", ReturnBook, { example: { data: { returned: "yes" } } });
const title = {
  permission: "book:read",
  output: z.object({ title: z.string() }),
  example: { data: { title: "Emma" } },
};
app.query("/books/:bookId", { ...title, name: "GetBook", load: async (_, { params }) => ({ title: params.bookId }) });
// @ts-expect-error the path has no shelfId
app.query("/books/:bookId", { ...title, name: "GetBook", load: async (_, { params }) => ({ title: params.shelfId }) });
// @ts-expect-error the output has a title
app.query("/books/:bookId", { ...title, name: "GetBook", load: async () => ({ name: "Emma" }) });
