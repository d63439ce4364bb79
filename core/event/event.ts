import type { Actor, ChangeKind, Via } from '../enrollment/command.ts'

/** One change of one enrollment (rpc §3.4). Versions of an enrollment run 1, 2, 3 … without gaps. */
export interface EnrollmentEvent {
  id: string
  /** The place in the feed: continue after it. */
  cursor: string
  enrollmentId: string
  version: number
  kind: ChangeKind
  userId: string
  username: string
  courseId: string
  before: { mode: string; isActive: boolean } | null
  after: { mode: string; isActive: boolean }
  actor: Actor
  via: Via
  reason: string | null
  enterpriseUuid: string | null
  requestId: string | null
  batchId: string | null
  /** ISO 8601, UTC. */
  at: string
}

/** Who keeps committed events from being shown (events.md §1). */
export interface HeldBack {
  /** When the transaction began or was prepared, ISO 8601, UTC; null where the role may not see it. */
  since: string | null
  by: { kind: 'transaction'; pid: number; applicationName: string } | { kind: 'prepared'; gid: string }
}
