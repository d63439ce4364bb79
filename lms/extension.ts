import type { Extension } from '../server/extension.ts'
import type { LmsConfig } from '../server/lms/settings.ts'
import { lmsCommands } from './cli/commands.ts'
import { lmsMigrations } from './database/migrate.ts'
import { readFollowConsumers } from './follow/status.ts'
import { followSteps } from './follow/workers.ts'
import { openLmsTokens } from './tokens/open.ts'
import { openForwarding } from './forward/open.ts'
import { mirrorWorkers } from './mirror/workers.ts'

/**
 * Taking an LMS over, keeping in step with it, and going back (adoption.md): an extension of the server and of the command line.
 *
 * @param settings those of a server; the command line reads them when a command needs them.
 */
export function lmsExtension(settings?: LmsConfig): Extension {
  const { databaseUrl, follow = false } = settings ?? {}
  const isFollowing = follow && databaseUrl !== undefined
  return {
    name: 'lms',
    migrations: lmsMigrations,
    commands: lmsCommands,
    openTokens: databaseUrl === undefined ? undefined : (log) => openLmsTokens(databaseUrl, log),
    forwardChange: settings && openForwarding(settings),
    workers(context) {
      const { steps = [], consumers = [] } = settings === undefined ? {} : mirrorWorkers(settings, context)
      const following = isFollowing ? followSteps(context.db, databaseUrl, context.log) : []
      return { steps: [...steps, ...following], consumers }
    },
    consumers: isFollowing ? readFollowConsumers : undefined,
  }
}
