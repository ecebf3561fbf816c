import { describe, expect, test } from "vitest";
import { apiKey } from "../../src/domain/accounts/apiKey.ts";
import { session } from "../../src/domain/accounts/session.ts";
import { user } from "../../src/domain/accounts/user.ts";
import { credential } from "../../src/domain/credentials/credential.ts";
import { organization } from "../../src/domain/tenancy/organization.ts";
import { workspace } from "../../src/domain/tenancy/workspace.ts";
import { apiKeys } from "../../src/projections/apiKeys.ts";
import { credentials } from "../../src/projections/credentials.ts";
import { organizations } from "../../src/projections/organizations.ts";
import { refreshTokens } from "../../src/projections/refreshTokens.ts";
import { users } from "../../src/projections/users.ts";
import { workspaces } from "../../src/projections/workspaces.ts";
import { eventId, facts, given, id } from "../spec.ts";

const [ada, bob, acme, wonderland] = [id("ada"), id("bob"), id("acme"), id("wonderland")];
/** When every event given here happened; their positions are 1000, 1001, … */
const { now } = facts;
const inWorkspace = { workspaceId: wonderland, organizationId: acme };
const membership = { workspace_id: wonderland, user_id: bob };

describe("users", () => {
  test("UserRegistered: a row without the hash of the password", () =>
    given(user, {
      type: "UserRegistered",
      data: { userId: ada, organizationId: acme, email: "ada@example.com", name: "Ada", passwordHash: "$2b$12$fixed" },
    })
      .projectedBy(users)
      .thenChanges({
        kind: "insert",
        table: "users",
        row: {
          id: ada,
          email: "ada@example.com",
          name: "Ada",
          avatar_url: null,
          session_epoch: 0,
          platform_role: "user",
          created_at: now,
          updated_at: now,
        },
      }));

  test("AUTH-12: UserSessionsRevoked: one epoch more", () =>
    given(user, { type: "UserSessionsRevoked", data: { userId: ada } })
      .projectedBy(users)
      .thenChanges({ kind: "add", table: "users", key: { id: ada }, amounts: { session_epoch: 1 } }));
});

