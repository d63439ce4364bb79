import type { Extension, WorkerContext, Workers } from '../server/extension.ts'
import type { LmsConfig } from '../server/lms/settings.ts'
import { lmsTables } from './database/migrate.ts'
import { readFollowConsumers } from './follow/status.ts'
import { followSteps } from './follow/workers.ts'
import { openForwarding } from './forward/open.ts'
import { mirrorWorkers } from './mirror/workers.ts'
import { openLmsTokens } from './tokens/open.ts'

/** Taking an LMS over, keeping in step with it, and going back (adoption.md): an extension of the server. */
export function lmsExtension(settings: LmsConfig): Extension {
  const { databaseUrl, follow } = settings
  return {
    ...lmsTables,
    openTokens: databaseUrl === undefined ? undefined : (log) => openLmsTokens(databaseUrl, log),
    forwardChange: openForwarding(settings),
    workers: (context) => workersOf(settings, context),
    consumers: follow ? readFollowConsumers : undefined,
  }
}

function workersOf(settings: LmsConfig, context: WorkerContext): Workers {
  const { databaseUrl, follow } = settings
  const mirroring = mirrorWorkers(settings, context)
  if (!follow || databaseUrl === undefined) return mirroring
  return { ...mirroring, steps: [...(mirroring.steps ?? []), ...followSteps(context.db, databaseUrl, context.log)] }
}
