import type { Kysely } from 'kysely'
import { instantFromDate } from '../../core/database/instant.ts'
import type { LmsDB } from '../database/schema.ts'
import { keepAgreements } from '../export/agree.ts'
import type { Destination } from '../export/destination.ts'
import { historyIdOf, NOT_WRITTEN, type RowVerdict } from '../export/lms-row.ts'
import { readPairs, type ExportedPair } from '../export/pairs.ts'
import { ENROLLMENTS } from '../import/enrollments/lms-enrollment.ts'
import { instantFromMysql } from '../source/instant.ts'
import type { LmsSource } from '../source/source.ts'
import type { Difference, Side } from './difference.ts'

const PIECE = 1000

/** What is repaired in the LMS: enrollments that are written there, and rows of it that are not here. */
export interface RepairsThere {
  readonly enrollmentIds: string[]
  readonly rows: RowThere[]
}

interface RowThere {
  readonly lmsId: number
  readonly userId: number
  readonly courseId: string
  readonly there: Side
}

/** Notes what a difference takes to be repaired in the LMS. */
export function noteRepairThere({ enrollmentIds, rows }: RepairsThere, difference: Difference): void {
  const { is, lmsId, userId, courseId, enrollmentId, there } = difference
  if (is !== 'onlyThere' && enrollmentId !== null) enrollmentIds.push(enrollmentId)
  else if (lmsId !== null && userId !== null && there !== null) rows.push({ lmsId, userId, courseId, there })
}

/**
 * Makes what the LMS has the same as what is here (adoption.md §2, §6): enrollments are written with a row of history each, and
 * one that is not here becomes inactive.
 *
 * @param source sees the present.
 */
export async function repairThere(
  db: Kysely<LmsDB>,
  source: LmsSource,
  { write }: Destination,
  { enrollmentIds, rows }: RepairsThere,
  now: Date,
): Promise<void> {
  const at = instantFromDate(now)
  for (let start = 0; start < enrollmentIds.length; start += PIECE) {
    const pairs = await readPairs(db, enrollmentIds.slice(start, start + PIECE))
    const outcomes = await write(pairs.map((pair) => repairing(pair, at)))
    const agreed = pairs.flatMap(({ enrollmentId, version }, index) => {
      const { verdict, lmsId = null } = outcomes[index] ?? {}
      const isAgreed = verdict !== undefined && !NOT_WRITTEN.has(verdict as RowVerdict)
      return isAgreed ? [{ enrollmentId, version, lmsId }] : []
    })
    await keepAgreements(db, agreed)
  }
  for (let start = 0; start < rows.length; start += PIECE) {
    await write(await inactiveRows(source, rows.slice(start, start + PIECE), at))
  }
}

/** A repair is a change of its own, also where the same was written before. */
function repairing(pair: ExportedPair, at: string): ExportedPair {
  const historyId = historyIdOf('repair', pair.enrollmentId, pair.version, at)
  return { ...pair, row: { ...pair.row, historyId, historyDate: at } }
}

async function inactiveRows(source: LmsSource, rows: readonly RowThere[], at: string): Promise<ExportedPair[]> {
  const present = await source.query<{ id: number | string; created: string | null }>(
    `select id, created from ${ENROLLMENTS} where id in (?)`,
    [rows.map(({ lmsId }) => lmsId)],
  )
  const created = new Map(present.map((row) => [Number(row.id), instantFromMysql(row.created)]))
  return rows
    .filter(({ lmsId }) => created.has(lmsId))
    .map(({ lmsId, userId, courseId, there: { mode, attributes } }) => ({
      enrollmentId: '',
      version: 0,
      username: '',
      row: {
        userId,
        courseId,
        mode,
        isActive: false,
        created: created.get(lmsId) ?? at,
        lmsId,
        attributes,
        historyId: historyIdOf('repair', 'missing', lmsId, at),
        historyDate: at,
        historyUserId: null,
      },
    }))
}
