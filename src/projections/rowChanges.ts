import type { RowChange, Table } from "./projection.ts";

type Values = Readonly<Record<string, unknown>>;
type Draft = Record<string, unknown>;
type Sums = Record<string, number | bigint>;

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
export type ChangedRow = { key: Values; set: Values; add: Readonly<Sums> };
export type Update = { set: readonly string[]; add: readonly string[]; rows: readonly ChangedRow[] };
/** `absent[n]` is the whole row to begin where there is none to change as `rows[n]` says. */
export type Merge = Update & { absent: readonly Values[] };

/** What is known about a row after some of the changes: whether it was there before them matters only to Postgres. */
type Pending = Inserted | Updated | { kind: "removed"; key: Values } | Either;
/** The row is as it was given until it is written to: most are inserted and that is all. */
type Inserted = { kind: "inserted"; row: Draft; isOwn: boolean; isReplacement: boolean };
type Updated = { kind: "updated"; key: Values; set: Draft; add: Sums };
/** Both at once: the row there is now if there was none before, and what became of it if there was. */
type Either = { kind: "either"; absent: Inserted; present: Updated };

/** Changes made one after the other, as the few that have the same effect. Throws where one by one would fail. */
export const foldChanges = (changes: Iterable<RowChange>): TableChanges[] => {
  const tables = new Map<Table, ChangedRows>();
  for (const change of changes) {
    let rows = tables.get(change.table);
    if (!rows) {
      rows = { all: [], byKey: new Map() };
      tables.set(change.table, rows);
    }
    const row = rowOf(rows, change);
    row.pending = afterwards(row.pending, change);
  }
  return [...tables].map(([table, { all }]) => summary(table, all));
};

type FoldedRow = { pending: Pending | undefined };
/** By the first column of their key, then by the next: a key as one text would have to be put together each time. */
type ByKey = Map<string, ByKey | FoldedRow>;
type ChangedRows = { all: FoldedRow[]; byKey: ByKey };

const rowOf = ({ all, byKey }: ChangedRows, change: RowChange): FoldedRow => {
  const values = change.kind === "insert" ? change.row : change.key;
  const { key } = change.table;
  let level = byKey;
  for (let column = 0; ; column += 1) {
    const value = keyValue(values[key[column] ?? ""]);
    const found = level.get(value);
    if (found && !(found instanceof Map)) return found;
    if (column === key.length - 1) {
      const row: FoldedRow = { pending: undefined };
      level.set(value, row);
      all.push(row);
      return row;
    }
    const next: ByKey = found ?? new Map();
    if (!found) level.set(value, next);
    level = next;
  }
};

/** A number may come as either kind of number. */
const keyValue = (value: unknown): string => (typeof value === "string" ? value : String(value));

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
  return { kind: "inserted", row, isOwn: false, isReplacement: before?.kind === "removed" };
};

const accumulated = (before: Pending | undefined, change: RowChange & { kind: "accumulate" }): Pending => {
  const { table, key, amounts, otherwise } = change;
  if (before?.kind === "inserted" || before?.kind === "either") {
    addToColumns(before, amounts);
    return before;
  }
  const row = { ...table.zeros, ...otherwise, ...key };
  const absent: Inserted = { kind: "inserted", row, isOwn: true, isReplacement: before?.kind === "removed" };
  addToColumns(absent, amounts);
  if (before?.kind === "removed") return absent;
  const present: Updated = before ?? { kind: "updated", key, set: {}, add: {} };
  addToColumns(present, amounts);
  return { kind: "either", absent, present };
};

type Open = Exclude<Pending, { kind: "removed" }>;

const setColumns = (pending: Open, values: Values): void => {
  if (pending.kind === "either") {
    setColumns(pending.absent, values);
    setColumns(pending.present, values);
    return;
  }
  const target = pending.kind === "inserted" ? ownRow(pending) : pending.set;
  for (const column in values) {
    const value = values[column];
    if (value === undefined) continue;
    target[column] = value;
    if (pending.kind === "updated" && column in pending.add) delete pending.add[column];
  }
};

const addToColumns = (pending: Open, amounts: Readonly<Record<string, number | undefined>>): void => {
  if (pending.kind === "either") {
    addToColumns(pending.absent, amounts);
    addToColumns(pending.present, amounts);
    return;
  }
  const known = pending.kind === "inserted" ? ownRow(pending) : pending.set;
  for (const column in amounts) {
    const amount = amounts[column];
    if (amount === undefined) continue;
    if (column in known) known[column] = sum(known[column], amount);
    else if (pending.kind === "updated") pending.add[column] = sum(pending.add[column] ?? 0, amount);
  }
};

const ownRow = (pending: Inserted): Draft => {
  if (!pending.isOwn) Object.assign(pending, { row: { ...pending.row }, isOwn: true });
  return pending.row;
};

/** Only columns that hold a number, and never null, can be added to. Numbers are exact as far as they go. */
const sum = (value: unknown, amount: number): number | bigint => {
  const total = typeof value === "number" ? value + amount : Number.NaN;
  return Number.isSafeInteger(total) ? total : BigInt(value as number | bigint) + BigInt(amount);
};

const summary = (table: Table, rows: readonly FoldedRow[]): TableChanges => {
  const removals: Values[] = [];
  const inserts: Values[] = [];
  const updated: Updated[] = [];
  const either: Either[] = [];
  for (const { pending } of rows) {
    if (pending === undefined) continue;
    if (pending.kind === "removed") removals.push(pending.key);
    else if (pending.kind === "either") either.push(pending);
    else if (pending.kind === "updated") updated.push(pending);
    else {
      inserts.push(pending.row);
      if (pending.isReplacement) removals.push(pending.row);
    }
  }
  const updates = groupsOf(updated, (each) => each).filter(({ set, add }) => set.length + add.length > 0);
  const merges = groupsOf(either, ({ present }) => present);
  return {
    table,
    removals,
    updates: updates.map(({ members: rows, ...columns }) => ({ ...columns, rows })),
    merges: merges.map(({ members, ...columns }) => ({
      ...columns,
      rows: members.map(({ present }) => present),
      absent: members.map(({ absent }) => absent.row),
    })),
    inserts,
  };
};

type Group<Member> = { set: string[]; add: string[]; members: Member[] };

/** By the columns set and added to, which are mostly those of the row before. */
const groupsOf = <Member>(all: readonly Member[], updatedIn: (member: Member) => Updated): Group<Member>[] => {
  const groups = new Map<string, Group<Member>>();
  let before: { updated: Updated; group: Group<Member> } | undefined;
  for (const member of all) {
    const updated = updatedIn(member);
    const group = before && isLike(before.updated, updated) ? before.group : groupOf(groups, updated);
    group.members.push(member);
    before = { updated, group };
  }
  return [...groups.values()];
};

const groupOf = <Member>(groups: Map<string, Group<Member>>, { set, add }: Updated): Group<Member> => {
  const columns = { set: Object.keys(set).sort(), add: Object.keys(add).sort() };
  const id = `${columns.set.join()}+${columns.add.join()}`;
  const group = groups.get(id) ?? { ...columns, members: [] };
  groups.set(id, group);
  return group;
};

const isLike = (a: Updated, b: Updated): boolean => hasSameNames(a.set, b.set) && hasSameNames(a.add, b.add);

const hasSameNames = (a: Values, b: Values): boolean => {
  for (const name in a) if (!(name in b)) return false;
  for (const name in b) if (!(name in a)) return false;
  return true;
};
