import { UnknownError } from "@eventstore/db-client";
import monitoring from "@eventstore/db-client/generated/monitoring_grpc_pb.js";
import monitoringMessages from "@eventstore/db-client/generated/monitoring_pb.js";
import operations from "@eventstore/db-client/generated/operations_grpc_pb.js";
import operationsMessages from "@eventstore/db-client/generated/operations_pb.js";
import shared from "@eventstore/db-client/generated/shared_pb.js";
import users from "@eventstore/db-client/generated/users_grpc_pb.js";
import usersMessages from "@eventstore/db-client/generated/users_pb.js";
import { type ServiceError, status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { generatedClient } from "./generatedClient.ts";
import { heardBy } from "./heard.ts";
import { numbered } from "./numbered.ts";
import { freshName, isOwnServer, serverUnderTest, soon } from "./serverUnderTest.ts";

const under = serverUnderTest();

type Refusal = ServiceError | null;

const refusalOf = (call: (callback: (error: Refusal) => void) => unknown): Promise<Refusal> =>
  new Promise((resolve) => call(resolve));

// A server that has these parts serves them; the embedded one says that it does not.
describe.runIf(isOwnServer)("what the embedded store does not serve", () => {
  test.each([
    ["making a projection", () => under.client.createProjection("p", "fromAll()")],
    [
      "making a projection that tracks its streams",
      () => under.client.createProjection("p", "fromAll()", { trackEmittedStreams: true }),
    ],
    ["changing a projection", () => under.client.updateProjection("p", "fromAll()")],
    ["deleting a projection", () => under.client.deleteProjection("p")],
    ["enabling a projection", () => under.client.enableProjection("p")],
    ["disabling a projection", () => under.client.disableProjection("p")],
    ["aborting a projection", () => under.client.abortProjection("p")],
    ["resetting a projection", () => under.client.resetProjection("p")],
    ["the state of a projection", () => under.client.getProjectionState("p")],
    ["the result of a projection", () => under.client.getProjectionResult("p")],
    ["the status of a projection", () => under.client.getProjectionStatus("p")],
    ["listing projections", () => under.client.listProjections()],
    ["restarting projections", () => under.client.restartSubsystem()],
  ])("refuses %s as unimplemented", async (_, attempt) => {
    const refusal = attempt();
    await expect(refusal).rejects.toBeInstanceOf(UnknownError);
    await expect(refusal).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
  });

  test.each([
    [
      "starting a scavenge",
      () => {
        const service = generatedClient(under.url, operations.OperationsClient);
        return refusalOf((callback) => service.startScavenge(new operationsMessages.StartScavengeReq(), callback));
      },
    ],
    [
      "shutting down",
      () => {
        const service = generatedClient(under.url, operations.OperationsClient);
        return refusalOf((callback) => service.shutdown(new shared.Empty(), callback));
      },
    ],
    [
      "creating a user",
      () => {
        const service = generatedClient(under.url, users.UsersClient);
        return refusalOf((callback) => service.create(new usersMessages.CreateReq(), callback));
      },
    ],
    [
      "telling its statistics",
      () => {
        const service = generatedClient(under.url, monitoring.MonitoringClient);
        return refusalOf((callback) => {
          service.stats(new monitoringMessages.StatsReq()).on("error", callback).resume();
        });
      },
    ],
  ])("refuses %s as unimplemented", async (_, attempt) => {
    expect((await attempt())?.code).toBe(status.UNIMPLEMENTED);
  });

  test("costs nobody the connection", async () => {
    const stream = freshName();
    const heard = heardBy(under.client.subscribeToStream(stream));
    await expect.poll(() => heard.caughtUp, soon).toBe(1);
    await expect(under.client.listProjections()).rejects.toBeInstanceOf(UnknownError);
    await expect(under.client.createProjection("p", "fromAll()")).rejects.toBeInstanceOf(UnknownError);
    await under.client.appendToStream(stream, numbered(1));
    await expect.poll(() => heard.numbers, soon).toEqual([1]);
    expect(heard.error).toBeUndefined();
  });
});
