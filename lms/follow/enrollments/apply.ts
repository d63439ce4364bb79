import type { Kysely, Transaction } from 'kysely'
import { isUniqueViolation } from '../../../core/database/failure.ts'
import { LOST_RACE, retryOnSerializationFailure, type LostRace } from '../../../core/database/retry.ts'
import { inTransaction } from '../../../core/database/transaction.ts'
import { wakeReaders } from '../../../core/event/wake.ts'
import type { LmsDB } from '../../database/schema.ts'
import {
  applyRead,
  readPresent,
  type Applied,
  type PresentEnrollments,
} from '../../import/enrollments/apply-present.ts'
import { asideOf } from '../../import/enrollments/bring-rows.ts'
import { courseRunFinder } from '../../import/enrollments/course-runs.ts'
import { isDataError, wordsOf } from '../../import/enrollments/data-error.ts'
import { keepAside, takeBack } from '../../import/enrollments/keep-aside.ts'
import type { LmsSource } from '../../source/source.ts'
import { lockStream, moveStream, readStream } from '../stream-row.ts'
import { goneEnrollments } from './gone.ts'
import { positionIn, type EnrollmentPosition } from './position.ts'

/** Enrollments that one transaction applies: a change of owner waits for it. */
const ROWS_AT_ONCE = 250

/** Another process follows the enrollments now: this one has nothing to do with them any more. */
export class NotMine extends Error {
  override readonly name = 'NotMine'
}

export interface ApplyContext {
  readonly db: Kysely<LmsDB>
  readonly source: LmsSource
  readonly now?: Date | undefined
  /** Whether the rows were kept aside before. */
  readonly isTriedAgain?: boolean
}

/** What became of rows, in numbers and by name. */
export interface Outcome {
  changed: number
  readonly waiting: Applied['waiting'][number][]
}

/**
 * Applies enrollments of the LMS as they are there now, and then moves the stream on. What was read is written only where nothing
 * was written for the LMS since it was read: a process that was stopped for a while does not bring back what was before. Rows that
 * have no place here yet are kept aside, in the same transaction.
 *
 * @param ids in the LMS.
 * @param to where the stream is when all of them are applied.
 * @throws {NotMine}
 */
export async function applyAndMove(
  context: ApplyContext,
  ids: readonly number[],
  to: Partial<Pick<EnrollmentPosition, 'history' | 'floorId'>>,
): Promise<Outcome> {
  const outcome: Outcome = { changed: 0, waiting: [] }
  const pieces = piecesOf(ids)
  for (const [index, piece] of pieces.entries()) {
    const isLast = index === pieces.length - 1
    const applied = await applyPiece(context, piece, isLast ? to : {})
    outcome.changed += applied.changed.length
    outcome.waiting.push(...applied.waiting)
  }
  return outcome
}

function piecesOf(ids: readonly number[]): (readonly number[])[] {
  const count = Math.max(1, Math.ceil(ids.length / ROWS_AT_ONCE))
  return Array.from({ length: count }, (_, index) => ids.slice(index * ROWS_AT_ONCE, (index + 1) * ROWS_AT_ONCE))
}

/** A row that the database refuses costs itself alone. */
async function applyPiece(
  context: ApplyContext,
  ids: readonly number[],
  to: Partial<EnrollmentPosition>,
): Promise<Applied> {
  try {
    return await applyTogether(context, ids, to, undefined)
  } catch (error) {
    if (!isDataError(error)) throw error
    const [first] = ids
    if (first !== undefined && ids.length === 1) return applyTogether(context, ids, to, error)
    const middle = ids.length >> 1
    const one = await applyPiece(context, ids.slice(0, middle), {})
    const other = await applyPiece(context, ids.slice(middle), to)
    return joined(one, other)
  }
}

/** How often what was read is read again because somebody else has applied something meanwhile. */
const MAX_READS = 5

/** @param refused what the database said to the one row, when it was tried; it is kept aside. */
async function applyTogether(
  { db, source, now = new Date(), isTriedAgain = false }: ApplyContext,
  ids: readonly number[],
  to: Partial<EnrollmentPosition>,
  refused: Error | undefined,
): Promise<Applied> {
  for (let read = 0; read < MAX_READS; read += 1) {
    const place = positionIn((await readStream(db, 'enrollments'))?.position)
    if (place === null) throw new NotMine('The enrollments are read from the beginning')
    const present = await readPresentOrGone(db, source, ids)
    const find = await courseRunFinder(db)
    const write = async (trx: Transaction<LmsDB>): Promise<Applied | null> => {
      if (!(await lockStream(trx, 'enrollments'))) throw new NotMine('Another process follows the enrollments')
      const current = positionIn((await readStream(trx, 'enrollments'))?.position)
      if (current?.applied !== place.applied) return null
      const applied =
        refused === undefined
          ? await applyRead(trx, present, { source, find, now, keepsAside: true })
          : await keepRefused(trx, present, refused)
      if (isTriedAgain) await takeBack(trx, withHome(ids, applied))
      const history = to.history !== undefined && to.history > current.history ? to.history : current.history
      const position = { ...current, ...to, history, applied: current.applied + 1 }
      await moveStream(trx, 'enrollments', { position, changes: applied.changed.length })
      return applied
    }
    const applied = await retryOnSerializationFailure(db, (attempt) =>
      inTransaction(db, write).catch((error: unknown) => lostRace(error, attempt)),
    )
    if (applied === null) continue
    if (applied.changed.length > 0) wakeReaders(db)
    return applied
  }
  throw new NotMine('Another process applies enrollments')
}

/** Enrollments as they are now: of those that are gone, what they come to. */
async function readPresentOrGone(
  db: Kysely<LmsDB>,
  source: LmsSource,
  ids: readonly number[],
): Promise<PresentEnrollments> {
  const present = await readPresent(source, { ids })
  const there = new Set(present.enrollments.map(({ id }) => id))
  const gone = await goneEnrollments(
    db,
    ids.filter((id) => !there.has(id)),
  )
  return { ...present, enrollments: [...present.enrollments, ...gone] }
}

/** Those that need not be kept aside any more: they are here, or nowhere. */
function withHome(ids: readonly number[], { waiting, notOwned }: Applied): number[] {
  const stays = new Set([...waiting.map(({ id }) => id), ...notOwned])
  return ids.filter((id) => !stays.has(id))
}

/** What two transactions take from each other is tried again; what stays so is no race. */
function lostRace(error: unknown, attempt: number): LostRace {
  if (isUniqueViolation(error) && attempt < 3) return LOST_RACE
  throw error
}

async function keepRefused(
  trx: Transaction<LmsDB>,
  { enrollments }: PresentEnrollments,
  error: Error,
): Promise<Applied> {
  const rows = enrollments.flatMap((row) => asideOf(row, `the database refused it: ${wordsOf(error)}`))
  await keepAside(trx, rows)
  const waiting = enrollments.map(({ id }) => ({ id, why: wordsOf(error) }))
  return { changed: [], unchanged: [], notOwned: [], waiting }
}

function joined(one: Applied, other: Applied): Applied {
  return {
    changed: [...one.changed, ...other.changed],
    unchanged: [...one.unchanged, ...other.unchanged],
    notOwned: [...one.notOwned, ...other.notOwned],
    waiting: [...one.waiting, ...other.waiting],
  }
}
