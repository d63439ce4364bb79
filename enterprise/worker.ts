import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { DB } from '../core/database/schema.ts'
import type { Context, Logger, Policy } from '../routers/index.ts'
import { followEnrollments } from './feed/consume.ts'
import { fulfilPending } from './pending/fulfil.ts'
import { SWEEP_START, sweepOpenLinks } from './pending/sweep.ts'

export interface EnterpriseWorkerOptions {
  /** A pool. */
  readonly db: Kysely<DB>
  readonly log: Logger
  readonly policy: Policy
  /** Milliseconds from when nothing is left to do to the next look. */
  readonly intervalMs?: number
}

/** How many open links one look compares with the accounts: a few milliseconds of the database. */
const SWEEP_LIMIT = 1000

/** However often the work fails, it is tried again after this long. */
const MAX_WAIT_MS = 30_000

/** How long the end is waited for. A statement that takes longer ends by itself, and does no harm. */
const MAX_STOP_MS = 1_000

/**
 * Does what the tenant does by itself, until it is disposed of: enrolls those who waited for an account, and follows what
 * other doors do to enrollments. Any number of processes may have one. It keeps no process alive; what fails is told to
 * the log and tried again, after longer and longer.
 */
export function startEnterpriseWorker({
  db,
  log,
  policy,
  intervalMs = 1000,
}: EnterpriseWorkerOptions): AsyncDisposable {
  const context: Context = { db, log, policy, actor: { kind: 'system', name: 'enterprise' } }
  const end = new AbortController()
  const loops = [
    repeat(pendingStep(context), { what: 'enrolling who waited for an account', log, intervalMs, end: end.signal }),
    repeat(feedStep(context), { what: 'following the enrollments', log, intervalMs, end: end.signal }),
  ]
  return {
    async [Symbol.asyncDispose]() {
      end.abort()
      await Promise.race([Promise.all(loops), sleep(MAX_STOP_MS, undefined, { ref: false })])
    },
  }
}

/** A piece of work, which says whether there is more to do at once. */
type Step = () => Promise<boolean>

function pendingStep(context: Context): Step {
  let after = SWEEP_START
  return async () => {
    const { arrivals, taken } = await fulfilPending(context)
    if (arrivals > 0 || taken > 0) return true
    const sweep = await sweepOpenLinks(context.db, { after, limit: SWEEP_LIMIT })
    after = sweep.after
    return sweep.found > 0
  }
}

function feedStep(context: Context): Step {
  return async () => (await followEnrollments(context)).events > 0
}

interface Repetition {
  readonly what: string
  readonly log: Logger
  readonly intervalMs: number
  readonly end: AbortSignal
}

async function repeat(step: Step, { what, log, intervalMs, end }: Repetition): Promise<void> {
  let failures = 0
  while (!end.aborted) {
    try {
      const isMore = await step()
      failures = 0
      if (isMore) continue
    } catch (err) {
      if (end.aborted) return
      failures += 1
      log.error({ err }, `${what} failed`)
    }
    const waitMs = Math.min(intervalMs * 2 ** failures, MAX_WAIT_MS)
    await sleep(waitMs, undefined, { ref: false, signal: end }).catch(() => {})
  }
}
