import fc from 'fast-check'
import type { Kysely } from 'kysely'
import type { DB } from '../../../core/database/schema.ts'
import { createCaller, type Caller } from '../../../routers/index.ts'
import { addAllowance, addCourse, addLearners, addRole, type SeededLearner } from '../../support/seed.ts'
import { addEnrollment } from '../../support/world.ts'

/** The instant at which everything happens. */
export const NOW = new Date('2026-03-01T12:00:00.123Z')
const PAST = '2026-02-01T00:00:00Z'

export type Item = Parameters<Caller['enrollment']['enrollMany']>[0]['items'][number]

/** A world on paper: people and course runs by number. */
export interface World {
  readonly enrolled: readonly { learner: number; course: number; mode: string; isActive: boolean }[]
  readonly allowances: readonly { learner: number; course: number; claimedBy: number | null }[]
  readonly staff: readonly { learner: number; course: number; role: string }[]
  readonly seats: number
}

/** An item on paper; a learner or a course run beyond those that there are is unknown. */
export interface Wish {
  readonly learner: number
  readonly named: 'username' | 'email' | 'userId'
  readonly course: number
  readonly rest: Omit<Item, 'username' | 'email' | 'userId' | 'courseId'>
}

const LEARNERS = 5
/** Open, with few seats, by invitation, ended, with a mode that has expired, offering only verified, unknown, no key. */
const COURSES = 8

const learner = fc.nat(LEARNERS - 1)
const course = fc.nat(COURSES - 3)
const pair = (other: { learner: number; course: number }) => `${other.learner} ${other.course}`

export const worlds: fc.Arbitrary<World> = fc.record({
  enrolled: fc.uniqueArray(
    fc.record({ learner, course, mode: fc.constantFrom('audit', 'verified'), isActive: fc.boolean() }),
    { maxLength: 8, selector: pair },
  ),
  allowances: fc.uniqueArray(fc.record({ learner, course, claimedBy: fc.option(learner, { freq: 2 }) }), {
    maxLength: 6,
    selector: pair,
  }),
  staff: fc.uniqueArray(
    fc.record({ learner, course, role: fc.constantFrom('staff', 'instructor', 'ccx_coach', 'limited_staff') }),
    { maxLength: 3, selector: pair },
  ),
  seats: fc.nat(3),
})

const attribute = fc.record({
  namespace: fc.constant('n'),
  name: fc.constantFrom('a', 'b'),
  value: fc.constantFrom('1', '2'),
})
// What a client that is not typed may send.
const incomplete = fc.constant([{ namespace: 'n', name: 'a' }] as unknown as {
  namespace: string
  name: string
  value: string
}[])

const rest: fc.Arbitrary<Wish['rest']> = fc.record(
  {
    mode: fc.constantFrom('audit', 'verified', 'honor'),
    isActive: fc.boolean(),
    whenEnrolled: fc.constantFrom('keep', 'update'),
    force: fc.boolean(),
    attributes: fc.oneof(
      { weight: 6, arbitrary: fc.array(attribute, { maxLength: 3 }) },
      { weight: 1, arbitrary: incomplete },
    ),
    enterpriseUuid: fc.constantFrom('None', 'e'),
    reason: fc.constantFrom('r', ''),
  },
  { requiredKeys: [], noNullPrototype: true },
)

export const batches: fc.Arbitrary<Wish[]> = fc.array(
  fc.record({
    learner: fc.oneof({ weight: 20, arbitrary: learner }, { weight: 1, arbitrary: fc.constant(LEARNERS) }),
    named: fc.constantFrom('username', 'email', 'userId'),
    // Half of all are for the few seats and the invitations, where the order matters most.
    course: fc.oneof(fc.constantFrom(1, 1, 2), fc.nat(COURSES - 1)),
    rest,
  }),
  { minLength: 1, maxLength: 14 },
)

export interface BuiltWorld {
  readonly learners: readonly SeededLearner[]
  readonly courses: readonly string[]
  /** The items of a batch, with the names of this world. */
  items(batch: readonly Wish[]): Item[]
}

/** Builds a world in the database, beside those that are there. */
export async function buildWorld(db: Kysely<DB>, world: World): Promise<BuiltWorld> {
  const learners = await addLearners(db, LEARNERS)
  const courses = [
    await addCourse(db),
    await addCourse(db, { max_enrollments: world.seats }),
    await addCourse(db, { invitation_only: true, max_enrollments: 3 }),
    await addCourse(db, { enrollment_end: PAST }),
    await addCourse(db, { modes: ['audit', ['verified', PAST]] }),
    await addCourse(db, { modes: ['verified'] }),
  ]
  const at = (index: number) => learners[index] ?? { id: 0, username: 'nobody', email: 'no@body' }
  const run = (index: number) => courses[index] ?? (index === COURSES - 1 ? 'no key' : 'course-v1:No+Such+Course')
  for (const { learner, course, mode, isActive } of world.enrolled) {
    await addEnrollment(db, at(learner).id, run(course), { mode, is_active: isActive })
  }
  for (const { learner, course, claimedBy } of world.allowances) {
    await addAllowance(db, at(learner).email, run(course), claimedBy === null ? null : at(claimedBy).id)
  }
  for (const { learner, course, role } of world.staff) await addRole(db, at(learner), role, run(course))
  const nameOf = ({ learner, named }: Wish) => {
    if (named === 'username') return { username: at(learner).username }
    return named === 'email' ? { email: at(learner).email } : { userId: String(at(learner).id) }
  }
  const items = (batch: readonly Wish[]) =>
    batch.map((wish) => ({ ...nameOf(wish), courseId: run(wish.course), ...wish.rest }))
  return { learners, courses, items }
}

export function callerAt(db: Kysely<DB>): Caller {
  return createCaller({ db, actor: { kind: 'service', name: 'tests' }, now: () => NOW })
}
