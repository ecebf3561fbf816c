import { readFile } from "node:fs/promises";
import { endianness } from "node:os";

type Owner = { readonly uid: number; readonly inode: number };

/** The ends of established connections to one local port, by address and port as the kernel writes them. */
export type ConnectionTable = ReadonlyMap<string, Owner>;

const ipv4Table = "/proc/net/tcp";
/** Where sockets that could speak IPv6 as well are listed, as those of Java and .NET, also when they speak IPv4. */
const ipv6Table = "/proc/net/tcp6";
const established = "01";
const listening = "0A";

const hexPort = (port: number): string => port.toString(16).toUpperCase().padStart(4, "0");

/** Rows in state `state` with the given port in one of the two address columns. */
const rowsOf = (text: string, addresses: string, state: string) =>
  text.matchAll(new RegExp(`^ *\\d+: ${addresses} ${state} \\S+ \\S+ \\S+ +(\\d+) +\\d+ +(\\d+)`, "gm"));

/** Linux only. Rejects when the kernel does not show its connections. */
export async function readConnections(toPort: number): Promise<ConnectionTable> {
  const tables = await Promise.all([readFile(ipv4Table, "latin1"), readFile(ipv6Table, "latin1").catch(() => "")]);
  const table = new Map<string, Owner>();
  for (const text of tables)
    for (const [, address = "", uid, inode] of rowsOf(text, `(\\S+) \\S+:${hexPort(toPort)}`, established))
      table.set(withoutMapping(address), { uid: Number(uid), inode: Number(inode) });
  return table;
}

/** Whether the kernel shows the socket that listens on the port, as one of `uid`. */
export async function showsListener(port: number, uid: number): Promise<boolean> {
  const text = await readFile(ipv4Table, "latin1").catch(() => "");
  return rowsOf(text, `(\\S+:${hexPort(port)}) \\S+`, listening).some(([, , owner]) => Number(owner) === uid);
}

/** As the kernel writes an IPv4 address and a port: the address as one number in the machine's own byte order. */
export function kernelAddress(address: string, port: number): string {
  const bytes = address.split(".").map((part) => Number(part).toString(16).toUpperCase().padStart(2, "0"));
  return `${(endianness() === "LE" ? bytes.reverse() : bytes).join("")}:${hexPort(port)}`;
}

/** ::ffff:127.0.0.1 is 127.0.0.1. */
const mappedPrefix = endianness() === "LE" ? "0000000000000000FFFF0000" : "00000000000000000000FFFF";
const withoutMapping = (address: string): string =>
  address.startsWith(mappedPrefix) ? address.slice(mappedPrefix.length) : address;
