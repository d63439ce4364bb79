import { randomUUID } from 'node:crypto'
import { wakeOnChanges } from '../../server/background/wake.ts'
import type { WorkerStep } from '../../server/background/loop.ts'
import type { WorkerContext, Workers } from '../../server/extension.ts'
import type { LmsConfig } from '../../server/lms/settings.ts'
import { claimNext } from './claim.ts'
import { openCredentials } from './credentials.ts'
import { openHttp } from './http.ts'
import { openLmsApi } from './lms-api.ts'
import { mirrorConsumer } from './note.ts'
import { isPaused } from './pace.ts'
import { sendPair, type SendContext } from './send.ts'

/** Milliseconds beyond a request for which a pair stays with who sends it. */
const LEASE_RESERVE_MS = 10_000

/** Keeps the LMS in step (adoption.md §5). Any number of processes may do so; none where `LMS_MIRROR` is off. */
export function mirrorWorkers(settings: LmsConfig, { db, log }: Pick<WorkerContext, 'db' | 'log'>): Workers {
  const { mirror, url, apiKey, worker, timeoutMs, mirrorRate } = settings
  if (!mirror || url === undefined || apiKey === undefined) return {}
  const http = openHttp({ timeoutMs })
  const credentials = openCredentials(worker, { http })
  const context: SendContext = {
    db,
    api: openLmsApi({ url, apiKey, hasWorker: worker !== undefined, http, credentials }),
    claim: { sender: randomUUID(), leaseMs: timeoutMs + LEASE_RESERVE_MS },
    pace: { spacingMs: (mirrorRate.seconds * 1_000) / mirrorRate.requests },
    onAway: (words) => log.error({ worker: 'lms-mirror', words }, 'the LMS takes no enrollments: they are sent later'),
  }
  return { steps: [mirrorStep(context, wakeOnChanges(db))], consumers: [mirrorConsumer()] }
}

/** Sends one pair after another. */
function mirrorStep(context: SendContext, wake: NonNullable<WorkerStep['wake']>): WorkerStep {
  return {
    name: 'sending enrollments to the LMS',
    intervalMs: 500,
    wake,
    async run(signal) {
      const { db, claim } = context
      if (await isPaused(db)) return false
      const claimed = await claimNext(db, claim)
      if (claimed === null) return false
      await sendPair(context, claimed, signal)
      return true
    },
  }
}
