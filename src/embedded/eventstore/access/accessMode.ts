/**
 * Who may use a store besides the one who started it:
 * - `same-user`: processes of the same user, and root's, which the operating system is asked about. Linux only.
 * - `tls`: whoever has the password, over connections that are encrypted.
 * - `insecure`: everybody on the machine.
 */
export const accessModes = ["same-user", "tls", "insecure"] as const;
export type AccessMode = (typeof accessModes)[number];

export const defaultAccessMode: AccessMode = process.platform === "linux" ? "same-user" : "tls";

export type Credentials = { readonly username: string; readonly password: string };
