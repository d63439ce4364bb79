import * as z from 'zod'
import { EMPTY, get, one, ok, says, several, standing, step } from '../build.ts'
import type { Case } from '../case.ts'
import { emailOf, NO_RUN, NOBODY, q, type Names } from '../names.ts'
import { OVER } from '../setup.ts'

/** §3.1, §3.3, §3.4, §3.6: reading enrollments, course details and roles. */
export function readCases(names: Names): Case[] {
  return [...lists(names), ...single(names), ...courses(names), ...goldenCourse(names), ...roles(names)]
}

const keyedBy = (key: string) => z.array(z.object({ [key]: z.string() }))

function lists({ learner, other, teacher, open, detailed }: Names): Case[] {
  const own = z.array(z.object({ user: z.literal(learner), is_active: z.literal(true) }))
  const has = standing(learner, open, 'active audit')
  const holds = (courseId: string) =>
    z.array(z.unknown()).refine((list) => JSON.stringify(list).includes(`"course_id":"${courseId}"`), {
      error: `has nothing of ${courseId}`,
    })
  const lacks = (courseId: string) =>
    z.array(z.unknown()).refine((list) => !JSON.stringify(list).includes(`"course_id":"${courseId}"`), {
      error: `has something of ${courseId}`,
    })
  const of = (user: string) => get(`/enrollment?user=${q(user)}`)
  return [
    one('3.1', 'own enrollments, the active ones', ['learner', get('/enrollment'), { status: 200, shape: own }], {
      has,
    }),
    one('3.1', 'those of another, for the key', ['key', of(other), { status: 200, shape: holds(detailed) }]),
    one('5.2 78', 'those of another, for global staff', ['staff', of(other), { status: 200, shape: holds(detailed) }]),
    one(
      '5.2 77',
      'those of another, for staff of one course run',
      ['teacher', of(learner), { status: 200, shape: holds(open).and(keyedBy('created')) }],
      { has },
    ),
    one('5.2 77', 'staff of one course run does not see another', [
      'teacher',
      of(other),
      { status: 200, shape: lacks(detailed) },
    ]),
    one('3.1', 'of oneself by name', ['learner', of(learner), { status: 200, shape: holds(open) }], { has }),
    one('3.1', 'what is inactive is not listed', ['key', of(learner), { status: 200, shape: lacks(open) }], {
      has: standing(learner, open, 'inactive audit'),
    }),
    one('3.1', 'somebody who does not exist', ['staff', of(NOBODY), { status: 200, text: '[]' }]),
    one('3.1', 'an empty username', ['staff', get('/enrollment?user='), { status: 200, text: '[]' }]),
    one('3.1', 'unknown parameters are ignored', [
      'key',
      get(`/enrollment?user=${NOBODY}&page=2`),
      { status: 200, text: '[]' },
    ]),
    one('3.1', 'the last of two', [
      'key',
      get(`/enrollment?user=${q(teacher)}&user=${NOBODY}`),
      { status: 200, text: '[]' },
    ]),
    one('3.1', 'an item is an enrollment', [
      'key',
      of(teacher),
      { status: 200, shape: z.array(z.strictObject(ENROLLMENT)).min(1) },
    ]),
  ]
}

const instant = z.iso.datetime({ offset: false }).nullable()
const MODE = {
  slug: z.string(),
  name: z.string(),
  min_price: z.int(),
  suggested_prices: z.string(),
  currency: z.string(),
  expiration_datetime: instant,
  description: z.string().nullable(),
  sku: z.string().nullable(),
  bulk_sku: z.string().nullable(),
}
const DETAILS = {
  course_id: z.string(),
  course_name: z.string(),
  enrollment_start: instant,
  enrollment_end: instant,
  course_start: instant,
  course_end: instant,
  invite_only: z.boolean(),
  course_modes: z.array(z.strictObject(MODE)).min(1),
  pacing_type: z.enum(['Self Paced', 'Instructor Paced']),
}
const ENROLLMENT = {
  created: z.iso.datetime({ offset: false }),
  mode: z.string(),
  is_active: z.boolean(),
  course_details: z.strictObject(DETAILS),
  user: z.string(),
}

