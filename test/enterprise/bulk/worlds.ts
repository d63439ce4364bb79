import fc from 'fast-check'
import type { Kysely } from 'kysely'
import type { EnterpriseDB } from '../../../enterprise/database/schema.ts'
import { addCourse, addLearners, type SeededLearner } from '../../support/seed.ts'
import { addEnrollment } from '../../support/world.ts'
import { license, transaction, uuidOf } from '../acme.ts'
import { PAST, type RowRequest } from '../calls.ts'
import { addCustomer, addFulfilment, addLink, addPending, addRecord, type SeededCustomer } from '../seed.ts'

const LEARNERS = 4
const ADDRESSES = 2
/** Open, with few seats, over, with a mode that has expired, offering only masters, unknown, no key. */
const COURSES = 7

/** A world on paper: people and course runs by number. */
export interface World {
  readonly seats: number
  readonly enrolled: readonly Enrolled[]
  readonly links: readonly { learner: number; state: 'linked' | 'active' | 'unlinked' | 'for good' }[]
  readonly pending: readonly { address: number; course: number; funding: 'L1' | 'T1' | 'none' }[]
  readonly intentions: readonly number[]
}

interface Enrolled {
  readonly learner: number
  readonly course: number
  readonly mode: string
  readonly isActive: boolean
  /** What the customer knows of it, by the funding; null: nothing. */
  readonly record: 'none' | 'L1' | 'L1 revoked' | 'T1' | 'T1 revoked' | null
  readonly unenrolled: boolean
}

/** A row on paper. */
export interface Wish {
  readonly person:
    | { learner: number; named: 'userId' | 'email' | 'username' | 'both' }
    | { address: number; upper: boolean }
    | 'unknown id'
    | 'no address'
    | 'two accounts'
  readonly course: number
  readonly funding: 'none' | 'L1' | 'L2' | 'T1' | 'T2' | 'malformed'
  readonly rest: Pick<RowRequest, 'mode' | 'force' | 'isDefaultAutoEnrollment' | 'reviveRevoked'>
}

const learner = fc.nat(LEARNERS - 1)
const address = fc.nat(ADDRESSES - 1)

export const worlds: fc.Arbitrary<World> = fc.record({
  seats: fc.nat(2),
  enrolled: fc.uniqueArray(
    fc.record({
      learner,
      course: fc.nat(3),
      mode: fc.constantFrom('audit', 'verified'),
      isActive: fc.boolean(),
      record: fc.constantFrom(null, null, 'none', 'L1', 'L1 revoked', 'T1', 'T1 revoked'),
      unenrolled: fc.boolean(),
    }),
    { maxLength: 8, selector: (it) => `${it.learner} ${it.course}` },
  ),
  links: fc.uniqueArray(fc.record({ learner, state: fc.constantFrom('linked', 'active', 'unlinked', 'for good') }), {
    maxLength: 3,
    selector: (it) => it.learner,
  }),
  pending: fc.uniqueArray(fc.record({ address, course: fc.nat(2), funding: fc.constantFrom('L1', 'T1', 'none') }), {
    maxLength: 3,
    selector: (it) => `${it.address} ${it.course}`,
  }),
  intentions: fc.uniqueArray(fc.nat(3), { maxLength: 2 }),
})

const wish: fc.Arbitrary<Wish> = fc.record({
  person: fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({ learner, named: fc.constantFrom('userId', 'email', 'username', 'both') }),
    },
    { weight: 5, arbitrary: fc.record({ address, upper: fc.boolean() }) },
    { weight: 1, arbitrary: fc.constantFrom('unknown id', 'no address', 'two accounts') },
  ),
  // Half of all are for the few seats, where the order matters most.
  course: fc.oneof(fc.constant(1), fc.nat(COURSES - 1)),
  funding: fc.constantFrom('none', 'L1', 'L1', 'L2', 'T1', 'T2', 'malformed'),
  rest: fc.record(
    {
      mode: fc.constantFrom('audit', 'verified', 'honor'),
      force: fc.boolean(),
      isDefaultAutoEnrollment: fc.boolean(),
      reviveRevoked: fc.boolean(),
    },
    { requiredKeys: [], noNullPrototype: true },
  ),
})