describe("organizations", () => {
  const quotas = {
    maxUsers: 5,
    maxWorkspaces: 100,
    maxMembersPerWorkspace: 50,
    maxPipelines: 10,
    maxExecutionsPerMonth: 1_000,
  };
  const quotaColumns = {
    max_users: 5,
    max_workspaces: 100,
    max_members_per_workspace: 50,
    max_pipelines: 10,
    max_executions_per_month: 1_000,
  };
  const claim = { claimId: id("claim"), claiming: id("claiming") };
  const named = { name: "Acme", nameClaim: claim, slug: "acme" };
  const createdAt = "2026-02-01T00:00:00.000Z";
  const created = {
    type: "OrganizationCreated",
    data: { organizationId: acme, ...named, isPersonal: true, plan: "free", quotas, createdBy: ada, createdAt },
  } as const;
  const joined = {
    type: "OrganizationMemberAdded",
    data: { organizationId: acme, userId: bob, role: "viewer", invitedAt: now, acceptedAt: now },
  } as const;

  test("R-05 ORG-03: OrganizationCreated: the organization with all its fields, and its creator as admin", () =>
    given(organization, created)
      .projectedBy(organizations)
      .thenChanges(
        {
          kind: "insert",
          table: "organizations",
          row: {
            ...{ id: acme, name: "Acme", slug: "acme", status: "ACTIVE", is_personal: true, plan: "free" },
            ...quotaColumns,
            ...{ industry: null, cloud_provider: null, project_management_tool: null, compliance_frameworks: "[]" },
            ...{ created_by: ada, created_at: createdAt, updated_at: createdAt, deleted_at: null, revision: 0n },
          },
        },
        {
          kind: "insert",
          table: "organization_memberships",
          row: {
            ...{ organization_id: acme, user_id: ada, role: "admin", status: "active" },
            ...{ invited_at: createdAt, accepted_at: createdAt },
          },
        },
      ));

  test("OrganizationMemberAdded: a membership", () =>
    given(organization, joined)
      .projectedBy(organizations)
      .thenChanges(
        { kind: "set", table: "organizations", key: { id: acme }, values: { revision: 0n } },
        {
          kind: "insert",
          table: "organization_memberships",
          row: {
            ...{ organization_id: acme, user_id: bob, role: "viewer", status: "active" },
            ...{ invited_at: now, accepted_at: now },
          },
        },
      ));

  test("ORG-04 ORG-05 ORG-06 QUO-01: what changes later is in the row in the end", () => {
    const within = { organizationId: acme };
    const settings = { industry: "Logistics", cloudProvider: "aws", projectManagementTool: "jira" } as const;
    const after = given(
      organization,
      created,
      { type: "OrganizationRenamed", data: { ...within, name: "Acme Labs", nameClaim: claim, formerClaim: claim } },
      { type: "OrganizationSettingsChanged", data: { ...within, settings } },
      { type: "OrganizationComplianceChanged", data: { ...within, compliance: { frameworks: ["HIPAA"] } } },
      { type: "OrganizationPlanChanged", data: { ...within, plan: "pro", quotas } },
      { type: "OrganizationQuotasChanged", data: { ...within, quotas: { ...quotas, maxUsers: 7 } } },
      { type: "OrganizationDeactivated", data: within },
      { type: "OrganizationActivated", data: within },
      { type: "WorkspaceAdmitted", data: { ...within, workspaceId: wonderland } },
      { type: "WorkspaceReleased", data: { ...within, workspaceId: wonderland } },
      { type: "OrganizationDeleted", data: { ...within, slug: "acme", nameClaim: claim } },
    ).projectedBy(organizations);
    expect(after.rows("organizations")).toEqual([
      {
        ...{ id: acme, name: "Acme Labs", slug: "acme", status: "DELETED", is_personal: true, plan: "pro" },
        ...{ ...quotaColumns, max_users: 7 },
        ...{ industry: "Logistics", cloud_provider: "aws", project_management_tool: "jira" },
        ...{ compliance_frameworks: '["HIPAA"]', created_by: ada, created_at: createdAt },
        ...{ updated_at: now, deleted_at: now, revision: 10n },
      },
    ]);
  });

  test("ORG-07: a member's role and status change, and nothing is left of who was removed", () => {
    const member = { organizationId: acme, userId: bob };
    const changes = [
      joined,
      { type: "OrganizationMemberRoleChanged", data: { ...member, role: "admin" } },
      { type: "OrganizationMemberDeactivated", data: member },
    ] as const;
    const row = { ...{ organization_id: acme, user_id: bob }, role: "admin", invited_at: now, accepted_at: now };
    const rows = (...more: Parameters<typeof given<typeof organization.events, never>>[1][]) =>
      given(organization, ...changes, ...more)
        .projectedBy(organizations)
        .rows("organization_memberships");
    expect(rows()).toEqual([{ ...row, status: "deactivated" }]);
    expect(rows({ type: "OrganizationMemberReactivated", data: member })).toEqual([{ ...row, status: "active" }]);
    expect(rows({ type: "OrganizationMemberRemoved", data: member })).toEqual([]);
  });
});

