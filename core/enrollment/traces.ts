import { sql, type Kysely } from 'kysely'
import { embargoRules, judgeCountries } from '../access/embargo/rules.ts'
import { readEmbargoedLearner } from '../access/embargo/learner.ts'
import { parseCourseKey, type CourseKey } from '../course/key.ts'
import type { DB } from '../database/schema.ts'
import { findAccount, type Account } from '../learner/account.ts'
import type { LearnerRef } from '../learner/ref.ts'
import { foldEmail } from '../learner/email-address.ts'

/** Something that the database still knows about a learner and a course run, beside the events of the enrollment. */
export interface Trace {
  /** When it was last touched, ISO 8601, UTC; null: nobody noted it. */
  readonly at: string | null
  /** What it is, e.g. `allowance`. */
  readonly kind: string
  /** For people. */
  readonly says: string
}

/** Whom and what traces are of. */
export interface TraceSubject {
  /** Null: there is no such account. */
  readonly account: Account | null
  /** Folded; null: none is known. */
  readonly email: string | null
  readonly courseKey: CourseKey
}

/** Finds the subject of a command; null where the text is no course key. */
export async function traceSubject(
  db: Kysely<DB>,
  learner: LearnerRef,
  courseId: string,
): Promise<TraceSubject | null> {
  const courseKey = parseCourseKey(courseId)
  if (courseKey === null) return null
  const account = await findAccount(db, learner)
  const email = account === null && 'email' in learner ? learner.email.trim() : (account?.email ?? null)
  return { account, email: email && foldEmail(email), courseKey }
}

/** Reads what was promised to an address, what waits, and what staff did by hand: oldest first. */
export async function readTraces(db: Kysely<DB>, subject: TraceSubject): Promise<Trace[]> {
  const { account, email, courseKey } = subject
  const allowances = email === null ? [] : await readAllowances(db, email, courseKey)
  const waiting = account === null ? [] : await readArrivals(db, account)
  const manual = email === null ? [] : await readManual(db, email, courseKey)
  return [...allowances, ...manual, ...waiting]
}

async function readAllowances(db: Kysely<DB>, email: string, { stored }: CourseKey): Promise<Trace[]> {
  const rows = await db
    .selectFrom('enrollment_allowances')
    .select(['created', 'auto_enroll', 'auto_enroll_settled', 'claimed_by'])
    .where(sql<boolean>`fold_email(email) = ${email}`)
    .where('course_key', '=', stored)
    .execute()
  return rows.map((row) => {
    const parts = [
      `the address ${email} may enroll`,
      row.auto_enroll && 'and is enrolled when an account comes',
      row.auto_enroll_settled !== null && `acted on at ${row.auto_enroll_settled}`,
      row.claimed_by === null ? 'not used yet' : 'used',
    ]
    return { at: row.created, kind: 'allowance', says: parts.filter(Boolean).join(', ') }
  })
}

async function readArrivals(db: Kysely<DB>, { id, username }: Account): Promise<Trace[]> {
  const rows = await db.selectFrom('auto_enrollment_arrivals').select('via').where('learner_id', '=', id).execute()
  return rows.map(({ via }) => ({
    at: null,
    kind: 'arrival',
    says: `${username} has come via ${via}, and waits for a running server to look at their allowances`,
  }))
}

async function readManual(db: Kysely<DB>, email: string, { stored }: CourseKey): Promise<Trace[]> {
  const rows = await db
    .selectFrom('manual_enrollments as m')
    .leftJoin('learners as l', 'l.id', 'm.actor_id')
    .select(['m.created', 'm.transition', 'm.reason', 'l.username'])
    .where(sql<boolean>`fold_email(m.email) = ${email}`)
    .where('m.course_key', '=', stored)
    .orderBy('m.id', 'desc')
    .limit(MOST)
    .execute()
  return rows.toReversed().map(({ created, transition, reason, username }) => ({
    at: created,
    kind: 'by staff',
    says: [transition, username && `by ${username}`, reason].filter(Boolean).join(', '),
  }))
}

/** Of a kind. */
const MOST = 20

/**
 * Says which countries a course run refuses, and what the profile of the learner says. Only the REST API looks at that, and at the
 * address of the request, where `EMBARGO=on`.
 *
 * @returns for people; null: there is no such course run.
 */
export async function readEmbargo(db: Kysely<DB>, { account, courseKey }: TraceSubject): Promise<string | null> {
  const { stored, org } = courseKey
  const course = await db.selectFrom('courses').select('id').where('course_key', '=', stored).executeTakeFirst()
  if (course === undefined) return null
  const rules = embargoRules(db)
  const [rule, platform] = [await rules.of(stored), await rules.platform()]
  if (rule === null && platform.countries.length === 0) return 'no country is refused'
  const learner = account && (await readEmbargoedLearner(db, account.id, { key: stored, org }))
  const country = learner?.country ?? null
  const isAuthor = learner?.isAuthor === true
  const isRefused = !isAuthor && !judgeCountries(platform, rule, [country]).passes
  const parts = [
    platform.countries.length > 0 && `nowhere ${platform.countries.join(', ')}`,
    rule !== null && rule.whitelist.length > 0 && `only ${rule.whitelist.join(', ')}`,
    rule !== null && rule.blacklist.length > 0 && `not ${rule.blacklist.join(', ')}`,
    `the profile says ${country ?? 'none'}`,
    isAuthor && 'and authors of the course run are let in',
    isRefused && 'which the REST API refuses where EMBARGO=on; nothing else looks',
  ]
  return parts.filter(Boolean).join(', ')
}
