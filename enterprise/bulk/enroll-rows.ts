import type { Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import { resolveLearners, type LearnerAccount } from '../learner/resolve-learners.ts'
import { hideUnlinkedLearners } from '../learner/visible-learners.ts'
import { callerIn } from '../operation.ts'
import type { RowOutcome } from './answer.ts'
import type { BatchContext } from './batch-context.ts'
import { assignCohorts, readCohorts, refuseUnknownCohort } from './cohorts.ts'
import { decideAccount, type AcceptedRow } from './decide-account.ts'
import { decideAddress } from './decide-address.ts'
import { enrollAccounts } from './enroll-accounts.ts'
import { readExistingStates, type ExistingState } from './facts-accounts.ts'
import { lockAddresses, readExistingPending } from './facts-addresses.ts'
import { countSeats, readOffers, seatsAfterEach, seatsOf, type Seats } from './facts-offers.ts'
import { namesOnlyRevoked } from './named-licenses.ts'
import { outcomeOf, rejectedOutcome } from './outcomes.ts'
import { prepareRow, resolveRow, segmentsOf } from './prepare.ts'
import { overridesOf, remarksOn } from './remarks.ts'
import {
  isEnrolled,
  isForAccount,
  isForAddress,
  isRejected,
  isResolved,
  type NumberedRow,
  type PreparedRow,
  type RejectedRow,
  type ResolvedRow,
} from './rows.ts'
import { writeResults } from './write-results.ts'

/** The most that `enrollment.enrollMany` takes: it locks the seats of all its course runs in one order. */
const STEP = 10_000

/**
 * Enrolls rows inside a transaction, with the same result as one after another. Accounts and addresses are locked at the
 * start, all of them, in one order; the number of statements does not depend on the number of rows, but for steps of ten
 * thousand and for rows that repeat a learner and a course run.
 *
 * @returns one outcome per row, in order.
 */
export async function enrollRows(
  trx: Transaction<EnterpriseDB>,
  numbered: readonly NumberedRow[],
  batch: BatchContext,
): Promise<RowOutcome[]> {
  const rows = await resolveAndLock(trx, numbered, batch)
  const resolved = rows.filter(isResolved)
  const outcomes: RowOutcome[] = rows.filter(isRejected).map(rejectedOutcome)
  for (let start = 0; start < resolved.length; start += STEP) {
    outcomes.push(...(await enrollStep(trx, resolved.slice(start, start + STEP), batch)))
  }
  return outcomes.toSorted((a, b) => a.index - b.index)
}

async function resolveAndLock(
  trx: Transaction<EnterpriseDB>,
  numbered: readonly NumberedRow[],
  batch: BatchContext,
): Promise<(ResolvedRow | RejectedRow)[]> {
  const requests = numbered.map(({ request }) => request)
  const named = await resolveLearners(trx, requests, batch.options.whenIdentityDiffers)
  const isHiding = batch.options.userIdsOf === 'linked'
  const learners = isHiding ? await hideUnlinkedLearners(trx, batch.customer.id, requests, named) : named
  const rows = numbered.map((row, index) => {
    const learner = learners[index]
    if (learner === undefined) throw new RangeError('Each row names a learner')
    return resolveRow(row, learner)
  })
  const addresses = rows.filter(isResolved).flatMap(({ learner }) => (learner.is === 'address' ? learner.email : []))
  await lockAddresses(trx, addresses, batch)
  return rows
}

async function enrollStep(
  trx: Transaction<EnterpriseDB>,
  rows: readonly ResolvedRow[],
  batch: BatchContext,
): Promise<RowOutcome[]> {
  const offers = await readOffers(
    callerIn(trx, batch),
    rows.map(({ request }) => request.courseId),
  )
  const seats = seatsOf(offers)
  const prepared = rows.map((row) => prepareRow(row, offers, batch.context.policy))
  const outcomes: RowOutcome[] = []
  for (const segment of segmentsOf(prepared)) outcomes.push(...(await enrollSegment(trx, segment, seats, batch)))
  return outcomes
}

/** Finds out which rows may bring a revoked license back; nothing is read where none of them names one. */
async function revivalOf(
  trx: Transaction<EnterpriseDB>,
  rows: readonly PreparedRow<LearnerAccount>[],
  states: readonly ExistingState[],
  batch: BatchContext,
): Promise<(row: PreparedRow<LearnerAccount>, state: ExistingState | undefined) => boolean> {
  const isAsked =
    batch.options.whenLicenseRevoked === 'reviveAlone' &&
    rows.some(({ funding }, index) => {
      const license = states[index]?.fulfilments.license
      return funding?.kind === 'license' && license?.isRevoked === true && license.fundingId === funding.id
    })
  if (!isAsked) return () => false
  const named = await batch.namedLicenses(trx)
  return (row, state) => state !== undefined && namesOnlyRevoked(row, state, named)
}

/**
 * Facts, decisions, writes.
 *
 * @param seats those before the rows; when it ends, those after them.
 */
async function enrollSegment(
  trx: Transaction<EnterpriseDB>,
  rows: readonly PreparedRow[],
  seats: Seats,
  batch: BatchContext,
): Promise<RowOutcome[]> {
  const [forAccounts, forAddresses] = [rows.filter(isForAccount), rows.filter(isForAddress)]
  const states = await readExistingStates(trx, batch.customer.id, forAccounts)
  const pending = await readExistingPending(trx, batch.customer.id, forAddresses)

  const mayReplace = batch.options.whenTransactionDiffers === 'supersede'
  const mayRevive = await revivalOf(trx, forAccounts, states, batch)
  const cohortOf = await readCohorts(trx, forAccounts)
  const decided = forAccounts.map(
    (row, index) =>
      refuseUnknownCohort(row, cohortOf) ??
      decideAccount(row, states[index], { mayReplace, mayRevive: mayRevive(row, states[index]) }),
  )
  const waiting = forAddresses.map(
    (row, index) => refuseUnknownCohort(row, cohortOf) ?? decideAddress(row, pending[index], batch.options.discount),
  )

  const accepted = decided.filter((one): one is AcceptedRow => !('refusal' in one))
  const refused = decided.flatMap((one) => ('refusal' in one ? one : []))
  const enrolled = await enrollAccounts(trx, accepted, batch)
  await assignCohorts(trx, enrolled.filter(isEnrolled), cohortOf)
  const results = [...refused, ...enrolled, ...waiting].toSorted((a, b) => a.row.index - b.row.index)
  await countSeats(callerIn(trx, batch), seats, results)
  const seatsTaken = seatsAfterEach(results, seats)
  const remarked = results.map((result, index) => ({ result, remarks: remarksOn(result, seatsTaken[index] ?? null) }))
  const overrides = remarked.flatMap(({ result, remarks }) => overridesOf(result, remarks))
  await writeResults(trx, results, overrides, batch)
  return remarked.map(({ result, remarks }) => outcomeOf(result, remarks))
}
