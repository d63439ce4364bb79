import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { BulkLine, LineOutcome } from '../../../core/bulk/job.ts'
import { countsOf } from '../../../core/bulk/pack.ts'
import type { JobRow } from '../../../core/bulk/row.ts'
import type { JobKind, SourcePage } from '../../../core/bulk/source.ts'
import type { DB } from '../../../core/database/schema.ts'
import { defaultPolicy, type Policy } from '../../../core/policy.ts'

export interface RunOptions {
  readonly policy?: Policy
  /** Lines of a transaction. */
  readonly chunkSize?: number
  /** Between reading and carrying out. */
  readonly meanwhile?: () => Promise<unknown>
}

export interface KindRun {
  readonly jobId: string
  readonly lines: readonly BulkLine[]
  readonly outcomes: readonly LineOutcome[]
  readonly warnings: readonly string[]
  readonly fingerprint: string | undefined
}

/** Does what a worker does with a job of a kind, in this process: its lines are read and, unless it is a dry run, carried out chunk by chunk. */
export async function runKind(
  db: Kysely<DB>,
  kind: JobKind,
  columns: Partial<JobRow>,
  { policy = defaultPolicy, chunkSize = 3, meanwhile }: RunOptions = {},
): Promise<KindRun> {
  const jobId = randomUUID()
  const job = { id: jobId, reason: null, undone_batch_id: null, ...columns } as JobRow
  const pages: SourcePage[] = await Array.fromAsync(kind.source.read(db, job, new AbortController().signal, policy))
  await meanwhile?.()
  const lines = pages.flatMap((page) => page.lines)
  const metadata = { actor: { kind: 'service', name: 'tests' }, via: 'bulk', now: new Date(), batchId: jobId } as const
  const outcomes: LineOutcome[] = []
  const end = job.is_dry_run ? 0 : lines.length
  for (let from = 0; from < end; from += chunkSize) {
    const chunk = lines.slice(from, from + chunkSize)
    const open = chunk.filter(({ error }) => error === undefined)
    const done = await db
      .transaction()
      .execute(async (trx) => (await kind.carryOut?.(trx, open, { job, metadata, policy })) ?? [])
    const results = done.values()
    for (const { error } of chunk) outcomes.push(error ? { ok: false, error } : take(results))
  }
  const warnings = pages.flatMap((page) => page.warnings ?? [])
  return { jobId, lines, outcomes, warnings, fingerprint: pages.at(-1)?.planFingerprint }
}

function take(results: Iterator<LineOutcome>): LineOutcome {
  const { value, done } = results.next()
  if (done === true) throw new RangeError('Each line has one outcome')
  return value
}

/** How many outcomes there are of each kind and code. */
export function countsOfRun({ outcomes }: KindRun): Record<string, number> {
  return countsOf(outcomes)
}
