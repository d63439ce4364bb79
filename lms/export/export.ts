import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { FeedPosition } from '../../core/event/cursor.ts'
import { keepAgreements } from './agree.ts'
import { NOT_WRITTEN, type RowVerdict } from './lms-row.ts'
import { findCandidates, readPairs, type Candidate, type ExportedPair } from './pairs.ts'
import type { RowOutcome } from './write-rows.ts'

/** Where rows go, and what becomes of them there. */
export type WriteRows = (pairs: readonly ExportedPair[]) => Promise<ExportOutcome[]>

/** `inFile`: it is written where the file is loaded, unless MySQL finds then what speaks against it. */
export type ExportVerdict = RowVerdict | 'noLmsId' | 'inFile'
export type ExportOutcome = Omit<RowOutcome, 'verdict' | 'row'> & { readonly verdict: ExportVerdict }

/** A pair that was not written. */
export interface ListedPair {
  readonly username: string
  readonly courseId: string
  readonly why: ExportVerdict
  /** What MySQL says. */
  readonly words?: string | undefined
}

export interface ExportOptions {
  /** The place in the feed at cut-over; null: none is known. */
  readonly since: FeedPosition | null
  readonly write: WriteRows
  /** Is told of each pair that is not written, those of accounts without an id of the LMS first. */
  readonly list: (pair: ListedPair) => Promise<void>
  /** Whether what both sides say is kept: not in a dry run, nor for a file that nobody has loaded yet. */
  readonly keeps: boolean
}

/** How many pairs came to what. */
export type ExportCounts = Partial<Record<ExportVerdict, number>>

/**
 * Writes the enrollments that were changed here back into an LMS (adoption.md §6).
 *
 * @param db a pool.
 */
export async function exportToLms(db: Kysely<DB>, { since, write, list, keeps }: ExportOptions): Promise<ExportCounts> {
  const counts: ExportCounts = {}
  const count = (verdict: ExportVerdict) => {
    counts[verdict] = (counts[verdict] ?? 0) + 1
  }
  const { enrollmentIds, withoutLmsId } = await findCandidates(db, since)
  for (const pair of withoutLmsId) {
    count('noLmsId')
    await list({ ...pair, why: 'noLmsId' })
  }
  for (const candidates of partsOf(enrollmentIds)) {
    const pairs = await readPairs(
      db,
      candidates.map(({ id }) => id),
    )
    const outcomes = (await write(pairs)).map((outcome, index) => ({ ...outcome, pair: pairOf(pairs, index) }))
    for (const { verdict, words, pair } of outcomes) {
      count(verdict)
      const { username, row } = pair
      if (isListed(verdict)) await list({ username, courseId: row.courseId, why: verdict, words })
    }
    if (!keeps) continue
    const agreed = outcomes.filter(({ verdict }) => AGREED.has(verdict))
    await keepAgreements(
      db,
      agreed.map(({ pair: { enrollmentId, version }, lmsId }) => ({ enrollmentId, version, lmsId })),
    )
  }
  return counts
}

const AGREED: ReadonlySet<ExportVerdict> = new Set(['inserted', 'updated', 'unchanged'])

/** Whether the LMS does not have it as it is here. */
export function isListed(verdict: ExportVerdict): boolean {
  return verdict === 'noLmsId' || NOT_WRITTEN.has(verdict as RowVerdict) // A set takes any text.
}

/** Pairs of one transaction, or a few more: those of one account stay together. */
const PART_SIZE = 1_000

function* partsOf(candidates: readonly Candidate[]): Generator<readonly Candidate[]> {
  for (let start = 0; start < candidates.length;) {
    let end = Math.min(start + PART_SIZE, candidates.length)
    while (end < candidates.length && candidates[end]?.learnerId === candidates[end - 1]?.learnerId) end += 1
    yield candidates.slice(start, end)
    start = end
  }
}

function pairOf(pairs: readonly ExportedPair[], index: number): ExportedPair {
  const pair = pairs[index]
  if (pair === undefined) throw new RangeError('Each outcome belongs to a pair')
  return pair
}
