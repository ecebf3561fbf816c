import { creditLedger } from "../domain/credits/creditLedger.ts";
import {
  accountClosed,
  accountOpened,
  accountTable,
  alertConfigured,
  balanceIs,
  counted,
  limitSet,
  rechargeArrived,
  rechargeBackedOff,
  rechargeCapped,
  rechargeConfigured,
  rechargePending,
  rechargeSuspended,
  standing,
} from "./ledger/account.ts";
import {
  alertsTable,
  balanceLow,
  balanceRecovered,
  capReached,
  declined,
  suspended,
  thresholdReached,
} from "./ledger/alerts.ts";
import { balanceNoted, balancesTable } from "./ledger/balances.ts";
import { budgetRemoved, budgetSet, budgetsTable, charged, periodsTable } from "./ledger/budgets.ts";
import { daysTable, onItsDay } from "./ledger/days.ts";
import { holdCaptured, holdExpired, holdPlaced, holdReleased, holdsTable } from "./ledger/holds.ts";
import {
  capturedFromLots,
  drawnFromLots,
  freedInLots,
  heldInLots,
  lotActivated,
  lotExpired,
  lotGranted,
  lotsTable,
  returnedToLots,
} from "./ledger/lots.ts";
import { rechargeDeclined, rechargeRequested, rechargeSettled, rechargesTable } from "./ledger/recharges.ts";
import { activationLine, line, type Moved, transactionsTable } from "./ledger/transactions.ts";
import { usageTable, usedFor } from "./ledger/usage.ts";
import { type Effect, each, projection } from "./projection.ts";

type Sum = Parameters<typeof onItsDay>[0];

/** Posted credits moved, which counts on its day. */
const movement = (sum: Sum) => each<Moved>(counted("transaction_count"), onItsDay(sum));

/** Credits that wait for their time are not owned yet. */
const once =
  (part: Effect<Moved>): Effect<Moved> =>
  (data, occurrence) =>
    data.effectiveAt === null ? part(data, occurrence) : [];

const gained = (type: Parameters<typeof line>[0]) => once(each(line(type, 1), movement("granted")));

/**
 * All read models of the ledger in one: each event, of which there may be thousands a second, is decoded once for all
 * of them, and a rebuild of them reads the events once.
 */
export const billing = projection({
  name: "billing",
  version: 1,
  tables: [
    accountTable,
    transactionsTable,
    balancesTable,
    lotsTable,
    holdsTable,
    daysTable,
    usageTable,
    budgetsTable,
    periodsTable,
    rechargesTable,
    alertsTable,
  ],
  of: [creditLedger],
  when: {
    LedgerOpened: each(accountOpened, balanceNoted),
    LedgerClosed: each(standing, accountClosed),
    CreditLimitSet: each(standing, limitSet, balanceNoted),

    CreditsPurchased: each(standing, lotGranted("purchased"), gained("purchase")),
    CreditsGranted: each(standing, lotGranted("promotional"), gained("grant")),
    CreditsAdjusted: each(standing, lotGranted("adjustment"), gained("adjustment")),
    CreditsRecharged: each(standing, rechargeArrived, rechargeSettled, lotGranted("recharge"), gained("recharge")),
    CreditsActivated: each(standing, lotActivated, activationLine, movement("granted")),
    CreditsExpired: each(standing, lotExpired, line("expiry", -1), movement("expired")),

    CreditsDebited: each(standing, drawnFromLots, line("debit", -1), movement("spent"), usedFor, charged(1)),
    CreditsDeducted: each(standing, drawnFromLots, line("adjustment", -1), movement("deducted")),
    CreditsRefunded: each(standing, returnedToLots, line("refund", 1), movement("refunded"), charged(-1)),

    HoldPlaced: each(standing, heldInLots, holdPlaced, balanceNoted),
    HoldCaptured: each(
      standing,
      capturedFromLots,
      holdCaptured,
      line("debit", -1),
      movement("spent"),
      usedFor,
      charged(1),
    ),
    HoldReleased: each(standing, freedInLots, holdReleased, balanceNoted),
    HoldExpired: each(standing, freedInLots, holdExpired, balanceNoted),

    TransferSent: each(standing, drawnFromLots, line("transfer_out", -1), movement("sent")),
    TransferReceived: each(standing, returnedToLots, line("transfer_in", 1), movement("received")),
    TransferRefused: standing,
    TransferCompleted: standing,
    TransferReturned: each(standing, returnedToLots, line("transfer_return", 1), movement("received")),

    AutoRechargeConfigured: each(standing, rechargeConfigured),
    RechargeRequested: each(standing, rechargePending, rechargeRequested),
    RechargeDeclined: each(standing, rechargeBackedOff, rechargeDeclined, declined),
    AutoRechargeSuspended: each(standing, rechargeSuspended, suspended),
    RechargeCapReached: each(standing, rechargeCapped, capReached),

    BudgetSet: each(standing, budgetSet),
    BudgetRemoved: each(standing, budgetRemoved),
    BudgetThresholdReached: each(standing, thresholdReached),
    BalanceAlertConfigured: each(standing, alertConfigured),
    LowBalanceReached: each(standing, balanceIs(true), balanceLow),
    BalanceRecovered: each(standing, balanceIs(false), balanceRecovered),
  },
});
