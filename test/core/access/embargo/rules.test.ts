import { afterAll, describe, expect, test } from 'vitest'
import { isCountry } from '../../../../core/access/embargo/countries.ts'
import {
  embargoRules,
  NO_RULE_LIFE_MS,
  refusesCountry,
  RULE_LIFE_MS,
  type EmbargoRule,
} from '../../../../core/access/embargo/rules.ts'
import { readEmbargoedLearner } from '../../../../core/access/embargo/learner.ts'
import { createTestDatabase } from '../../../support/database.ts'
import { addCourse, addLearner, addRole } from '../../../support/seed.ts'

const database = await createTestDatabase()
const { db } = database
afterAll(() => database[Symbol.asyncDispose]())

describe('a rule (rest-v1 §1.14)', () => {
  test.each<[lists: Partial<EmbargoRule>, country: string | null, refused: boolean]>([
    [{ blacklist: ['IR', 'KP'] }, 'IR', true],
    [{ blacklist: ['IR', 'KP'] }, 'KP', true],
    [{ blacklist: ['IR', 'KP'] }, 'FR', false],
    [{ whitelist: ['FR', 'DE'] }, 'FR', false],
    [{ whitelist: ['FR', 'DE'] }, 'US', true],
    [{ whitelist: ['FR', 'DE'] }, 'XK', true],
    [{ whitelist: ['FR', 'DE'], blacklist: ['DE'] }, 'DE', true],
    [{ whitelist: ['FR', 'DE'], blacklist: ['DE'] }, 'FR', false],
    [{}, 'IR', false],
    [{ whitelist: ['FR'], blacklist: ['ZZ', 'EU'] }, null, false],
    [{ whitelist: ['FR'], blacklist: ['ZZ', 'EU'] }, '', false],
    [{ whitelist: ['FR'], blacklist: ['ZZ', 'EU'] }, 'ZZ', false],
    [{ whitelist: ['FR'], blacklist: ['ZZ', 'EU'] }, 'EU', false],
    [{ whitelist: ['FR'], blacklist: ['ZZ', 'EU'] }, 'us', false],
  ])('%j and somebody from %s: refused %s', (lists, country, refused) => {
    const rule = { whitelist: [], blacklist: [], messageKey: 'default', ...lists }
    expect(refusesCountry(rule, country)).toBe(refused)
  })
})

test('a country is what ISO 3166 knows and the newest edition of Intl has not buried', () => {
  const names = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' })
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'.split('')
  const regions = letters.flatMap((a) => letters.map((b) => a + b)).filter((code) => names.of(code) !== undefined)
  // Reserved at the request of others, private use, groups of countries, and names of the past.
  const others = 'AC AN BU CP CQ CS DD DG DY EA EU EZ FX HV IC NH QO RH SU TA TP UK UN VD XA XB YD YU ZR ZZ'.split(' ')
  expect(others.filter(isCountry)).toEqual([])
  expect(regions.filter((code) => !isCountry(code))).toEqual(others)
  expect(regions.filter(isCountry)).toHaveLength(250)
})

describe('the rules of the database', () => {
  test('are found by the key of the course run', async () => {
    const courseId = await addCourse(db)
    const other = await addCourse(db)
    await restrict(courseId, { whitelist: ['FR'], blacklist: ['DE'], messageKey: 'sanctions' })
    const rules = embargoRules(db)
    expect(await rules.of(courseId)).toEqual({ whitelist: ['FR'], blacklist: ['DE'], messageKey: 'sanctions' })
    expect(await rules.of(other)).toBeNull()
    expect(await rules.of('course-v1:no+such+course')).toBeNull()
  })

  test('a rule that is lifted is in force no longer than the stated time', async () => {
    let now = 0
    const courseId = await addCourse(db)
    await restrict(courseId, {})
    const rules = embargoRules(db, () => now)
    expect(await rules.of(courseId)).not.toBeNull()
    await db.deleteFrom('embargo_rules').execute()
    now = RULE_LIFE_MS - 1
    expect(await rules.of(courseId)).not.toBeNull()
    now = RULE_LIFE_MS
    expect(await rules.of(courseId)).toBeNull()
  })

  test('a rule that is made is in force after the stated time at the latest', async () => {
    let now = 0
    const courseId = await addCourse(db)
    const rules = embargoRules(db, () => now)
    expect(await rules.of(courseId)).toBeNull()
    await restrict(courseId, {})
    now = NO_RULE_LIFE_MS - 1
    expect(await rules.of(courseId)).toBeNull()
    now = NO_RULE_LIFE_MS
    expect(await rules.of(courseId)).not.toBeNull()
  })
})

describe('who is exempt', () => {
  const COURSE = { key: 'course-v1:Test+Exempt+2026', org: 'Test' }

  test.each<[who: string, role: string, courseId: string | null, org: string, isAuthor: boolean]>([
    ['staff of the course', 'staff', COURSE.key, 'Test', true],
    ['limited staff of the course', 'limited_staff', COURSE.key, 'Test', true],
    ['an instructor of the course', 'instructor', COURSE.key, 'Test', true],
    ['staff of the organisation', 'staff', null, 'Test', true],
    ['an instructor of the organisation', 'instructor', null, 'Test', true],
    ['staff of another course', 'staff', 'course-v1:Test+Other+2026', 'Test', false],
    ['staff of another organisation', 'staff', null, 'Other', false],
    ['a beta tester', 'beta_testers', COURSE.key, 'Test', false],
    ['a data researcher', 'data_researcher', null, 'Test', false],
  ])('%s', async (_who, role, courseId, org, isAuthor) => {
    const learner = await addLearner(db, { country: 'IR' })
    await addRole(db, learner, role, courseId, org)
    expect(await readEmbargoedLearner(db, learner.id, COURSE)).toEqual({ country: 'IR', isAuthor })
  })

  test('global staff are, superusers alone are not', async () => {
    const staff = await addLearner(db, { is_staff: true, is_active: false })
    const superuser = await addLearner(db, { is_superuser: true })
    expect(await readEmbargoedLearner(db, staff.id, COURSE)).toEqual({ country: null, isAuthor: true })
    expect(await readEmbargoedLearner(db, superuser.id, COURSE)).toEqual({ country: null, isAuthor: false })
  })

  test('a role takes an active account', async () => {
    const learner = await addLearner(db, { is_active: false })
    await addRole(db, learner, 'instructor', COURSE.key)
    expect(await readEmbargoedLearner(db, learner.id, COURSE)).toEqual({ country: null, isAuthor: false })
  })
})

async function restrict(
  courseId: string,
  { whitelist = [], blacklist = [], messageKey = 'default' }: Partial<EmbargoRule>,
) {
  const { id } = await db
    .selectFrom('courses')
    .select('id')
    .where('course_key', '=', courseId)
    .executeTakeFirstOrThrow()
  const lists = { whitelist: [...whitelist], blacklist: [...blacklist] }
  await db
    .insertInto('embargo_rules')
    .values({ course_id: id, message_key: messageKey, ...lists })
    .execute()
}