function single({ learner, other, open, empty, detailed }: Names): Case[] {
  const at = (user: string, courseId: string) => get(`/enrollment/${encodeURIComponent(user)},${courseId}`)
  return [
    one(
      '3.3',
      'an active enrollment',
      ['key', at(learner, open), ok({ user: learner, is_active: true, mode: 'audit' })],
      {
        has: standing(learner, open, 'active audit'),
      },
    ),
    one('3.3', 'an inactive one too', ['key', at(learner, open), ok({ is_active: false, mode: 'verified' })], {
      has: standing(learner, open, 'inactive verified'),
    }),
    one('5.2 69', 'own enrollment, by name and without', [
      'other',
      at(other, detailed),
      ok({ user: other, mode: 'audit', course_details: { course_id: detailed } }),
    ]),
    one('3.3', 'its keys in their order', [
      'key',
      at(other, detailed),
      { status: 200, keys: Object.keys(ENROLLMENT), shape: z.strictObject(ENROLLMENT) },
    ]),
    one('3.0', 'an instant without a fraction has none', ['key', at(other, detailed), ok({ created: OVER })]),
    one('3.3', 'no row', ['key', at(learner, empty), EMPTY]),
    one('3.3', 'nobody', ['key', at(NOBODY, open), EMPTY]),
    one('3.3', 'no course run', ['key', at(learner, NO_RUN), EMPTY]),
    one('3.3', 'no course run, of oneself', ['learner', get(`/enrollment/${NO_RUN}`), EMPTY]),
    one('1.1', 'an encoded plus sign is one', ['key', at(other, encodeURIComponent(detailed)), ok({ user: other })]),
    one(
      '0 D1',
      'a text that is no course key',
      ['key', get('/enrollment/bob,a+b+c'), says(400, "No course found for course ID 'a+b+c'")],
      { known: 'D1' },
    ),
    one(
      '0 D1',
      'the same of oneself',
      ['learner', get('/enrollment/a+b+c'), says(400, "No course found for course ID 'a+b+c'")],
      {
        known: 'D1',
      },
    ),
    one(
      '1.1',
      'what is no username before the comma belongs to the course id',
      ['key', get('/enrollment/b!b,a+b+c'), says(400, "No course found for course ID 'b!b,a+b+c'")],
      { known: 'D1' },
    ),
    one('0 D6', 'a username is exact', ['key', at(other.toUpperCase(), detailed), EMPTY], { known: 'D6' }),
  ]
}

function courses({ open, expired, credit, bare, closed, invitation }: Names): Case[] {
  const at = (courseId: string, query = '') => get(`/course/${courseId}${query}`)
  const slugs = (...list: string[]) => ({
    status: 200,
    shape: z.object({ course_modes: z.array(z.object({ slug: z.string() })) }).refine(
      ({ course_modes: modes }) =>
        modes
          .map(({ slug }) => slug)
          .toSorted()
          .join() === list.toSorted().join(),
      { error: `has not the modes ${list.join(', ')}` },
    ),
  })
  const all = slugs('audit', 'honor', 'verified', 'credit', 'masters')
  return [
    one('3.4', 'the modes that are not over', ['key', at(open), slugs('audit', 'honor', 'verified', 'credit')]),
    ...['1', '0', 'false', 'x'].map((value) =>
      one('3.4', `include_expired=${value} is true`, ['key', at(open, `?include_expired=${value}`), all]),
    ),
    one('3.4', 'an empty include_expired is false', [
      'key',
      at(open, '?include_expired='),
      slugs('audit', 'honor', 'verified', 'credit'),
    ]),
    one('5.2 81', 'credit is listed', ['key', at(credit), slugs('credit')]),
    one('1.6', 'where all are over, the default mode', ['key', at(expired), slugs('audit')]),
    one('1.6', 'where all are over and asked for', ['key', at(expired, '?include_expired=1'), slugs('masters')]),
    one('6 11', 'without modes, the default mode with its name', [
      'key',
      at(bare),
      { status: 200, like: { course_modes: [AUDIT] } },
    ]),
    one('3.0', 'the keys in their order', [
      'key',
      at(open),
      { status: 200, keys: Object.keys(DETAILS), shape: z.strictObject(DETAILS) },
    ]),
    one('3.4', 'an invitation', ['key', at(invitation), ok({ invite_only: true })]),
    one('3.0', 'the end of enrollment', ['key', at(closed), ok({ enrollment_end: OVER, enrollment_start: null })]),
    one('3.4', 'without credentials', ['anonymous', at(open), ok({ course_id: open })]),
    one('1.1', 'an encoded key', ['key', at(encodeURIComponent(open)), ok({ course_id: open })]),
    one('1.1', 'an encoded old key', ['key', at(encodeURIComponent(bare)), ok({ course_id: bare })]),
    one('3.4', 'an unknown course run', ['key', at(NO_RUN), says(400, `No course found for course ID '${NO_RUN}'`)]),
    one('5.2 86', 'an unknown old key', [
      'key',
      at('some/fake/course'),
      says(400, "No course found for course ID 'some/fake/course'"),
    ]),
    ...['a+b+c', 'course-v1:a+b+c+d', 'a/b+c'].map((text) =>
      one('0 D1', `${text} is no course key`, ['key', at(text), says(400, `No course found for course ID '${text}'`)], {
        known: 'D1',
      }),
    ),
    one(
      '0 D15',
      'a version alone is no course key',
      ['key', at('course-v1:version@519665f6223ebd6980884f2b+a+b'), { status: 400 }],
      {
        known: 'D15',
      },
    ),
    one('3.4', 'POST is not allowed', ['key', { ...at(open), method: 'POST' }, { status: 405 }]),
  ]
}

