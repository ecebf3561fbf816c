/** Values the examples of several routes share, so that the documentation tells one story. */
export const exampleIds = {
  user: "5f2d8c1e-8f0a-4c7e-9a44-0f6d3b1c2a10",
  member: "0b9c7a52-3d1e-4f86-8c55-9d2e4f7a1b20",
  organization: "c0a1e7d4-5b62-4e39-b7a8-1f3c5d7e9b30",
  workspace: "9e4b2f60-7c18-4d5a-a3f1-6b8d0c2e4f40",
  otherWorkspace: "7b1d4c82-0a95-4e63-8f27-c4e6a8b0d250",
  invitation: "8d3b5f71-4a2c-4e96-b1d8-3c5e7a9f1b60",
  credential: "3a7f1c95-2e84-4b60-8d9c-5f0a7b3e1c50",
  apiKey: "6d2b8f40-1c7e-4a93-b5d6-e8f0a1c2d360",
  // Of events of a ledger: they begin with where the event stands.
  purchase: "00000000-0001-8c94-9b0e-2a4c6d8f0e60",
  transaction: "00000000-0002-8c94-9b0e-2a4c6d8f0e61",
  refund: "00000000-0003-8c94-9b0e-2a4c6d8f0e62",
  capture: "00000000-0005-8c94-9b0e-2a4c6d8f0e63",
  transferOut: "00000000-0008-8c94-9b0e-2a4c6d8f0e64",
  hold: "4c8e0a26-b3d7-8f51-a902-6e1c3b5d7f70",
  budget: "d6f8b0a2-c4e6-8173-95a7-b9cbddeff180",
  transfer: "2f4a6c8e-0b1d-8357-8a9c-bedf01234590",
} as const;
export const exampleTime = "2026-11-20T12:00:00.000Z";
