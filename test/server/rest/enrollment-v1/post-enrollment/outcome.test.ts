import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDoor, type Door, type RestClient } from '../../../../support/rest.ts'
import { addCourse, addLearner, type SeededLearner } from '../../../../support/seed.ts'
import { addEnrollment, enrollmentInWords } from '../../../../support/world.ts'

let door: Door
let staff: SeededLearner
let course: string
let closed: string
let full: string

beforeAll(async () => {
  door = await openDoor()
  const { db } = door
  staff = await addLearner(db, { is_staff: true })
  const modes: (string | [string, string])[] = ['audit', 'honor', 'verified', ['masters', '2020-01-01T00:00:00Z']]
  course = await addCourse(db, { modes })
  closed = await addCourse(db, { modes, enrollment_end: '2020-01-01T00:00:00Z' })
  full = await addCourse(db, { modes, max_enrollments: 0 })
})
afterAll(() => door[Symbol.asyncDispose]())

interface Case {
  /** Before, e.g. `inactive verified`. */
  has: string | null
  asks: object
  /** After, or the status of the refusal. */
  gets: string | number
  in?: () => string
}

/** The decision table of rest-v1 §3.2, told apart by caller. */
const everybody: Case[] = [
  { has: null, asks: {}, gets: 'active audit' },
  { has: null, asks: { mode: 'honor' }, gets: 'active honor' },
  { has: null, asks: { is_active: true }, gets: 'active audit' },
  { has: null, asks: { is_active: false }, gets: 'inactive audit' },
  { has: null, asks: { mode: null, is_active: null, force_enrollment: null, cohort: null }, gets: 'active audit' },
  { has: null, asks: {}, gets: 400, in: () => closed },
  { has: null, asks: {}, gets: 400, in: () => full },
]
const learnersOnly: Case[] = [
  { has: 'inactive verified', asks: {}, gets: 'active audit' },
  { has: 'inactive verified', asks: { mode: 'honor' }, gets: 'active honor' },
  { has: 'inactive verified', asks: { is_active: true }, gets: 'active audit' },
  { has: 'inactive verified', asks: { is_active: false }, gets: 'inactive audit' },
  { has: 'inactive verified', asks: { is_active: false, mode: 'honor' }, gets: 'inactive honor' },
  { has: 'inactive verified', asks: { is_active: true }, gets: 400, in: () => closed },
  { has: 'active verified', asks: {}, gets: 'active verified' },
  { has: 'active verified', asks: { mode: 'audit' }, gets: 'active verified' },
  { has: 'active verified', asks: { is_active: false }, gets: 'active verified' },
  { has: 'active verified', asks: { mode: 'audit', is_active: false }, gets: 'active verified' },
  { has: null, asks: { force_enrollment: true }, gets: 400, in: () => closed },
]
const privilegedOnly: Case[] = [
  { has: 'active audit', asks: {}, gets: 'active audit' },
  { has: 'active audit', asks: { mode: 'audit', is_active: true }, gets: 'active audit' },
  { has: 'active audit', asks: { mode: 'audit' }, gets: 400, in: () => closed },
  { has: 'active audit', asks: { mode: 'audit' }, gets: 400, in: () => full },
  { has: 'active audit', asks: { mode: 'verified' }, gets: 'active verified' },
  { has: 'active verified', asks: { mode: 'audit' }, gets: 'active audit' },
  { has: 'active audit', asks: { mode: 'verified', is_active: true }, gets: 'active verified', in: () => closed },
  { has: 'active audit', asks: { mode: 'verified' }, gets: 'active verified', in: () => full },
  { has: 'active verified', asks: { is_active: false }, gets: 'inactive verified' },
  { has: 'active verified', asks: { mode: 'verified', is_active: false }, gets: 'inactive verified' },
  { has: 'active masters', asks: { mode: 'masters', is_active: false }, gets: 'inactive masters' },
  { has: 'active verified', asks: { mode: 'audit', is_active: false }, gets: 400 },
  { has: 'inactive verified', asks: { is_active: true }, gets: 'active verified' },
  { has: 'inactive verified', asks: { is_active: true }, gets: 'active verified', in: () => closed },
  { has: 'inactive verified', asks: { is_active: true, mode: 'audit' }, gets: 'active audit', in: () => full },
  { has: 'inactive verified', asks: {}, gets: 'active audit' },
  { has: 'inactive verified', asks: { mode: 'verified' }, gets: 'active verified' },
  { has: 'inactive verified', asks: {}, gets: 400, in: () => closed },
  { has: 'inactive verified', asks: { mode: 'audit' }, gets: 'inactive audit' },
  { has: 'inactive verified', asks: { is_active: false, mode: 'verified' }, gets: 'inactive verified' },
  { has: 'inactive verified', asks: { is_active: false }, gets: 'inactive audit' },
  { has: 'inactive verified', asks: { is_active: false, mode: 'audit' }, gets: 'inactive audit' },
  { has: 'inactive verified', asks: { is_active: false, mode: 'nonsense' }, gets: 400 },
]
/** An expired mode is there for the key when changing, for global staff's force when adding. */
const staffOnly: Case[] = [
  { has: 'active audit', asks: { mode: 'masters' }, gets: 400 },
  { has: 'active audit', asks: { mode: 'masters', force_enrollment: true }, gets: 400 },
  { has: null, asks: { mode: 'masters' }, gets: 400 },
  { has: null, asks: { mode: 'masters', force_enrollment: true }, gets: 'active masters' },
  { has: null, asks: { force_enrollment: true }, gets: 'active audit', in: () => closed },
  { has: null, asks: { force_enrollment: false }, gets: 400, in: () => closed },
  { has: null, asks: { force_enrollment: true }, gets: 400, in: () => full },
]
const keyOnly: Case[] = [
  { has: 'active audit', asks: { mode: 'masters' }, gets: 'active masters' },
  { has: null, asks: { mode: 'masters' }, gets: 400 },
  { has: null, asks: { mode: 'masters', force_enrollment: true }, gets: 400 },
  { has: null, asks: { force_enrollment: true }, gets: 400, in: () => closed },
]
const keyAndStaff: Case[] = [
  { has: 'active audit', asks: { mode: 'masters' }, gets: 'active masters' },
  { has: null, asks: { mode: 'masters', force_enrollment: true }, gets: 'active masters' },
  { has: null, asks: { force_enrollment: true }, gets: 'active audit', in: () => closed },
]

