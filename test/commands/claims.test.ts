import { describe, test } from "vitest";
import { ClaimName, ClaimSlug, ReleaseName, ReleaseSlug } from "../../src/commands/claims.ts";
import { nameClaim } from "../../src/domain/tenancy/nameClaim.ts";
import { slugClaim } from "../../src/domain/tenancy/slugClaim.ts";
import { given, id } from "../spec.ts";

describe("claiming a slug", () => {
  const claim = { claimId: id("workspace:wonderland"), kind: "workspace", slug: "wonderland" } as const;
  const byFirst = { ...claim, ownerId: id("first") };
  const bySecond = { ...claim, ownerId: id("second") };
  const claimed = { type: "SlugClaimed", data: byFirst } as const;

  test("WS-02: gives it to who asks first", () => given(slugClaim).when(ClaimSlug, byFirst).then(claimed));
  test("WS-02: is refused to any other", () =>
    given(slugClaim, claimed).when(ClaimSlug, bySecond).thenRefused("conflict", "SLUG_TAKEN"));
  test("by who holds it changes nothing", () => given(slugClaim).when(ClaimSlug, byFirst).again().thenNothing());
  test("answers nothing", () => given(slugClaim).when(ClaimSlug, byFirst).thenAnswers(null));

  test("is possible again once its holder has released it", () => {
    const releasing = given(slugClaim, claimed).when(ReleaseSlug, byFirst);
    releasing.then({ type: "SlugReleased", data: byFirst });
    releasing.thenAnswers(null);
    releasing.again().thenNothing();
    given(slugClaim, claimed, { type: "SlugReleased", data: byFirst })
      .when(ClaimSlug, bySecond)
      .then({ type: "SlugClaimed", data: bySecond });
  });

  test("is not undone by somebody else's release", () =>
    given(slugClaim, claimed).when(ReleaseSlug, bySecond).thenNothing());
});

describe("claiming a name", () => {
  const held = { claimId: id("ada/acme"), claiming: id("first"), organizationId: id("acme") };
  const again = { ...held, claiming: id("second") };
  const other = { ...held, claiming: id("third"), organizationId: id("globex") };
  const claimed = { type: "NameClaimed", data: held } as const;

  test("ORG-02: gives it to who asks first, and tells any other who has it", () => {
    const claiming = given(nameClaim).when(ClaimName, held);
    claiming.then(claimed);
    claiming.thenAnswers({ organizationId: id("acme"), claiming: id("first") });
    const second = given(nameClaim, claimed).when(ClaimName, other);
    second.thenNothing();
    second.thenAnswers({ organizationId: id("acme"), claiming: id("first") });
  });

  test("ORG-02: an organization that takes a name again does not lose it to the release of the first time", () => {
    const taken = { type: "NameClaimed", data: again } as const;
    given(nameClaim, claimed).when(ClaimName, again).then(taken);
    given(nameClaim, claimed, taken).when(ReleaseName, held).thenNothing();
    const releasing = given(nameClaim, claimed, taken).when(ReleaseName, again);
    releasing.then({ type: "NameReleased", data: again });
    releasing.thenAnswers(null);
    releasing.again().thenNothing();
    given(nameClaim, claimed).when(ReleaseName, other).thenNothing();
  });
});
