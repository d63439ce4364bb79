import * as z from 'zod'
import { ANY, enroll, form, get, one, postTo, says, several, step, stands } from '../build.ts'
import type { Case, Step } from '../case.ts'
import { emailOf, q, type Names } from '../names.ts'

const PATH = '/enrollment_allowed/'
const GUEST = 'conformance-guest@example.com'
const PROVIDE = says(400, "Please provide a value for 'email' and 'course_id' in the request data.")

/** §3.8: who may enroll by an e-mail address. Each case takes back what it allowed. */
export function allowanceCases(names: Names): Case[] {
  return [...reading(), ...refusals(names), ...allowing(names), ...using(names)]
}

const allow = (body: unknown) => postTo(PATH, body)
const disallow = (email: string, course_id: string) => postTo(PATH, { email, course_id }, 'DELETE')

/** What a run left that was stopped is gone. */
function cleared(courseId: string, email = GUEST): Step {
  return step('staff', disallow(email, courseId), ANY)
}

/** While somebody is allowed. */
function between(courseId: string, steps: readonly Step[], email = GUEST): Step[] {
  const away = step('staff', disallow(email, courseId), { status: 204 })
  return [
    cleared(courseId, email),
    step('staff', allow({ email, course_id: courseId }), { status: 201 }),
    ...steps,
    away,
  ]
}

function reading(): Case[] {
  return [
    one('5.7 136', 'without a parameter: those of the caller', [
      'staff',
      get(PATH),
      { status: 200, shape: z.array(z.unknown()) },
    ]),
    one('3.8', 'none', [
      'staff',
      get(`${PATH}?email=${q('conformance-none@example.com')}`),
      { status: 200, text: '[]' },
    ]),
    one('5.7 138', 'not for a learner', ['learner', get(PATH), { status: 403 }]),
    one('3.8', 'PUT is not allowed', ['staff', { ...get(PATH), method: 'PUT' }, { status: 405 }]),
  ]
}

function refusals({ open }: Names): Case[] {
  const course_id = open
  const gone = 'conformance-none@example.com'
  return [
    ...[{}, { course_id }, { email: GUEST }, { course_id, email: '' }, { course_id: null, email: GUEST }].map((body) =>
      one('3.8', `POST ${JSON.stringify(body)} lacks something`, ['staff', allow(body), PROVIDE]),
    ),
    one('5.7 141', 'DELETE of only a course run', ['staff', postTo(PATH, { course_id }, 'DELETE'), PROVIDE]),
    one('3.8', 'DELETE of what is not there', [
      'staff',
      disallow(gone, open),
      says(404, `An enrollment allowed with email ${gone} and course ${open} doesn't exists.`),
    ]),
    ...['nokey', 'course-v1:edX+DemoX'].map((text) =>
      one(
        '0 D1',
        `allowing for ${text}`,
        ['staff', allow({ email: GUEST, course_id: text }), says(400, `No course found for course ID '${text}'`)],
        {
          known: 'D2',
        },
      ),
    ),
    ...['yes', 'maybe', 2, []].map((auto_enroll) =>
      one(
        '0 D2',
        `auto_enroll ${JSON.stringify(auto_enroll)} is neither`,
        [
          'staff',
          allow({ email: GUEST, course_id, auto_enroll }),
          { status: 400, shape: z.object({ message: z.string().regex(/^auto_enroll /) }) },
        ],
        { known: 'D2' },
      ),
    ),
    one('0 D2', 'allowing with a list as body', ['staff', allow([]), { status: 400 }], { known: 'D2' }),
    one('0 D2', 'allowing a number', ['staff', allow({ email: 7, course_id }), { status: 400 }], { known: 'D2' }),
    one('3.8', 'the query is not the body', [
      'staff',
      { ...get(`${PATH}?email=${q(GUEST)}&course_id=${q(open)}`), method: 'DELETE' },
      PROVIDE,
    ]),
  ]
}

