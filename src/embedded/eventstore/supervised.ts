import type { Credentials } from "./access/accessMode.ts";

/** What the process that runs a store hears first; command lines and environments are for everybody to read. */
export type SupervisorsWord = { readonly credentials?: Credentials | undefined };

/** What it is told: where the store is, or why it is not. */
export type Report = { readonly port: number; readonly connectionString: string } | { readonly failure: string };

/** Resolves with the credentials that are not to be made. Without a supervisor any more the process ends. */
export function credentialsFromSupervisor(): Promise<Credentials | undefined> {
  return new Promise((resolve) => {
    const end = () => process.exit(0);
    process.once("disconnect", end);
    process.once("message", (word: SupervisorsWord) => {
      process.removeListener("disconnect", end);
      resolve(word.credentials);
    });
  });
}

/** Reports where the store is. It is stopped when the supervisor says so, or when there is none any more. */
export function obeySupervisor(
  { port, connectionString }: { port: number; connectionString: string },
  stop: () => void,
): void {
  let isStopping = false;
  const stopOnce = () => {
    if (!isStopping) stop();
    isStopping = true;
  };
  process.on("message", (message) => {
    if (message === "stop") stopOnce();
  });
  process.once("disconnect", stopOnce);
  if (process.connected) report({ port, connectionString });
  else stopOnce();
}

/** Says why there is no store, as the last word. */
export function tellSupervisor(failure: { readonly failure: string }): void {
  if (!process.connected) return;
  report(failure);
  process.disconnect();
}

const report = (message: Report): void => void process.send?.(message);
