import type { Kysely, Transaction } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { CallMetadata } from '../enrollment/command.ts'
import type { Policy } from '../policy.ts'
import type { BulkLine, LineOutcome } from './job.ts'
import type { JobRow } from './row.ts'

/** What comes out of a source at once. */
export interface SourcePage {
  readonly lines: readonly BulkLine[]
  /** About the whole, to be told once. */
  readonly warnings?: readonly string[] | undefined
  /** The columns of a file, as they are written there; before its first line. */
  readonly header?: readonly string[] | undefined
  /** Equal plans have equal ones; with the last page. */
  readonly planFingerprint?: string | undefined
}

/** Where the lines of a job come from: a file, its items, the failed lines of another job, a plan that is made now. */
export interface PlanSource {
  /** Whether it gives the same lines each time: after an interruption only the missing ones are written then, otherwise all anew. */
  readonly isStable: boolean
  /**
   * Gives the lines, in order and in bounded memory.
   *
   * @param db a pool.
   * @param signal is aborted when the process stops.
   * @param policy of the site: a plan is made by its rules.
   * @throws {EnrollmentError} ends the job: it is `failed` with this as its `lastError`, and nothing was done.
   */
  read(db: Kysely<DB>, job: JobRow, signal: AbortSignal, policy: Policy): AsyncIterable<SourcePage>
}

/** What carries out the lines of a chunk needs beside them. */
export interface ChunkContext {
  readonly job: JobRow
  readonly metadata: CallMetadata
  readonly policy: Policy
}

/** How jobs of one kind are read and carried out. */
export interface JobKind {
  readonly source: PlanSource
  /**
   * Carries out lines that have no error, in the transaction of their chunk; without it, by the rules of `enrollMany`.
   *
   * @returns one outcome a line, in order; `unavailable` where it should be tried again later.
   */
  readonly carryOut?: (
    trx: Transaction<DB>,
    lines: readonly BulkLine[],
    context: ChunkContext,
  ) => Promise<LineOutcome[]>
}
