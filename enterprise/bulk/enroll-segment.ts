import type { Transaction } from 'kysely'
import type { EnterpriseDB } from '../database/schema.ts'
import type { RowOutcome } from './answer.ts'
import { decideAddresses } from './decide-addresses.ts'
import { enrollAccounts } from './enroll-accounts.ts'
import { notesOf, overridesOf } from './notes.ts'
import { readOffers } from './offers.ts'
import { outcomeOf, unreadyOutcome } from './outcomes.ts'
import { lockPeople } from './resolve-learners.ts'
import { lockAddresses } from './existing-pending.ts'
import {
  isForAccount,
  isForAddress,
  isMeant,
  isUnready,
  meaningOf,
  withOffer,
  type AskedRow,
  type MeantRow,
  type ReadyRow,
  type UnreadyRow,
} from './prepare.ts'
import { countSeats, seatsAfterEach, seatsOf, type Seats } from './seats.ts'
import { segmentsOf } from './segments.ts'
import { callerIn, type Unit } from './unit.ts'
import { writeResults } from './write.ts'

/** The most that `enrollment.enrollMany` takes: it locks the seats of all its course runs in one order. */
const STEP = 10_000

/**
 * Carries out rows inside a transaction: they come to the same as one after another. Learners and addresses are locked at
 * the start, all of them, in one order; the number of statements does not depend on the number of rows, but for steps of ten
 * thousand and for rows that repeat a person and a course run.
 *
 * @returns one outcome per row, in order.
 */
export async function carryOut(
  trx: Transaction<EnterpriseDB>,
  asked: readonly AskedRow[],
  unit: Unit,
): Promise<RowOutcome[]> {
  const rows = await lockMeanings(trx, asked, unit)
  const meant = rows.filter(isMeant)
  const outcomes: RowOutcome[] = rows.filter(isUnready).map(unreadyOutcome)
  for (let start = 0; start < meant.length; start += STEP) {
    outcomes.push(...(await carryOutStep(trx, meant.slice(start, start + STEP), unit)))
  }
  return outcomes.toSorted((a, b) => a.index - b.index)
}

async function lockMeanings(
  trx: Transaction<EnterpriseDB>,
  asked: readonly AskedRow[],
  unit: Unit,
): Promise<(MeantRow | UnreadyRow)[]> {
  const orders = asked.map(({ order }) => order)
  const people = await lockPeople(trx, orders, unit.order.whenIdentityDiffers)
  const rows = asked.map((row, index) => {
    const person = people[index]
    if (person === undefined) throw new RangeError('Each row is about somebody')
    return meaningOf(row, person)
  })
  const addresses = rows.filter(isMeant).flatMap(({ person }) => (person.is === 'address' ? person.email : []))
  await lockAddresses(trx, addresses, unit)
  return rows
}

async function carryOutStep(
  trx: Transaction<EnterpriseDB>,
  rows: readonly MeantRow[],
  unit: Unit,
): Promise<RowOutcome[]> {
  const offers = await readOffers(
    callerIn(trx, unit),
    rows.map(({ order }) => order.courseId),
  )
  const seats = seatsOf(offers)
  const ready = rows.map((row) => withOffer(row, offers, unit.context.policy))
  const outcomes: RowOutcome[] = []
  for (const segment of segmentsOf(ready)) outcomes.push(...(await carryOutSegment(trx, segment, seats, unit)))
  return outcomes
}

/** @param seats those before the rows; they are brought up to those after them. */
async function carryOutSegment(
  trx: Transaction<EnterpriseDB>,
  rows: readonly ReadyRow[],
  seats: Seats,
  unit: Unit,
): Promise<RowOutcome[]> {
  const enrolled = await enrollAccounts(trx, rows.filter(isForAccount), unit)
  const waiting = await decideAddresses(trx, rows.filter(isForAddress), unit)
  const results = [...enrolled, ...waiting].toSorted((a, b) => a.row.index - b.row.index)
  await countSeats(callerIn(trx, unit), seats, results)
  const seatsTaken = seatsAfterEach(results, seats)
  const noted = results.map((result, index) => ({ result, notes: notesOf(result, seatsTaken[index] ?? null) }))
  const overrides = noted.flatMap(({ result, notes }) => overridesOf(result, notes))
  await writeResults(trx, results, overrides, unit)
  return noted.map(({ result, notes }) => outcomeOf(result, notes))
}
