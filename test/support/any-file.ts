import fc from 'fast-check'
import type { LineInput, LineType } from '../../core/import-export/lines.ts'

type AnyLine = LineInput<LineType>

/** A whole good file of the import format: accounts and course runs, and lines that refer to them. */
export function anyFile(): fc.Arbitrary<AnyLine[]> {
  return fc
    .record({
      usernames: fc.uniqueArray(text(20), { minLength: 1, maxLength: 6 }),
      courseIds: fc.uniqueArray(courseKey(), { minLength: 1, maxLength: 4 }),
    })
    .chain(({ usernames, courseIds }) => {
      const username = fc.constantFrom(...usernames)
      const courseId = fc.constantFrom(...courseIds)
      return fc
        .tuple(
          fc.tuple(...usernames.map((name, index) => account(name, index))),
          fc.tuple(...courseIds.map(course)),
          fc.array(mode(courseId), { maxLength: 6 }),
          fc.constant(
            courseIds.flatMap((key) => COHORTS.map((name) => ({ type: 'cohort' as const, courseId: key, name }))),
          ),
          fc.constant({
            type: 'enrollment' as const,
            username: usernames[0] ?? '',
            courseId: courseIds[0] ?? '',
            mode: 'audit',
          }),
          fc.array(reference(username, courseId), { maxLength: 10 }),
          fc.array(enrollmentOf(usernames, courseIds), { maxLength: 8 }),
          fc.array(fromLms(username, courseId), { maxLength: 10 }),
          fc.array(audit(usernames, courseIds), { maxLength: 4 }),
          fc.uniqueArray(retirement(username), { maxLength: 3, selector: (line) => line.username }),
        )
        .map((parts) => parts.flat())
    })
}

function account(username: string, index: number): fc.Arbitrary<AnyLine> {
  return fc.record({
    type: fc.constant('user' as const),
    username: fc.constant(username),
    email: fc.constantFrom(null, `user${index}@example.com`, `ÜSER.${index}@Example.org`),
    name: text(30, 0),
    isActive: fc.boolean(),
    isStaff: fc.boolean(),
    isSuperuser: fc.boolean(),
    country: fc.constantFrom(null, 'FR', 'JP'),
    yearOfBirth: orNull(fc.integer({ min: 1, max: 9999 })),
    isDisabled: fc.boolean(),
    created: fc.option(instant(), { nil: undefined }),
  })
}

function course(courseId: string): fc.Arbitrary<AnyLine> {
  return fc.record(
    {
      type: fc.constant('course' as const),
      courseId: fc.constant(courseId),
      displayName: orNull(text(30, 0)),
      start: orNull(instant()),
      end: orNull(instant()),
      enrollmentStart: orNull(instant()),
      enrollmentEnd: orNull(instant()),
      invitationOnly: fc.boolean(),
      maxEnrollments: orNull(fc.nat()),
      selfPaced: fc.boolean(),
      owner: fc.constantFrom('here' as const, 'lms' as const),
    },
    { requiredKeys: ['type', 'courseId'] },
  )
}

function mode(courseId: fc.Arbitrary<string>): fc.Arbitrary<AnyLine> {
  return fc.record(
    {
      type: fc.constant('mode' as const),
      courseId,
      slug: fc.constantFrom('audit', 'verified', 'credit'),
      name: text(20, 0),
      minPrice: fc.nat(),
      suggestedPrices: fc.constantFrom('', '5', '5,10', '5.50, 10'),
      currency: fc.constantFrom('usd', 'EUR'),
      expires: orNull(instant()),
      description: orNull(text(50, 0)),
      sku: orNull(text(10, 0)),
      bulkSku: orNull(text(10, 0)),
    },
    { requiredKeys: ['type', 'courseId', 'slug'] },
  )
}

function reference(username: fc.Arbitrary<string>, courseId: fc.Arbitrary<string>): fc.Arbitrary<AnyLine> {
  const countries = fc.array(fc.constantFrom('FR', 'JP', 'DE'), { maxLength: 3 })
  return fc.oneof(
    fc.record({
      type: fc.constant('role' as const),
      username,
      role: fc.constantFrom('staff', 'instructor'),
      org: fc.constantFrom('edX', 'MITx', ''),
      courseId: orNull(courseId),
    }),
    fc.record({ type: fc.constant('cohort' as const), courseId, name: text(20) }),
    fc.record(
      {
        type: fc.constant('allowance' as const),
        email: fc.constantFrom('guest@example.com', 'Guest@example.com', 'other@example.com'),
        courseId: fc.oneof(courseId, fc.constant('course-v1:not+there+yet')),
        autoEnroll: fc.boolean(),
        claimedBy: orNull(username),
        created: instant(),
      },
      { requiredKeys: ['type', 'email', 'courseId', 'claimedBy'] },
    ),
    fc.record({
      type: fc.constant('embargo' as const),
      courseId,
      whitelist: countries,
      blacklist: countries,
      messageKey: text(10),
    }),
  )
}

const COHORTS = ['Mornings', 'Evenings']

