import { credential } from "../domain/credentials/credential.ts";
import { type Reaction, reaction } from "./reaction.ts";

type Erasable = { destroy(subject: { id: string; kind: string }): Promise<void> };

/** CRED-07: the events of a deleted credential stay, and nobody can read its secrets in them any more. */
export const credentialErasure = (vault: Erasable): Reaction =>
  reaction({
    name: "credential_erasure",
    of: [credential],
    when: {
      CredentialDeleted: ({ credentialId }) => vault.destroy({ id: credentialId, kind: credential.category }),
    },
  });
