import type { Kysely } from 'kysely'
import type { DB } from '../../database/schema.ts'
import type { Policy } from '../../policy.ts'
import type { JobRow } from '../row.ts'
import type { Fingerprint } from './fingerprint.ts'
import type { Listed } from './listed.ts'
import type { RosterRun } from './read.ts'

/** What is known of a roster while it is planned. */
export interface Roster {
  readonly db: Kysely<DB>
  readonly job: JobRow
  readonly policy: Policy
  readonly listed: Listed
  /** By the keys under which they are named. */
  readonly runs: Map<string, RosterRun>
  /** The ids of learners whom lines name that cannot be read. */
  readonly faulty: Set<number>
  readonly fingerprint: Fingerprint
  /** By course run, the seats that are free once the plan is carried out up to here; fewer than none where they are taken. */
  readonly freed: Map<number, number>
  readonly warnings: string[]
}