describe("refresh tokens", () => {
  const [first, second] = ["1".repeat(64), "2".repeat(64)];
  const expiry = "2026-03-08T09:00:00.000Z";
  const ofAda = { sessionId: id("session"), userId: ada, sessionEpoch: 3, refreshExpiresAt: expiry };
  const issued = (revision: number, hash: string) => ({
    kind: "insert" as const,
    table: "refresh_tokens",
    row: {
      id: eventId(revision),
      user_id: ada,
      session_id: id("session"),
      session_epoch: 3,
      token_hash: hash,
      expires_at: expiry,
      revoked_at: null,
      created_at: now,
    },
  });
  const revoked = (hash: string) => ({
    kind: "set" as const,
    table: "refresh_tokens",
    key: { token_hash: hash },
    values: { revoked_at: now },
  });

  test("AUTH-10: SessionStarted: the first token's hash", () =>
    given(session, { type: "SessionStarted", data: { ...ofAda, organizationId: acme, refreshTokenHash: first } })
      .projectedBy(refreshTokens)
      .thenChanges(issued(0, first)));

  test("AUTH-09: RefreshTokenRotated: the old one is revoked, the new one is there", () =>
    given(session, {
      type: "RefreshTokenRotated",
      data: { ...ofAda, replacedHash: first, refreshTokenHash: second },
    })
      .projectedBy(refreshTokens)
      .thenChanges(revoked(first), issued(0, second)));

  test("AUTH-11: SessionEnded: the newest is revoked", () =>
    given(session, {
      type: "SessionEnded",
      data: { sessionId: id("session"), userId: ada, refreshTokenHash: second },
    })
      .projectedBy(refreshTokens)
      .thenChanges(revoked(second)));
});

describe("workspaces", () => {
  const createdAt = "2026-02-01T00:00:00.000Z";
  const joinedAt = "2026-02-02T00:00:00.000Z";
  const setWorkspace = (values: Record<string, unknown>) => ({
    kind: "set" as const,
    table: "workspaces",
    key: { id: wonderland },
    values,
  });

  test("WS-01: WorkspaceCreated: the workspace, and its owner's membership", () =>
    given(workspace, {
      type: "WorkspaceCreated",
      data: { ...inWorkspace, name: "Wonderland", slug: "wonderland", planType: "free", ownerId: ada, createdAt },
    })
      .projectedBy(workspaces)
      .thenChanges(
        {
          kind: "insert",
          table: "workspaces",
          row: {
            id: wonderland,
            organization_id: acme,
            name: "Wonderland",
            slug: "wonderland",
            ...{ status: "ACTIVE", description: null, time_zone: null, language: null },
            owner_id: ada,
            plan_type: "free",
            created_at: createdAt,
            updated_at: createdAt,
            deleted_at: null,
            revision: 0n,
          },
        },
        {
          kind: "insert",
          table: "workspace_memberships",
          row: {
            organization_id: acme,
            workspace_id: wonderland,
            user_id: ada,
            role: "owner",
            invited_at: createdAt,
            accepted_at: createdAt,
          },
        },
      ));

  test("WorkspaceRenamed: another name", () =>
    given(workspace, { type: "WorkspaceRenamed", data: { ...inWorkspace, name: "Looking-Glass" } })
      .projectedBy(workspaces)
      .thenChanges(setWorkspace({ name: "Looking-Glass", updated_at: now, revision: 0n })));

  test("R-11: WorkspaceDeleted: the row stays, with the time it was deleted", () =>
    given(workspace, { type: "WorkspaceDeleted", data: inWorkspace })
      .projectedBy(workspaces)
      .thenChanges(setWorkspace({ status: "DELETED", deleted_at: now, updated_at: now, revision: 0n })));

  test("WS-05: MemberAdded: a membership", () =>
    given(workspace, {
      type: "MemberAdded",
      data: { ...inWorkspace, userId: bob, role: "member", invitedAt: joinedAt, acceptedAt: joinedAt },
    })
      .projectedBy(workspaces)
      .thenChanges(setWorkspace({ revision: 0n }), {
        kind: "insert",
        table: "workspace_memberships",
        row: { ...membership, organization_id: acme, role: "member", invited_at: joinedAt, accepted_at: joinedAt },
      }));

  test("MemberInvited: no membership, and the address nowhere", () =>
    given(workspace, {
      type: "MemberInvited",
      data: {
        ...inWorkspace,
        invitationId: id("invitation"),
        emailClaimId: id("grace@example.com"),
        email: "grace@example.com",
        role: "viewer",
        invitedAt: joinedAt,
      },
    })
      .projectedBy(workspaces)
      .thenChanges(setWorkspace({ revision: 0n })));

  test("WS-06: MemberRemoved: the membership is gone", () =>
    given(workspace, { type: "MemberRemoved", data: { ...inWorkspace, userId: bob } })
      .projectedBy(workspaces)
      .thenChanges(setWorkspace({ revision: 0n }), {
        kind: "remove",
        table: "workspace_memberships",
        key: membership,
      }));

  test("WS-07: MemberRoleChanged: another role", () =>
    given(workspace, { type: "MemberRoleChanged", data: { ...inWorkspace, userId: bob, role: "admin" } })
      .projectedBy(workspaces)
      .thenChanges(setWorkspace({ revision: 0n }), {
        kind: "set",
        table: "workspace_memberships",
        key: membership,
        values: { role: "admin" },
      }));
});

