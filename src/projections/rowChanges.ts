import type { RowChange, Table } from "./projection.ts";

type Values = Readonly<Record<string, unknown>>;
type Draft = Record<string, unknown>;
type Sums = Record<string, bigint>;

/**
 * All that many changes do to one table in the end: no row appears twice, except that a row in both `removals` and
 * `inserts` is another one under the same key. To be carried out in this order.
 */
export type TableChanges = {
  table: Table;
  /** Keys of rows to delete; that one is not there changes nothing. */
  removals: readonly Values[];
  /** Rows with the same columns set and added to; that one is not there changes nothing. */
  updates: readonly Update[];
  /** Rows to change as in `updates` or, where they are not there, to begin. */
  merges: readonly Merge[];
  /** Whole rows; that one is there already is an error. */
  inserts: readonly Values[];
};
export type Update = { set: readonly string[]; add: readonly string[]; rows: readonly Values[] };
/** `absent[n]` is the whole row to begin where there is none to change as `rows[n]` says. */
export type Merge = Update & { absent: readonly Values[] };

/** What is known about a row after some of the changes: whether it was there before them matters only to Postgres. */
type Pending = Inserted | Updated | { kind: "removed"; key: Values } | Either;
type Inserted = { kind: "inserted"; row: Draft; isReplacement: boolean };
type Updated = { kind: "updated"; key: Values; set: Draft; add: Sums };
/** Both at once: the row there is now if there was none before, and what became of it if there was. */
type Either = { kind: "either"; absent: Inserted; present: Updated };

/** Changes made one after the other, as the few that have the same effect. Throws where one by one would fail. */
export const foldChanges = (changes: Iterable<RowChange>): TableChanges[] => {
  const tables = new Map<Table, Map<string, Pending>>();
  for (const change of changes) {
    let rows = tables.get(change.table);
    if (!rows) {
      rows = new Map();
      tables.set(change.table, rows);
    }
    const id = keyOf(change);
    const before = rows.get(id);
    const after = afterwards(before, change);
    if (after !== before) rows.set(id, after);
  }
  return [...tables].map(([table, rows]) => summary(table, rows.values()));
};

/** Text in Postgres has no NUL, so no two keys look the same. */
const keyOf = (change: RowChange): string => {
  const values = change.kind === "insert" ? change.row : change.key;
  let key = "";
  for (const column of change.table.key) key += `${values[column]}\0`;
  return key;
};

const afterwards = (before: Pending | undefined, change: RowChange): Pending => {
  if (change.kind === "remove") return { kind: "removed", key: change.key };
  if (change.kind === "insert") return inserted(before, change);
  if (change.kind === "accumulate") return accumulated(before, change);
  // A row that was removed stays so: setting its columns finds nothing.
  if (before?.kind === "removed") return before;
  const pending = before ?? { kind: "updated", key: change.key, set: {}, add: {} };
  if (change.kind === "set") setColumns(pending, change.values);
  else addToColumns(pending, change.amounts);
  return pending;
};

/** Changes before an insert, other than a removal, can only have met no row: otherwise the insert fails in Postgres. */
const inserted = (before: Pending | undefined, { table, row }: RowChange & { kind: "insert" }): Inserted => {
  if (before?.kind === "inserted" || before?.kind === "either")
    throw new Error(`a row inserted twice into ${table.name}`);
  return { kind: "inserted", row: { ...row }, isReplacement: before?.kind === "removed" };
};

const accumulated = (before: Pending | undefined, change: RowChange & { kind: "accumulate" }): Pending => {
  if (before?.kind === "inserted" || before?.kind === "either") {
    addToColumns(before, change.amounts);
    return before;
  }
  const absent: Inserted = { kind: "inserted", row: begun(change), isReplacement: before?.kind === "removed" };
  addToColumns(absent, change.amounts);
  if (before?.kind === "removed") return absent;
  const present: Updated = before ?? { kind: "updated", key: change.key, set: {}, add: {} };
  addToColumns(present, change.amounts);
  return { kind: "either", absent, present };
};

const begun = ({ table, key, otherwise }: RowChange & { kind: "accumulate" }): Draft => {
  const row: Draft = { ...otherwise, ...key };
  for (const [column, type] of Object.entries(table.columns))
    if (row[column] === undefined && (type === "bigint" || type === "integer")) row[column] = 0;
  return row;
};

type Open = Exclude<Pending, { kind: "removed" }>;

const setColumns = (pending: Open, values: Values): void => {
  if (pending.kind === "either") {
    setColumns(pending.absent, values);
    setColumns(pending.present, values);
    return;
  }
  const target = pending.kind === "inserted" ? pending.row : pending.set;
  for (const column in values) {
    const value = values[column];
    if (value === undefined) continue;
    target[column] = value;
    if (pending.kind === "updated") delete pending.add[column];
  }
};

const addToColumns = (pending: Open, amounts: Readonly<Record<string, number | undefined>>): void => {
  if (pending.kind === "either") {
    addToColumns(pending.absent, amounts);
    addToColumns(pending.present, amounts);
    return;
  }
  const known = pending.kind === "inserted" ? pending.row : pending.set;
  for (const column in amounts) {
    const amount = amounts[column];
    if (amount === undefined) continue;
    if (column in known) known[column] = sum(known[column], amount);
    else if (pending.kind === "updated") pending.add[column] = (pending.add[column] ?? 0n) + BigInt(amount);
  }
};

/** Only columns that hold a number, and never null, can be added to. */
const sum = (value: unknown, amount: number): bigint => BigInt(value as number | bigint) + BigInt(amount);

const summary = (table: Table, rows: Iterable<Pending>): TableChanges => {
  const removals: Values[] = [];
  const inserts: Values[] = [];
  const updated: Updated[] = [];
  const either: Either[] = [];
  for (const pending of rows) {
    if (pending.kind === "removed") removals.push(pending.key);
    else if (pending.kind === "either") either.push(pending);
    else if (pending.kind === "updated") updated.push(pending);
    else {
      inserts.push(pending.row);
      if (pending.isReplacement) removals.push(pending.row);
    }
  }
  const updates = groupsOf(updated, (each) => each).map(({ columns, members }) => updateOf(columns, members));
  const merges = groupsOf(either, ({ present }) => present).map(({ columns, members }) => ({
    ...updateOf(
      columns,
      members.map(({ present }) => present),
    ),
    absent: members.map(({ absent }) => absent.row),
  }));
  return { table, removals, updates: updates.filter(({ set, add }) => set.length + add.length > 0), merges, inserts };
};

type ChangedColumns = { set: string[]; add: string[] };
type Group<Member> = { columns: ChangedColumns; members: Member[] };

/** By the columns set and added to, in one order. */
const groupsOf = <Member>(all: readonly Member[], updatedIn: (member: Member) => Updated): Group<Member>[] => {
  const groups = new Map<string, Group<Member>>();
  for (const member of all) {
    const updated = updatedIn(member);
    const columns = { set: Object.keys(updated.set).sort(), add: Object.keys(updated.add).sort() };
    const id = `${columns.set.join()}+${columns.add.join()}`;
    const group = groups.get(id) ?? { columns, members: [] };
    groups.set(id, group);
    group.members.push(member);
  }
  return [...groups.values()];
};

const updateOf = ({ set, add }: ChangedColumns, members: readonly Updated[]): Update => ({
  set,
  add,
  rows: members.map((member) => ({ ...member.key, ...member.set, ...member.add })),
});
