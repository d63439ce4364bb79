import { createHash } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { EnterpriseDB } from '../../enterprise/database/schema.ts'
import { addCourse, addLearner } from '../support/seed.ts'
import { addEnrollment } from '../support/world.ts'
import { PAST, type RowRequest } from './calls.ts'
import { addCustomer, addFulfilment, addLink, addPending, addRecord, type SeededCustomer } from './seed.ts'

const PEOPLE = ['ann', 'bob', 'cat', 'dan', 'Eve', 'fay', 'gus', 'hal'] as const
export type PersonName = (typeof PEOPLE)[number]
const COURSES = ['C1', 'C2', 'C3', 'C4', 'C5', 'C6'] as const
export type CourseName = (typeof COURSES)[number]

/** The world of the worked example (enterprise C.8): customer ACME, eight accounts, six course runs. */
export interface Acme {
  readonly customer: SeededCustomer
  readonly people: Readonly<Record<PersonName, { id: number; email: string }>>
  readonly courses: Readonly<Record<CourseName, string>>
  /** The UUID of the revoked fulfilment of gus. */
  readonly f7: string
  /** An address of this world. */
  address(name: string): string
}

let worlds = 0

/** Builds the world, beside those that are there. */
export async function buildAcme(db: Kysely<EnterpriseDB>): Promise<Acme> {
  worlds += 1
  const domain = `X${worlds}.io`
  const customer = await addCustomer(db)
  const people: Record<string, { id: number; email: string }> = {}
  for (const name of PEOPLE) {
    const email = `${name}@${name === 'Eve' ? domain : domain.toLowerCase()}`
    people[name] = await addLearner(db, { username: `${name}${worlds}`, email })
  }
  const courses = {
    C1: await addCourse(db, { modes: ['audit', 'honor', 'verified'] }),
    C2: await addCourse(db, { modes: ['audit'] }),
    C3: await addCourse(db, { modes: ['verified'], enrollment_end: PAST }),
    C4: await addCourse(db, { modes: ['audit'], max_enrollments: 1 }),
    C5: await addCourse(db, { modes: ['masters'] }),
    C6: await addCourse(db, { modes: ['audit', ['verified', PAST]] }),
  }
  const world = {
    customer,
    // Everybody was added.
    people: people as Acme['people'],
    courses,
    address: (name: string) => `${name}@${name === name.toUpperCase() ? domain : domain.toLowerCase()}`,
  }
  return { ...world, f7: await addHistory(db, world) }
}

async function addHistory(db: Kysely<EnterpriseDB>, world: Omit<Acme, 'f7'>): Promise<string> {
  const { customer, people, courses, address } = world
  const { bob, cat, dan, fay, gus, hal } = people
  await addLink(db, customer, bob.id)
  await addEnrollment(db, bob.id, courses.C1, { mode: 'audit' })
  await addLink(db, customer, cat.id)
  await addEnrollment(db, cat.id, courses.C1, { mode: 'verified', is_active: false })
  await addEnrollment(db, dan.id, courses.C1, { mode: 'verified' })
  await addLink(db, customer, fay.id, { is_linked: false, is_permanently_unlinked: true })
  const link = await addLink(db, customer, gus.id)
  await addEnrollment(db, gus.id, courses.C1, { mode: 'verified', is_active: false })
  const record = await addRecord(db, link, courses.C1, { unenrolled: true, unenrolled_at: PAST })
  await addEnrollment(db, hal.id, courses.C4, { mode: 'audit', is_active: false })
  const stranger = await addLearner(db)
  await addEnrollment(db, stranger.id, courses.C4)
  await addPending(db, customer, address('new2'), courses.C1, { license_uuid: uuidOf('L9') })
  return addFulfilment(db, customer, record, { kind: 'transaction', id: uuidOf('T-old'), revoked: true })
}

/** The UUID that stands for the name of a license or of a transaction. */
export function uuidOf(name: string): string {
  const hex = createHash('md5').update(name).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

export const license = (name: string) => ({ license: uuidOf(name) })
export const transaction = (name: string) => ({ transaction: uuidOf(name) })

/** The rows 1 to 24 of the worked example, by number. */
export function rowsOf({ people: { ann, bob, cat, dan, fay, gus, hal }, courses, address }: Acme) {
  const { C1, C2, C3, C4, C5, C6 } = courses
  const id = (person: { id: number }) => ({ userId: String(person.id) })
  const email = (person: { email: string }) => ({ email: person.email })
  return {
    1: { ...id(ann), courseId: C1, funding: license('L1') },
    2: { ...id(ann), courseId: C1, funding: license('L1') },
    3: { ...email(bob), courseId: C1, funding: license('L2') },
    4: { ...email(cat), courseId: C1, funding: transaction('T3') },
    5: { ...email(dan), courseId: C1, funding: license('L4') },
    6: { email: address('eve'), courseId: C2, funding: license('L5') },
    7: { ...email(fay), courseId: C1, funding: license('L6') },
    8: { ...id(gus), courseId: C1, funding: transaction('T-new') },
    9: { ...id(gus), courseId: C1, funding: transaction('T-other') },
    10: { ...id(ann), courseId: C3, funding: license('L1') },
    11: { ...id(ann), courseId: C3, funding: license('L1'), force: true },
    12: { ...id(ann), courseId: C4, funding: license('L1') },
    13: { ...email(hal), courseId: C4, funding: license('L8') },
    14: { ...id(ann), courseId: C5, funding: license('L1') },
    15: { ...id(ann), courseId: C6, funding: license('L1') },
    16: { ...id(ann), courseId: 'course-v1:No+Such+Course', funding: license('L1') },
    17: { ...id(ann), courseId: 'not-a-key', funding: license('L1') },
    18: { userId: '999999999', courseId: C1, funding: license('L1') },
    19: { ...id(ann), ...email(bob), courseId: C2, funding: license('L1') },
    20: { email: 'no-at-sign', courseId: C1, funding: license('L1') },
    21: { email: address('new1'), courseId: C1, funding: license('L10') },
    22: { email: address('NEW1'), courseId: C1, funding: license('L10') },
    23: { email: address('new2'), courseId: C1, funding: license('L11') },
    24: { email: address('new1'), courseId: C3, funding: transaction('T5') },
  } satisfies Record<number, RowRequest>
}

export type RowNumber = keyof ReturnType<typeof rowsOf>
