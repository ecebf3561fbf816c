import { join } from "node:path";
import pg from "pg";
import { applyLoad, type Load, type Measured } from "../load/load.ts";
import { NotReconciled, reconcile } from "../reconciliation.ts";
import { type Contender, openWallets } from "../servers/contender.ts";
import { type Everfold, startSignedUp } from "../servers/everfold.ts";
import { startForked } from "../servers/forked.ts";
import { isPgledgerHere } from "../servers/pgledgerWallet.ts";
import type { Profiling } from "./profiling.ts";

export type Pace = {
  rounds: number;
  warmUpMs: number;
  measuredMs: number;
  /** Of what is filled in before something is measured: how much of it. */
  share: number;
};

type Given = {
  directory: string;
  postgresUrl: string;
  pace: Pace;
  /** Of what is being done, without any figure: those are shown when everything was reconciled. */
  progress: (line: string) => void;
  profiling?: Profiling | undefined;
};

/** What the rows of one run share. Servers are started when a row first asks for them, and stopped with the stage. */
export type Stage = Given & {
  postgres: pg.Client;
  /** A database of its own on the one Postgres server, and a connection to it. */
  database(name: string): Promise<{ url: string; connection: pg.Client }>;
  baseline(): Promise<Contender>;
  /** Undefined when its files are not there. */
  pgledger(): Promise<Contender | undefined>;
  everfold(): Promise<Everfold>;
  /** To Everfold's read models. */
  readModels(): Promise<pg.Client>;
  /** Closed-loop debits a second of Everfold, by scenario, for the rows that build on them. */
  rates: Map<string, number>;
  sides: Map<string, Promise<Side>>;
};

const CONNECTIONS = 64;

export const openStage = async (given: Given, stack: AsyncDisposableStack): Promise<Stage> => {
  const { directory, postgresUrl, profiling } = given;
  const postgres = await connected(postgresUrl, stack);
  const database = once(async (name: string) => {
    await postgres.query(`create database ${pg.escapeIdentifier(name)}`);
    const url = databaseUrl(postgresUrl, name);
    return { url, connection: await connected(url, stack) };
  });
  const ending = <S extends { stop(): Promise<void> }>(server: S): S => {
    stack.defer(() => server.stop());
    return server;
  };
  const express = async (name: "baseline" | "pgledger", kind: string): Promise<Contender> => {
    const { url } = await database(name);
    return { name, ...ending(await startForked(baselineServer, url, [kind])) };
  };
  const everfold = async (): Promise<Everfold> => {
    const { url } = await database("everfold");
    const settings = { DATABASE_URL: url, ...(await profiling?.settings(join(directory, "profiled"), stack)) };
    return ending(await startSignedUp(join(directory, "everfold"), settings));
  };
  return {
    ...given,
    postgres,
    database,
    baseline: once(() => express("baseline", "rowLock")),
    pgledger: once(async () => (isPgledgerHere() ? express("pgledger", "pgledger") : undefined)),
    everfold: once(everfold),
    readModels: async () => (await database("everfold")).connection,
    rates: new Map(),
    sides: new Map(),
  };
};

const baselineServer = new URL("../servers/baseline.ts", import.meta.url);

/** The first call does it, later ones are given the same. */
const once = <A extends string, R>(make: (argument: A) => Promise<R>): ((...given: [] | [A]) => Promise<R>) => {
  const made = new Map<string, Promise<R>>();
  return (...[argument]) => {
    const known = made.get(argument ?? "") ?? make(argument as A);
    made.set(argument ?? "", known);
    return known;
  };
};

const connected = async (url: string, stack: AsyncDisposableStack): Promise<pg.Client> => {
  const client = new pg.Client(url);
  await client.connect();
  stack.defer(() => client.end());
  return client;
};

const databaseUrl = (server: string, name: string): string => {
  const url = new URL(server);
  url.pathname = name;
  return url.href;
};

/** A contender, its wallets, and all that was ever acknowledged in them. */
export type Side = { contender: Contender; wallets: readonly string[]; acknowledged: number[] };

/** The same one whenever it is asked for: many wallets take long to open. */
export const scenarioSide = async ({ sides }: Stage, contender: Contender, count: number): Promise<Side> => {
  const name = `${contender.name} ${count}`;
  const side = sides.get(name) ?? openSide(contender, count);
  sides.set(name, side);
  return side;
};

export const openSide = async (contender: Contender, count: number): Promise<Side> => {
  const wallets = await openWallets(contender, count);
  return { contender, wallets, acknowledged: wallets.map(() => 0) };
};

export type Turn = Measured & {
  /** From the last acknowledgement until everything could be read. */
  drainedMs: number;
};

type How = Partial<Load> & { onWindow?: (at: "begin" | "end") => void };

/** A load on one side, reconciled. Errors: `NotReconciled`, and then no figure is reported. */
export const turn = async (stage: Stage, side: Side, how: How = {}): Promise<Turn> => {
  // What one side left to be written to the disk is not written on the other one's time.
  await stage.postgres.query("checkpoint");
  const measured = await drive(stage, side, how);
  return { ...measured, ...(await settle(side, measured)) };
};

/** Debits, one a request and sent as soon as there are answers, unless `how` says something else. */
export const drive = ({ pace }: Stage, { contender, wallets }: Side, { onWindow, ...load }: How): Promise<Measured> => {
  const { warmUpMs, measuredMs } = pace;
  const usual = { servers: [contender], wallets, request: "debit", connections: CONNECTIONS } as const;
  return applyLoad({ ...usual, warmUpMs, measuredMs, ...load }, onWindow);
};

/** Adds up what was acknowledged and compares it with what is stored. */
export const settle = async (side: Side, { acknowledged, faults }: Measured): Promise<{ drainedMs: number }> => {
  for (const [index, debits] of acknowledged.entries())
    side.acknowledged[index] = (side.acknowledged[index] ?? 0) + debits;
  throwIfAny(faults.map((fault) => `${side.contender.name}: ${fault}`));
  return verify(side);
};

/** Compares what was acknowledged so far with what is stored. */
export const verify = async ({ contender, wallets, acknowledged }: Side): Promise<{ drainedMs: number }> => {
  const { drainedMs, differences } = await reconcile(contender, wallets, acknowledged);
  throwIfAny(differences);
  return { drainedMs };
};

export const throwIfAny = (wrong: readonly string[]): void => {
  if (wrong.length > 0) throw new NotReconciled(wrong.join("\n"));
};

/** The contestants in turn, several times over: whatever else the machine does meets all of them. */
export const inTurn = async <R>(
  { pace, progress }: Stage,
  title: string,
  contestants: ReadonlyMap<string, () => Promise<R>>,
): Promise<ReadonlyMap<string, R[]>> => {
  const results = new Map<string, R[]>([...contestants.keys()].map((name) => [name, []]));
  for (let round = 1; round <= pace.rounds; round += 1)
    for (const [name, measure] of contestants) {
      progress(`${title}: round ${round} of ${pace.rounds}, ${name}`);
      results.get(name)?.push(await measure());
    }
  return results;
};
