import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { BULK_ENROLL, openDoor, type Answered, type Door, type RestClient } from '../../../support/rest.ts'
import { addCourse, addLearner, type SeededLearner } from '../../../support/seed.ts'
import { addCohort, addEnrollment } from '../../../support/world.ts'

/** Somebody with an account who is not enrolled, as the door shows them. */
export const OUT = { user: true, enrollment: false, allowed: false, auto_enroll: false }
export const IN = { ...OUT, enrollment: true }
/** Without an account. */
export const STRANGER = { ...OUT, user: false }

interface BulkWorld {
  door: Door
  staff: RestClient
  staffAccount: SeededLearner
  /** Another one for each test, with two empty cohorts. */
  course: string
  enrolled: SeededLearner
  notEnrolled: SeededLearner
}

/** A course run, somebody who is in it and somebody who is not, anew for each test; and how to ask about them. */
export function bulkWorld() {
  const world = {} as BulkWorld // Filled before each test.
  beforeAll(async () => {
    world.door = await openDoor({ env: { RATE_LIMITS: 'off' } })
    world.staffAccount = await addLearner(world.door.db, { is_staff: true })
    world.staff = world.door.as(world.staffAccount)
  })
  afterAll(() => world.door[Symbol.asyncDispose]())
  beforeEach(async () => {
    const { db } = world.door
    world.course = await addCourse(db)
    for (const cohort of ['cohort1', 'cohort2']) await addCohort(db, world.course, cohort)
    world.enrolled = await addLearner(db)
    await addEnrollment(db, world.enrolled.id, world.course)
    world.notEnrolled = await addLearner(db)
  })
  return { world, ask, whole, auditOf, allowanceOf }

  function ask(fields: object): Promise<Answered> {
    return world.staff.postTo(BULK_ENROLL, { action: 'enroll', courses: world.course, ...fields })
  }

  /** The text of a whole answer about the one course. */
  function whole(action: string, results: object[]): string {
    const courses = { [world.course]: { action, auto_enroll: false, results } }
    return JSON.stringify({ auto_enroll: false, email_students: false, action, courses })
  }

  /** The transitions of a person in the audit. */
  async function auditOf({ email }: { email: string }): Promise<string[]> {
    const rows = await world.door.db
      .selectFrom('manual_enrollments')
      .select('transition')
      .where('email', '=', email)
      .orderBy('id')
      .execute()
    return rows.map((row) => row.transition)
  }

  async function allowanceOf(email: string): Promise<object | null> {
    const row = await world.door.db
      .selectFrom('enrollment_allowances')
      .select(['auto_enroll', 'claimed_by'])
      .where((eb) => eb(eb.fn<string>('lower', ['email']), '=', email.toLowerCase()))
      .where('course_key', '=', world.course)
      .executeTakeFirst()
    return row ?? null
  }
}

/** The result of the only person in the only course. */
export function only({ json }: Answered): unknown {
  const [ofCourse] = Object.values<{ results: unknown[] }>(json.courses)
  expect(ofCourse?.results).toHaveLength(1)
  return ofCourse?.results[0]
}

interface State {
  enrollment: boolean
  allowed: boolean
}

/** A result, e.g. `out → in`. */
export function inWords(result: { before?: State; after?: State; error?: true; invalidIdentifier?: true }): string {
  if (!result.before || !result.after) return result.error ? 'error' : 'invalid'
  return `${stateInWords(result.before)} → ${stateInWords(result.after)}`
}

function stateInWords({ enrollment, allowed }: State): string {
  if (enrollment) return 'in'
  return allowed ? 'allowed' : 'out'
}

let strangers = 0

/** An address that no account has. */
export function stranger(): string {
  strangers += 1
  return `stranger-${strangers}@example.com`
}