/** Each pair has an id of its own. */
function enrollmentOf(usernames: readonly string[], courseIds: readonly string[]): fc.Arbitrary<AnyLine> {
  const attribute = fc.record({ namespace: text(10, 0), name: text(10, 0), value: text(10, 0) })
  const past = fc.record(
    {
      at: instant(),
      mode: fc.constantFrom('audit', 'verified'),
      isActive: fc.boolean(),
      actor: fc.constantFrom({ kind: 'user' as const, name: 'dave' }, { kind: 'system' as const, name: 'lms' }),
      via: fc.constantFrom('rest' as const, 'cli' as const),
      reason: orNull(text(20, 0)),
      enterpriseUuid: orNull(fc.constant('e1')),
      requestId: orNull(fc.constant('r1')),
      batchId: orNull(fc.uuid()),
    },
    { requiredKeys: ['at', 'mode', 'isActive'] },
  )
  const line = fc.record(
    {
      type: fc.constant('enrollment' as const),
      username: fc.constantFrom(...usernames),
      courseId: fc.constantFrom(...courseIds),
      mode: fc.constantFrom('audit', 'verified'),
      isActive: fc.boolean(),
      created: instant(),
      attributes: fc.array(attribute, { maxLength: 3 }),
      history: fc.array(past, { maxLength: 4 }),
    },
    { requiredKeys: ['type', 'username', 'courseId', 'mode'] },
  )
  return fc.tuple(line, fc.boolean()).map(([one, hasId]) => {
    const id = 10 * usernames.indexOf(one.username) + courseIds.indexOf(one.courseId) + 1
    return hasId ? { ...one, id } : one
  })
}

/** What a platform brings along from an LMS. */
function fromLms(username: fc.Arbitrary<string>, courseId: fc.Arbitrary<string>): fc.Arbitrary<AnyLine> {
  const cohort = fc.constantFrom(...COHORTS)
  return fc.oneof(
    fc.record({ type: fc.constant('cohortMember' as const), courseId, cohort, username }),
    fc.record({
      type: fc.constant('cohortPreassignment' as const),
      courseId,
      cohort,
      email: fc.constantFrom('guest@example.com', 'Guest@example.com', 'other@example.com'),
    }),
    fc.record(
      {
        type: fc.constant('emailOptIn' as const),
        username,
        org: fc.constantFrom('edX', 'é', 'Z', ''),
        value: fc.constantFrom('True', 'False', ''),
        updated: instant(),
      },
      { requiredKeys: ['type', 'username', 'org', 'value'] },
    ),
    fc.record({ type: fc.constant('retirementRequest' as const), username, created: orNull(instant()) }),
    fc.record({ type: fc.constant('embargoCountry' as const), country: fc.constantFrom('FR', 'JP', 'DE') }),
    fc.record({
      type: fc.constant('embargoAddress' as const),
      network: fc.constantFrom(
        '10.0.0.0/8',
        '10.9.9.9/8',
        '192.0.2.1',
        '192.0.2.1/32',
        '2001:db8::/32',
        '2001:DB8::1/32',
      ),
      isAllowed: fc.boolean(),
    }),
  )
}

/** Some of them equal: the file says how often. */
function audit(usernames: readonly string[], [courseId = '']: readonly string[]): fc.Arbitrary<AnyLine> {
  return fc.record({
    type: fc.constant('manualEnrollment' as const),
    email: fc.constantFrom('guest@example.com', 'Guest@example.com', null),
    courseId: fc.constant(courseId),
    actor: orNull(fc.constantFrom(...usernames)),
    enrolled: fc.constantFrom(null, usernames[0] ?? null),
    transition: fc.constant('N/A'),
    reason: orNull(text(10, 0)),
    role: fc.constantFrom(null, 'staff'),
    created: fc.constantFrom(null, '2020-02-02T02:02:02Z'),
    number: fc.constantFrom(1, 2, 3),
  })
}

function retirement(username: fc.Arbitrary<string>) {
  const state = fc.constantFrom('PENDING', 'COMPLETE')
  return fc.tuple(username, state, fc.boolean(), fc.boolean()).map(([name, now, hasName, hasEmail]) => ({
    type: 'retirement' as const,
    username: name,
    state: now,
    ...(hasName && { originalUsername: `was ${name}` }),
    ...(hasEmail && { originalEmail: 'was@example.com' }),
  }))
}

function text(maxLength: number, minLength = 1): fc.Arbitrary<string> {
  return fc.string({ unit: 'grapheme', minLength, maxLength }).filter((value) => {
    return value.isWellFormed() && !value.includes('\0') && [...value].length <= 2 * maxLength
  })
}

function courseKey(): fc.Arbitrary<string> {
  const part = fc.string({ unit: fc.constantFrom('a', 'B', '7', '-', '.', 'é', '数'), minLength: 1, maxLength: 6 })
  const parts = fc.tuple(part, part, part)
  return fc.oneof(
    parts.map(([org, name, run]) => `course-v1:${org}+${name}+${run}`),
    parts.map(([org, name, run]) => `${org}/${name}/${run}`),
  )
}

function instant(): fc.Arbitrary<string> {
  return fc
    .tuple(
      fc.date({ min: new Date('0001-01-02T00:00:00Z'), max: new Date('9999-12-30T00:00:00Z'), noInvalidDate: true }),
      fc.nat({ max: 999_999 }),
      fc.constantFrom('Z', '+05:30', '-11:00'),
    )
    .map(([date, micros, zone]) => `${date.toISOString().slice(0, 19)}.${String(micros).padStart(6, '0')}${zone}`)
}

function orNull<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.option(value, { nil: null })
}
