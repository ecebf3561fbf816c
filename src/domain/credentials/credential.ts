import { z } from "zod";
import { type Aggregate, event } from "../../kernel/decider.ts";
import { personal } from "../../kernel/personal.ts";
import { text } from "../../kernel/text.ts";

/** A provider is a name: which credentials it takes is not checked. */
export const ProviderName = text(100);
export const CredentialName = text(100);

const secretLengthMax = 65_536;
export const Secret = text(secretLengthMax);

const InCredential = z.object({ credentialId: z.uuid(), workspaceId: z.uuid(), organizationId: z.uuid() });
/** the key that wraps a credential's own key derives from the master key and the workspace. */
const ofCredential = { subject: "credentialId", scope: "workspaceId" } as const;

const events = {
  CredentialStored: event(
    InCredential.extend({
      providerName: ProviderName,
      name: CredentialName,
      key: personal(z.string(), { ...ofCredential, erased: "" }),
      secret: personal(z.string().nullable(), { ...ofCredential, erased: null }),
      maskedKey: z.string(),
      createdBy: z.uuid(),
    }),
  ),
  CredentialUsed: event(InCredential.extend({ usedAt: z.iso.datetime() })),
  CredentialDeleted: event(InCredential),
};

/** The secrets are not in the state: whoever is allowed to see them reads them from the stream. */
export type Credential =
  | { status: "absent" }
  | { status: "deleted"; workspaceId: string }
  | { status: "stored"; workspaceId: string; organizationId: string; lastUsedAt: string | null };

export const credential: Aggregate<typeof events, Credential> = {
  category: "credential",
  events,
  initial: { status: "absent" },
  evolve: {
    CredentialStored: (_, { workspaceId, organizationId }) => ({
      status: "stored",
      workspaceId,
      organizationId,
      lastUsedAt: null,
    }),
    CredentialUsed: (current, { usedAt }) =>
      current.status === "stored" ? { ...current, lastUsedAt: usedAt } : current,
    CredentialDeleted: (_, { workspaceId }) => ({ status: "deleted", workspaceId }),
  },
};

const tailLength = 4;

/** CRED-06: the last four characters and nothing else, not the length either; of a key that short, nothing. */
export const maskedKey = (key: string): string => {
  const characters = Array.from(key);
  return `****${characters.length > tailLength ? characters.slice(-tailLength).join("") : ""}`;
};
