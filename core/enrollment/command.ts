import type { Course } from '../course/course.ts'
import type { Cancellation } from '../database/deadline.ts'
import type { Failure } from '../errors.ts'
import type { LearnerRef } from '../learner/ref.ts'

/** A fact about an enrollment, e.g. `credit` / `provider_id` / `hogwarts`. Parts that a client left out are absent. */
export interface AttributeInput {
  readonly namespace?: string | undefined
  readonly name?: string | undefined
  readonly value?: string | undefined
}

/**
 * One request about one enrollment. All APIs build such commands, and differ only in the command that they build.
 *
 * `path` says what an existing enrollment means:
 * - `enroll` adds, or reactivates after all checks; an active one is left as it is.
 * - `replace` sets mode and activation of an existing one without window and capacity; otherwise it adds.
 * - `change` changes only what is given, and only an existing one.
 * - `post` is the privileged POST of the legacy REST API: `change` where mode or activation differ, otherwise `enroll`.
 * - `admit` adds or reactivates whatever modes, window and seats say; an active one is left as it is.
 * - `restore` gives an existing one back the mode and activation that it once had, whatever modes and window say by now.
 */
export interface EnrollmentCommand {
  readonly learner: LearnerRef
  readonly courseId: string
  readonly path: 'enroll' | 'replace' | 'change' | 'post' | 'admit' | 'restore'
  /** Null: not asked. A new or reactivated enrollment then gets the default mode of its course. */
  readonly mode: string | null
  /** Null: not asked. Adding then activates. */
  readonly isActive: boolean | null
  /** Whether an active enrollment answers before window and capacity are looked at, so that a repeat never fails. */
  readonly activeFirst: boolean
  /** Lifts window, invitation and allowance when adding; never the capacity. */
  readonly force: boolean
  /** Lifts mode expiry when adding. */
  readonly expiredModeWhenAdding: boolean
  /** Lifts mode expiry when changing. */
  readonly expiredModeWhenChanging: boolean
  /** Replaces all attributes of the enrollment; null leaves them. */
  readonly attributes: readonly AttributeInput[] | null
  /** The only version at which anything is done; 0: only where there is no enrollment yet. */
  readonly expectedVersion: number | null
  readonly enterpriseUuid: string | null
  readonly reason: string | null
}

/** A command that asks for nothing and lifts no rule: APIs build theirs on it. */
export const plainCommand = {
  mode: null,
  isActive: null,
  activeFirst: true,
  force: false,
  expiredModeWhenAdding: false,
  expiredModeWhenChanging: false,
  attributes: null,
  expectedVersion: null,
  enterpriseUuid: null,
  reason: null,
} as const satisfies Omit<EnrollmentCommand, 'learner' | 'courseId' | 'path'>

/** An enrollment in memory: as it was read, or as it is planned to be. */
export interface EnrollmentState {
  readonly version: number
  readonly mode: string
  readonly isActive: boolean
  /** ISO 8601, UTC. */
  readonly created: string
  readonly updated: string
}

/** An enrollment as callers see it (rpc §2). */
export interface Enrollment {
  id: string
  /** Starts at 1 and grows by one with every change of mode or activation. */
  version: number
  userId: string
  username: string
  courseId: string
  mode: string
  isActive: boolean
  /** ISO 8601, UTC. */
  created: string
  updated: string
}

export type ChangeKind = 'created' | 'reactivated' | 'modeChanged' | 'deactivated'
export type OutcomeKind = ChangeKind | 'unchanged'

/** The result of a command that no rule refused (rpc §2). `eventId` is null exactly when `kind` is `unchanged`. */
export interface Outcome {
  kind: OutcomeKind
  enrollment: Enrollment
  before: { mode: string; isActive: boolean } | null
  eventId: string | null
}

/** An outcome with the course run, which was read for it. */
export interface OutcomeWithCourse {
  readonly outcome: Outcome
  readonly course: Course
}

/** The result of one command of a batch: a value, so that one bad row spoils no other. */
export type Result = ({ ok: true } & OutcomeWithCourse) | { ok: false; error: Failure }

/** Who acts; every call has one (rpc §1). */
export interface Actor {
  kind: 'service' | 'user' | 'system'
  name: string
}

/** The API through which a change came. */
export type Via = 'rest' | 'rpc' | 'caller' | 'bulk' | 'cli'

/** What is recorded with every change of one call: who made it, through which API, and when. */
export interface CallMetadata {
  readonly actor: Actor
  readonly via: Via
  readonly now: Date
  readonly requestId?: string | undefined
  readonly batchId?: string | undefined
  /** Says when nobody waits for the call any more. */
  readonly cancellation?: Cancellation | undefined
}

/** A command with the metadata of the call that it came in. */
export interface BatchItem {
  readonly command: EnrollmentCommand
  readonly metadata: CallMetadata
}
