import { z } from "zod";
import { derivedId } from "../kernel/ids.ts";

/** How a caller names a command of theirs. Printable ASCII: what any client and proxy passes on unchanged. */
export const IdempotencyKey = z.string().regex(/^[\x20-\x7e]{1,255}$/, "must be 1 to 255 printable characters");

/** The same key of the same caller names the same command, however it came in: alone or among others. */
export const commandIdOf = (caller: string, key: string): string => derivedId(caller, key);
