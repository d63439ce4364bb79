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
          fc.array(reference(username, courseId), { maxLength: 15 }),
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
  const attribute = fc.record({ namespace: text(10, 0), name: text(10, 0), value: text(10, 0) })
  const countries = fc.array(fc.constantFrom('FR', 'JP', 'DE'), { maxLength: 3 })
  return fc.oneof(
    fc.record({
      type: fc.constant('role' as const),
      username,
      role: fc.constantFrom('staff', 'instructor'),
      org: fc.constantFrom('edX', 'MITx'),
      courseId: orNull(courseId),
    }),
    fc.record({ type: fc.constant('cohort' as const), courseId, name: text(20) }),
    fc.record({
      type: fc.constant('allowance' as const),
      email: fc.constantFrom('guest@example.com', 'Guest@example.com', 'other@example.com'),
      courseId: fc.oneof(courseId, fc.constant('course-v1:not+there+yet')),
      autoEnroll: fc.boolean(),
      claimedBy: orNull(username),
    }),
    fc.record(
      {
        type: fc.constant('enrollment' as const),
        username,
        courseId,
        mode: fc.constantFrom('audit', 'verified'),
        isActive: fc.boolean(),
        created: instant(),
        attributes: fc.array(attribute, { maxLength: 3 }),
      },
      { requiredKeys: ['type', 'username', 'courseId', 'mode'] },
    ),
    fc.record({ type: fc.constant('retirement' as const), username, state: fc.constantFrom('PENDING', 'COMPLETE') }),
    fc.record({
      type: fc.constant('embargo' as const),
      courseId,
      whitelist: countries,
      blacklist: countries,
      messageKey: text(10),
    }),
  )
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