export const batches: fc.Arbitrary<Wish[]> = fc.array(wish, { minLength: 1, maxLength: 12 })

export interface BuiltWorld {
  readonly customer: SeededCustomer
  readonly learners: readonly SeededLearner[]
  readonly courses: readonly string[]
  readonly addresses: readonly string[]
  /** The rows of a batch, with the names of this world. */
  rows(batch: readonly Wish[]): RowRequest[]
}

let built = 0

/** Builds a world in the database, beside those that are there. */
export async function buildWorld(db: Kysely<EnterpriseDB>, world: World): Promise<BuiltWorld> {
  built += 1
  const customer = await addCustomer(db)
  const learners = await addLearners(db, LEARNERS)
  const courses = [
    await addCourse(db),
    await addCourse(db, { max_enrollments: world.seats }),
    await addCourse(db, { enrollment_end: PAST }),
    await addCourse(db, { modes: ['audit', ['verified', PAST]] }),
    await addCourse(db, { modes: ['masters'] }),
  ]
  const addresses = Array.from({ length: ADDRESSES }, (_, n) => `address${n}@w${built}.io`)
  const at = (index: number) => learners[index] ?? { id: 0, username: 'nobody', email: 'nobody@x.io' }
  const run = (index: number) => courses[index] ?? (index === COURSES - 1 ? 'no key' : 'course-v1:No+Such+Course')

  const links = new Map<number, string>()
  for (const { learner, state } of world.links) {
    const columns = {
      is_linked: state === 'linked' || state === 'active',
      is_permanently_unlinked: state === 'for good',
      is_active: state === 'active',
    }
    links.set(learner, await addLink(db, customer, at(learner).id, columns))
  }
  for (const { learner, course, mode, isActive, record, unenrolled } of world.enrolled) {
    await addEnrollment(db, at(learner).id, run(course), { mode, is_active: isActive })
    if (record === null) continue
    const link = links.get(learner) ?? (await addLink(db, customer, at(learner).id))
    links.set(learner, link)
    const flags = unenrolled ? { unenrolled, unenrolled_at: PAST } : {}
    const id = await addRecord(db, link, run(course), flags)
    if (record === 'none') continue
    const [name = '', revoked] = record.split(' ')
    const kind = name.startsWith('L') ? 'license' : 'transaction'
    await addFulfilment(db, customer, id, { kind, id: uuidOf(name), revoked: revoked !== undefined })
  }
  for (const { address, course, funding } of world.pending) {
    const columns = {
      ...(funding === 'L1' && { license_uuid: uuidOf('L1') }),
      ...(funding === 'T1' && { transaction_id: uuidOf('T1') }),
    }
    await addPending(db, customer, addresses[address] ?? '', run(course), columns)
  }
  for (const course of world.intentions) {
    const values = { customer_id: customer.id, course_key: run(course) }
    await db.insertInto('enterprise_default_intentions').values(values).execute()
  }

  const namesOf = (person: Wish['person']) => {
    if (person === 'unknown id') return { userId: '999999999' }
    if (person === 'no address') return { email: 'no-at-sign' }
    if (person === 'two accounts') return { userId: String(at(0).id), email: at(1).email }
    if ('address' in person) {
      const email = addresses[person.address] ?? ''
      return { email: person.upper ? email.toUpperCase() : email }
    }
    const { id, username, email } = at(person.learner)
    if (person.named === 'both') return { userId: String(id), email: email.toUpperCase() }
    return { [person.named]: person.named === 'userId' ? String(id) : { username, email }[person.named] }
  }
  const fundingOf = (name: Wish['funding']) => {
    if (name === 'none') return {}
    if (name === 'malformed') return { funding: { license: 'L' } }
    return { funding: name.startsWith('L') ? license(name) : transaction(name) }
  }
  const rows = (batch: readonly Wish[]) =>
    batch.map((wish) => ({
      ...namesOf(wish.person),
      courseId: run(wish.course),
      ...fundingOf(wish.funding),
      ...wish.rest,
    }))
  return { customer, learners, courses, addresses, rows }
}
