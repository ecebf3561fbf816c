import { join } from "node:path";
import { BULK_DEBITS } from "../load/requests.ts";
import { type Everfold, startSignedUp } from "../servers/everfold.ts";
import type { Settings } from "../servers/everfoldProcess.ts";
import { drive, openSide, type Side, type Stage, throwIfAny } from "./stage.ts";

const FILL_MAX_MS = 600_000;
const FILLERS = 16;

/** An Everfold that is filled before something is measured in it, apart from the one under load. */
export type Archive = { everfold: Everfold; databaseUrl: string };

/** It ends with `stack`. */
export const openArchive = async (
  stage: Stage,
  name: string,
  stack: AsyncDisposableStack,
  settings: Settings = {},
): Promise<Archive> => {
  const { url } = await stage.database(name);
  const everfold = await startSignedUp(join(stage.directory, name), { ...settings, DATABASE_URL: url });
  stack.defer(() => everfold.stop());
  return { everfold, databaseUrl: url };
};

/** A wallet of so many debits, sent in bulk. Whether all of them are stored is to be verified. */
export const filledWallet = async (stage: Stage, { everfold }: Archive, debits: number): Promise<Side> => {
  const side = await openSide(everfold, 1);
  const measured = await drive(stage, side, {
    request: "bulk",
    connections: FILLERS,
    warmUpMs: 0,
    measuredMs: FILL_MAX_MS,
    requestsMax: Math.ceil(debits / BULK_DEBITS),
  });
  throwIfAny(measured.faults);
  const [stored = 0] = measured.acknowledged;
  side.acknowledged[0] = stored;
  throwIfAny(stored >= debits ? [] : [`only ${stored} of ${debits} debits were stored in ${FILL_MAX_MS} ms`]);
  return side;
};
