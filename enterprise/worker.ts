import type { Context } from '../routers/index.ts'
import { enterpriseConsumer, type EnterpriseConsumer } from './feed/consumer.ts'
import { fulfilPending } from './pending/fulfil.ts'
import { SWEEP_START, sweepOpenLinks } from './pending/sweep.ts'

/** How many open links one look compares with the accounts: a few milliseconds of the database. */
const SWEEP_LIMIT = 1000

/** A piece of work that is repeated. */
interface Step {
  readonly name: string
  /** Says whether there is more to do at once. */
  run(): Promise<boolean>
}

/**
 * What the extension does by itself while a server runs: enrolls learners whose account has come, and applies changes of
 * enrollments to its records. Any number of processes may do it.
 */
export function enterpriseWorkers(context: Pick<Context, 'db' | 'log' | 'policy'>): {
  readonly steps: readonly Step[]
  readonly consumers: readonly EnterpriseConsumer[]
} {
  return { steps: [pendingStep(context)], consumers: [enterpriseConsumer()] }
}

function pendingStep(caller: Pick<Context, 'db' | 'log' | 'policy'>): Step {
  const context: Context = { ...caller, actor: { kind: 'system', name: 'enterprise' } }
  let after = SWEEP_START
  return {
    name: 'enrolling learners whose account has come',
    async run() {
      const { arrivals, taken } = await fulfilPending(context)
      if (arrivals > 0 || taken > 0) return true
      const sweep = await sweepOpenLinks(context.db, { after, limit: SWEEP_LIMIT })
      after = sweep.after
      return sweep.found > 0
    },
  }
}
