import type { Actor, AttributeInput, Outcome } from '../enrollment/command.ts'
import type { Failure } from '../errors.ts'
import type { LearnerRef } from '../learner/ref.ts'

export const jobStates = ['queued', 'running', 'done', 'cancelled', 'failed'] as const
export type JobState = (typeof jobStates)[number]

/** What a job does with its lines (bulk.md §1). */
export const jobActions = ['enroll', 'unenroll', 'change', 'sync'] as const
export type JobAction = (typeof jobActions)[number]

/** What is done next, or was done last: its source is read, its lines are compared, and carried out. */
export const jobPhases = ['reading', 'checking', 'running'] as const
export type JobPhase = (typeof jobPhases)[number]

/** Where the lines of a job come from. */
export const jobSources = ['items', 'csv', 'upload', 'retry', 'undo'] as const
export type JobSource = (typeof jobSources)[number]

export type FailureMode = 'bestEffort' | 'strict'

/** How many learners a roster may remove: so many of each course run, or so many per cent, as `10%`. */
export interface SyncLimits {
  maxRemovals?: number | string | undefined
}

/** A bulk job as callers see it (bulk.md §1). Instants are ISO 8601, UTC. */
export interface BulkJob {
  jobId: string
  name: string | null
  state: JobState
  phase: JobPhase
  action: JobAction
  source: JobSource
  failureMode: FailureMode
  dryRun: boolean
  actor: Actor
  reason: string | null
  /** The job whose failed lines these are, or that is undone. */
  parentJobId: string | null
  /** Lines; null until all have been read. */
  total: number | null
  /** Lines that have their result. */
  done: number
  /** By kind of outcome and code of error; they add up to `done`. */
  counts: Record<string, number>
  /** Lines a second of late; of a job that has ended, on the average. */
  ratePerSecond: number | null
  estimatedEnd: string | null
  createdAt: string
  startedAt: string | null
  endedAt: string | null
  /** Why it failed; while it runs, what has gone wrong and is tried again. */
  lastError: Failure | null
  /** Of a roster: equal plans have equal ones. */
  planFingerprint: string | null
  /** About the whole file, e.g. columns that nobody knows. */
  warnings: string[]
}

/** What a line asks for: an item of `enrollMany` or `changeMany`, and the cohort that a file may name. */
export type BulkItem = LearnerRef & {
  readonly courseId: string
  readonly mode?: string | undefined
  readonly isActive?: boolean | undefined
  readonly whenEnrolled?: 'keep' | 'update' | undefined
  readonly force?: boolean | undefined
  readonly allowExpiredMode?: boolean | undefined
  readonly expectedVersion?: number | undefined
  readonly enterpriseUuid?: string | undefined
  readonly attributes?: readonly AttributeInput[] | undefined
  readonly cohort?: string | undefined
  readonly reason?: string | undefined
}

/** A line of a job. */
export interface BulkLine {
  /** Of the file, where the record begins (header = 1); of items the place, from 1; 0: of no file, e.g. a removal of a roster. */
  readonly line: number
  readonly ref?: string | undefined
  /** Null: it cannot be read, `error` says why. */
  readonly item: BulkItem | null
  readonly error?: Failure | undefined
  /** The cells as they are written in the file. */
  readonly cells?: readonly string[] | undefined
  /** What a plan says that becomes of it, for the {@link JobKind} that planned it; JSON. */
  readonly plan?: unknown
}

/** What became of a line. */
export type LineOutcome =
  | { readonly ok: true; readonly outcome: Outcome }
  | { readonly ok: false; readonly error: Failure }

/** The result of a line (bulk.md §1). */
export interface BulkResult {
  line: number
  ref?: string
  /** The item; of a file, the cells by their columns. */
  input: unknown
  ok: boolean
  outcome?: Outcome
  error?: Failure
}