const table: [caller: string, cases: Case[], client: (learner: SeededLearner) => RestClient][] = [
  ['a learner', [...everybody, ...learnersOnly], (learner) => door.as(learner)],
  ['global staff', [...everybody, ...privilegedOnly, ...staffOnly], () => door.as(staff)],
  ['staff of a token', [...everybody, ...privilegedOnly, ...staffOnly], () => door.as({ username: 'tim' }, STAFF)],
  ['an API key', [...everybody, ...privilegedOnly, ...keyOnly], () => door.server],
  ['an API key for oneself', [...everybody, ...privilegedOnly, ...keyOnly], (learner) => door.serverAs(learner)],
  ['an API key with staff', [...everybody, ...privilegedOnly, ...keyAndStaff], () => door.serverAs(staff)],
]
const STAFF = { administrator: true }

describe.for(table)('%s', ([, cases, client]) => {
  test.for(cases)('$has asks $asks: $gets', async ({ has, asks, gets, in: where = () => course }) => {
    const learner = await addLearner(door.db)
    const courseId = where()
    if (has !== null) await give(learner, courseId, has)
    const body = { course_details: { course_id: courseId }, user: learner.username, ...asks }
    const answer = await client(learner).post(body)

    const after = await enrollmentInWords(door.db, learner.id, courseId)
    if (typeof gets === 'number') {
      expect([answer.status, after]).toEqual([gets, has])
      return
    }
    expect(after).toBe(gets)
    const { is_active: isActive, mode, user } = answer.json
    expect([answer.status, `${isActive ? 'active' : 'inactive'} ${mode}`, user]).toEqual([200, gets, learner.username])
  })
})

describe('the history', () => {
  test('names who did it, through which door, in which request, for which enterprise', async () => {
    const learner = await addLearner(door.db)
    const details = { course_details: { course_id: course }, user: learner.username }
    await door.as(learner).post({ ...details, enterprise_uuid: 'None' })
    await door.as(staff).post({ ...details, mode: 'verified' })
    await door.server.post({ ...details, is_active: false })
    const rows = await door.db
      .selectFrom('enrollment_events as v')
      .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
      .select(['v.kind', 'v.actor_kind', 'v.actor_name', 'v.via', 'v.enterprise_uuid', 'v.request_id'])
      .where('e.learner_id', '=', learner.id)
      .orderBy('v.version')
      .execute()
    expect(rows.map((row) => [row.kind, row.actor_kind, row.actor_name, row.via, row.enterprise_uuid])).toEqual([
      ['created', 'user', learner.username, 'rest', 'None'],
      ['modeChanged', 'user', staff.username, 'rest', null],
      ['deactivated', 'service', 'api-key', 'rest', null],
    ])
    expect(new Set(rows.map((row) => row.request_id)).size).toBe(3)
  })

  test('a request that changes nothing leaves no event', async () => {
    const learner = await addLearner(door.db)
    const body = { course_details: { course_id: course } }
    const answers = await Promise.all(Array.from({ length: 20 }, () => door.as(learner).post(body)))
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
    const { count } = await door.db
      .selectFrom('enrollment_events as v')
      .innerJoin('enrollments as e', 'e.id', 'v.enrollment_id')
      .select((eb) => eb.fn.countAll<string>().as('count'))
      .where('e.learner_id', '=', learner.id)
      .executeTakeFirstOrThrow()
    expect(count).toBe('1')
  })
})

async function give({ id }: SeededLearner, courseId: string, words: string): Promise<void> {
  const [activation, mode = ''] = words.split(' ')
  await addEnrollment(door.db, id, courseId, { mode, is_active: activation === 'active' })
}
