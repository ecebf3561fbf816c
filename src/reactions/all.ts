import type { Handler } from "../commands/handler.ts";
import type { KeyVault } from "../platform/keyVault.ts";
import { credentialErasure } from "./credentialErasure.ts";
import type { Reaction } from "./reaction.ts";

/** What reactions have their effects with. */
export type Means = { vault: KeyVault; handler: Handler };

/** Every policy there is, one line each. */
export const reactionsWith = ({ vault }: Means): readonly Reaction[] => [credentialErasure(vault)];
