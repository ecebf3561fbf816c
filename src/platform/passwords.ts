import { createHmac } from "node:crypto";
import bcrypt from "bcrypt";
import { Unavailable } from "./unavailable.ts";

/** How the hash was made; a stronger way gets a tag of its own, and both are known until the last old hash is gone. */
const SCHEME = "hmac-sha256+bcrypt.v1:";
/** bcrypt runs on the threads that also serve files and DNS: more at once would starve them, and be no faster. */
const CONCURRENT_MAX = 2;
/** At a quarter of a second each, who would wait longer than this has given up. */
const WAITING_MAX = 64;

type Passwords = {
  /** Errors: `TooManyPasswords`. */
  hash(password: string): Promise<string>;
  /** Takes as long when there is no hash (AUTH-06). Errors: `TooManyPasswords`. */
  matches(password: string, hash: string | undefined): Promise<boolean>;
};

/** More sign-ins at once than the machine can check passwords for. */
export class TooManyPasswords extends Unavailable {
  override readonly name = "TooManyPasswords";
}

/**
 * AUTH-02: bcrypt over a keyed hash of the password. bcrypt alone ignores all beyond 72 bytes; and whoever gets hold
 * of the hashes but not of the pepper has nothing to try passwords against. Passwords are compared as NFKC, because
 * the same keys give different code points on different systems.
 */
export const passwords = ({ pepper, cost }: { pepper: Uint8Array; cost: number }): Passwords => {
  const oneOfFew = bounded(CONCURRENT_MAX, WAITING_MAX);
  const digest = (password: string) =>
    createHmac("sha256", pepper).update(password.normalize("NFKC"), "utf8").digest("base64");
  /** Of no password: there is only its cost. */
  const nobodys = `$2b$${String(cost).padStart(2, "0")}$${".".repeat(53)}`;

  return {
    hash: (password) => oneOfFew(async () => `${SCHEME}${await bcrypt.hash(digest(password), cost)}`),
    matches: (password, hash) =>
      oneOfFew(async () => {
        const known = hash?.startsWith(SCHEME) ? hash.slice(SCHEME.length) : undefined;
        const isEqual = await bcrypt.compare(digest(password), known ?? nobodys);
        return isEqual && known !== undefined;
      }),
  };
};

/** Runs at most `running` of the works given to it at once, keeps at most `waiting` more, and turns away the rest. */
const bounded = (running: number, waiting: number) => {
  const queue: (() => void)[] = [];
  let free = running;

  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (free > 0) free -= 1;
    else if (queue.length >= waiting) throw new TooManyPasswords("too many passwords are waiting to be checked");
    else await new Promise<void>((resolve) => queue.push(resolve));
    try {
      return await work();
    } finally {
      const next = queue.shift();
      if (next) next();
      else free += 1;
    }
  };
};