describe("credentials", () => {
  const ids = { ...inWorkspace, credentialId: id("key") };
  const setCredential = (values: Record<string, unknown>) => ({
    kind: "set" as const,
    table: "api_credentials",
    key: { id: id("key") },
    values,
  });

  test("CRED-06: CredentialStored: all but key and secret", () =>
    given(credential, {
      type: "CredentialStored",
      data: {
        ...ids,
        providerName: "openai",
        name: "Batch",
        key: "sk-proj-abcd1234",
        secret: "s3cret",
        maskedKey: "****1234",
        createdBy: ada,
      },
    })
      .projectedBy(credentials)
      .thenChanges({
        kind: "insert",
        table: "api_credentials",
        row: {
          id: id("key"),
          organization_id: acme,
          workspace_id: wonderland,
          provider_name: "openai",
          name: "Batch",
          masked_key: "****1234",
          created_by: ada,
          created_at: now,
          updated_at: now,
          last_used_at: null,
          deleted_at: null,
        },
      }));

  test("CRED-08: CredentialUsed: the time of the last use", () =>
    given(credential, { type: "CredentialUsed", data: { ...ids, usedAt: "2026-02-28T10:00:00.000Z" } })
      .projectedBy(credentials)
      .thenChanges(setCredential({ last_used_at: "2026-02-28T10:00:00.000Z" })));

  test("CRED-07: CredentialDeleted: the row stays, with the time it was deleted", () =>
    given(credential, { type: "CredentialDeleted", data: ids })
      .projectedBy(credentials)
      .thenChanges(setCredential({ updated_at: now, deleted_at: now })));
});

describe("API keys", () => {
  const ofKey = { apiKeyId: id("worker"), organizationId: acme };
  const lent = { role: "member" as const, scopes: ["credits:debit"], vouchedBy: ada };
  const createdAt = "2026-02-01T00:00:00.000Z";
  const later = "2027-03-01T09:00:00.000Z";
  const secretHash = "1".repeat(64);

  test("KEY-01: the row has all of a key but its secret, however it was changed", () => {
    const after = given(
      apiKey,
      {
        type: "ApiKeyCreated",
        data: { ...ofKey, ...lent, workspaceId: null, name: "Worker", expiresAt: null, secretHash, createdAt },
      },
      { type: "ApiKeyRolled", data: { ...ofKey, vouchedBy: bob, expiresAt: later, secretHash, formerUntil: later } },
      { type: "ApiKeyScopesChanged", data: { ...ofKey, role: "viewer", scopes: ["workspace:read"], vouchedBy: ada } },
      { type: "ApiKeyUsed", data: { ...ofKey, usedAt: later } },
      { type: "ApiKeyRevoked", data: ofKey },
    );
    expect(after.projectedBy(apiKeys).rows("api_keys")).toEqual([
      {
        ...{ id: id("worker"), organization_id: acme, workspace_id: null, name: "Worker" },
        ...{ role: "viewer", scopes: '["workspace:read"]', vouched_by: ada },
        ...{ expires_at: later, former_secret_until: later },
        ...{ created_at: createdAt, updated_at: now, last_used_at: later, revoked_at: now },
      },
    ]);
  });
});