const AUDIT = {
  slug: 'audit',
  name: 'Audit',
  min_price: 0,
  suggested_prices: '',
  currency: 'usd',
  expiration_datetime: null,
  description: null,
  sku: null,
  bulk_sku: null,
}

function goldenCourse({ detailed, bare }: Names): Case[] {
  return [
    one('3.0', 'all details of a course run', [
      'key',
      get(`/course/${detailed}`),
      ok({
        course_id: detailed,
        course_name: 'Ünï "Details"',
        enrollment_start: '2018-01-01T00:00:01.120000Z',
        enrollment_end: '2999-06-01T00:00:00Z',
        course_start: '2026-01-01T00:00:00Z',
        course_end: '2999-12-31T23:59:59.500000Z',
        invite_only: false,
        pacing_type: 'Self Paced',
      }),
    ]),
    one('5.2 80', 'all details of its modes', [
      'key',
      get(`/course/${detailed}`),
      ok({
        course_modes: [
          AUDIT,
          {
            slug: 'verified',
            name: 'Verified',
            min_price: 49,
            suggested_prices: '49,99',
            currency: 'eur',
            expiration_datetime: '2999-03-01T12:00:00.500001Z',
            description: 'With a certificate',
            sku: 'SKU123',
            bulk_sku: 'BULK123',
          },
        ],
      }),
    ]),
    one('1.3', 'a course run without a name has one of its key, and no dates', [
      'key',
      get(`/course/${bare}`),
      ok({
        course_name: bare.slice(bare.indexOf('/') + 1).replaceAll(/[/_]/g, ' '),
        enrollment_start: null,
        enrollment_end: null,
        course_start: null,
        course_end: null,
        pacing_type: 'Instructor Paced',
      }),
    ]),
  ]
}

function roles({ teacher, open, staff }: Names): Case[] {
  const role = { org: /^course-v1:([^+]+)/.exec(open)?.[1] ?? '', course_id: open, role: 'staff' }
  return [
    one('5.5 102', 'no roles', ['learner', get('/roles/'), { status: 200, text: '{"roles":[],"is_staff":false}' }]),
    one('5.5 104', 'a role', ['teacher', get('/roles/'), { status: 200, json: { roles: [role], is_staff: false } }]),
    one('5.5 105', 'global staff', ['staff', get('/roles/'), ok({ is_staff: true })]),
    one('3.6', 'of one course run', ['teacher', get(`/roles/?course_id=${q(open)}`), ok({ roles: [role] })]),
    one('3.6', 'a plus sign that is not encoded is a space', [
      'teacher',
      get(`/roles/?course_id=${open}`),
      ok({ roles: [] }),
    ]),
    one('3.6', 'of another course run', ['teacher', get(`/roles/?course_id=${q(NO_RUN)}`), ok({ roles: [] })]),
    one('3.6', 'of no course key at all', ['teacher', get('/roles/?course_id=x'), ok({ roles: [] })]),
    one('3.6', 'of none in particular', ['teacher', get('/roles/?course_id='), ok({ roles: [role] })]),
    one('3.6', 'the caller’s own, whoever is named', ['learner', get(`/roles/?user=${q(teacher)}`), ok({ roles: [] })]),
    several('3.6', 'also beside the API key', [
      step('keyStaff', get(`/roles/?email=${q(emailOf(staff))}`), ok({ is_staff: true })),
      step('keyLearner', get('/roles/'), ok({ roles: [], is_staff: false })),
    ]),
  ]
}
