import type { Socket } from "node:net";
import { type ConnectionTable, kernelAddress, readConnections } from "./connectionTable.ts";

const rootUid = 0;
const pendingMax = 1_024;
const looksMax = 2;

/** Why a connection is not let in; undefined when it is. */
type Refusal = string | undefined;

/**
 * Tells whose process is at the other end of a fresh connection to `port`, which nobody has read from yet.
 *
 * The address of the peer is asked for after the table was read: as long as our end has one it has not been reset, so
 * that the row was its peer's and not that of somebody who connected from the same port since. A socket that was closed
 * right after sending is nobody's, which the table shows as inode 0 in another state.
 */
export function createPeerCheck(port: number, ownUid: number): (socket: Socket) => Promise<Refusal> {
  const read = sharedReads(() => readConnections(port));
  let pending = 0;

  const look = async (socket: Socket): Promise<Refusal> => {
    for (let looks = 0; looks < looksMax; looks += 1) {
      const table = await read();
      const { remoteAddress, remotePort } = socket;
      if (remoteAddress === undefined || remotePort === undefined) break;
      const owner = table.get(kernelAddress(remoteAddress, remotePort));
      if (owner === undefined || owner.inode === 0) continue;
      const isTrusted = owner.uid === ownUid || owner.uid === rootUid;
      return isTrusted ? undefined : `it comes from the user with id ${owner.uid}`;
    }
    return "it was closed before its user could be told";
  };

  return async (socket) => {
    if (pending >= pendingMax) return "too many came at once";
    pending += 1;
    try {
      return await look(socket);
    } catch (error) {
      return `its user cannot be told: ${error instanceof Error ? error.message : String(error)}`;
    } finally {
      pending -= 1;
    }
  };
}

/** Each call gets a table whose reading began after it; all that come while one is being read share the next one. */
function sharedReads(read: () => Promise<ConnectionTable>): () => Promise<ConnectionTable> {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<ConnectionTable> | undefined;
  return () => {
    next ??= running.then(() => {
      next = undefined;
      const reading = read();
      running = reading.catch(() => {});
      return reading;
    });
    return next;
  };
}
