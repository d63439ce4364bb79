import { sql, type Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { CallMetadata } from '../enrollment/command.ts'
import { unenrollAll } from '../enrollment/unenroll-all.ts'
import type { Policy } from '../policy.ts'

/** The request of a learner to be forgotten, and how far it has come. */
export interface Retirement {
  readonly learnerId: number
  readonly userId: number
  readonly state: RetirementState
  /** ISO 8601, UTC. */
  readonly updated: string
}

export interface RetirementState {
  readonly name: string
  /** Its place in the order of states; 0 for one that only this site knows. */
  readonly step: number
}

export type RetirementOutcome =
  | { readonly kind: 'notRequested' }
  /** The retirement is between two steps, or over: nothing is done for it. */
  | { readonly kind: 'notWorkable'; readonly retirement: Retirement }
  /** `ownedByLms`: course runs with active enrollments that the LMS has to end. */
  | { readonly kind: 'nothingActive'; readonly ownedByLms: string[] }
  /** `orgs`: the organisations of all enrollments that the learner ever had, each once. */
  | { readonly kind: 'unenrolled'; readonly orgs: string[]; readonly ownedByLms: string[] }

/**
 * The step of a retirement that deactivates all enrollments of its learner, in one transaction (rest-v1 §1.12, §3.5).
 *
 * @param username the one under which the retirement was asked for, in exactly this case.
 */
export async function retireEnrollments(
  db: Kysely<DB>,
  username: string,
  by: { metadata: CallMetadata; policy: Policy },
): Promise<RetirementOutcome> {
  const retirement = await findRetirement(db, username)
  if (retirement === null) return { kind: 'notRequested' }
  if (!isWorkable(retirement.state)) return { kind: 'notWorkable', retirement }
  const { learnerId, userId } = retirement
  const learner = { userId: String(userId) }
  const { outcomes, ownedByLms } = await unenrollAll(db, learner, { reason: 'retirement', ...by })
  return outcomes.length === 0
    ? { kind: 'nothingActive', ownedByLms }
    : { kind: 'unenrolled', orgs: await orgsOf(db, learnerId), ownedByLms }
}

/** Those of the accounts for which a retirement was requested, at whatever stage it is. */
export async function readRetiredLearners(db: Kysely<DB>, learnerIds: readonly number[]): Promise<Set<number>> {
  if (learnerIds.length === 0) return new Set()
  const rows = await db
    .selectFrom('retirements')
    .select('learner_id')
    .where('learner_id', '=', sql<number>`any (${learnerIds}::integer[])`)
    .execute()
  return new Set(rows.map((row) => row.learner_id))
}

async function findRetirement(db: Kysely<DB>, username: string): Promise<Retirement | null> {
  const row = await db
    .selectFrom('retirements as r')
    .innerJoin('learners as l', 'l.id', 'r.learner_id')
    .select(['r.learner_id', 'l.user_id', 'r.state', 'r.updated'])
    .where('original_username', '=', username)
    .executeTakeFirst()
  if (row === undefined) return null
  const state = { name: row.state, step: stepOf(row.state) }
  return { learnerId: row.learner_id, userId: row.user_id, state, updated: row.updated }
}

/** The states of an LMS as it is installed; between two of them there is room for nine others. */
const STATES = [
  'PENDING',
  'LOCKING_ACCOUNT',
  'LOCKING_COMPLETE',
  'RETIRING_FORUMS',
  'FORUMS_COMPLETE',
  'RETIRING_EMAIL_LISTS',
  'EMAIL_LISTS_COMPLETE',
  'RETIRING_ENROLLMENTS',
  'ENROLLMENTS_COMPLETE',
  'RETIRING_NOTES',
  'NOTES_COMPLETE',
  'RETIRING_LMS',
  'LMS_COMPLETE',
  'ERRORED',
  'ABORTED',
  'COMPLETE',
]

function stepOf(state: string): number {
  const index = STATES.indexOf(state)
  return index === -1 ? 0 : 1 + 10 * index
}

/** States that each site has and nobody works in; `PENDING` is one in which work may begin. */
const FINAL_STATES = new Set(['ERRORED', 'ABORTED', 'COMPLETE'])

function isWorkable({ name }: RetirementState): boolean {
  return !FINAL_STATES.has(name) && !name.endsWith('_COMPLETE')
}

async function orgsOf(db: Kysely<DB>, learnerId: number): Promise<string[]> {
  const rows = await db
    .selectFrom('enrollments as e')
    .innerJoin('courses as c', 'c.id', 'e.course_id')
    .select('c.org')
    .distinct()
    .where('e.learner_id', '=', learnerId)
    .orderBy('c.org')
    .execute()
  return rows.map((row) => row.org)
}