function allowing({ open, bare }: Names): Case[] {
  const of = (auto_enroll: boolean) => ({ email: GUEST, course_id: open, auto_enroll, user: null })
  const away = step('staff', disallow(GUEST, open), { status: 204, text: '', headers: { 'content-type': null } })
  const list = (email = GUEST) => get(`${PATH}?email=${q(email)}`)
  const values: [value: unknown, flag: boolean][] = [
    [true, true],
    [false, false],
    ['1', true],
    ['false', false],
  ]
  return [
    several('5.7 132', 'an address and a course run', [
      cleared(open),
      step('staff', allow({ email: GUEST, course_id: open }), {
        status: 201,
        like: of(false),
        keys: ['email', 'course_id', 'auto_enroll', 'created', 'user'],
      }),
      away,
    ]),
    ...values.map(([value, flag]) =>
      several('3.8', `auto_enroll ${JSON.stringify(value)} is ${flag}`, [
        cleared(open),
        step('staff', allow({ email: GUEST, course_id: open, auto_enroll: value }), { status: 201, like: of(flag) }),
        away,
      ]),
    ),
    several('3.8', 'by a form', [
      cleared(open),
      step('staff', form(PATH, { email: GUEST, course_id: open, auto_enroll: 'true' }), {
        status: 201,
        like: of(true),
      }),
      step('staff', form(PATH, { email: GUEST, course_id: open }, 'DELETE'), { status: 204 }),
    ]),
    several(
      '3.8',
      'the same again is a conflict',
      between(open, [
        step(
          'staff',
          allow({ email: GUEST, course_id: open, auto_enroll: true }),
          says(409, `An enrollment allowed with email ${GUEST} and course ${open} already exists.`),
        ),
        step('staff', list(), { status: 200, like: [of(false)] }),
      ]),
    ),
    several(
      '3.8',
      'it is read in other letters',
      between(open, [step('staff', list(GUEST.toUpperCase()), { status: 200, like: [of(false)] })]),
    ),
    several('3.8', 'an old key', between(bare, [step('staff', list(), { status: 200, like: [{ course_id: bare }] })])),
    several('3.8', 'the course run need not exist', between('a/b/c', [])),
    several('3.8', 'the address is not looked at', between(open, [], 'no address, conformance')),
    several('5.7 139', 'taken back, it is gone', [
      ...between(open, []),
      step('staff', list(), { status: 200, text: '[]' }),
    ]),
    several('5.7 135', 'not by a learner', [
      cleared(open),
      step('learner', allow({ email: GUEST, course_id: open }), { status: 403 }),
      step('staff', disallow(GUEST, open), { status: 404 }),
    ]),
  ]
}

/** The one who used it stays named, so that it is taken back and given anew each time. */
function using({ invited: user, invitation }: Names): Case[] {
  const email = emailOf(user)
  const refused = { status: 400 }
  return [
    several(
      '1.9',
      'an allowance lets somebody in, and is claimed',
      between(
        invitation,
        [
          step('key', enroll(invitation, { user }), stands('active audit', user)),
          step('staff', get(`${PATH}?email=${q(email)}`), {
            status: 200,
            shape: z
              .array(z.object({ course_id: z.string(), user: z.number().nullable() }))
              .refine((list) => list.some((row) => row.course_id === invitation && row.user !== null), {
                error: 'does not name who used it',
              }),
          }),
          step('key', enroll(invitation, { user, is_active: false }), stands('inactive audit', user)),
          step('key', enroll(invitation, { user }), stands('active audit', user)),
          step('key', enroll(invitation, { user, is_active: false }), stands('inactive audit', user)),
        ],
        email,
      ),
    ),
    several('1.4', 'without one nobody comes in again', [
      ...between(invitation, [step('key', enroll(invitation, { user }), { status: 200 })], email),
      step('key', enroll(invitation, { user, is_active: false }), stands('inactive audit', user)),
      step('key', enroll(invitation, { user }), refused),
    ]),
  ]
}
