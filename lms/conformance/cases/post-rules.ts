import * as z from 'zod'
import { enroll, get, one, ok, says, several, standing, stands, step } from '../build.ts'
import type { Case } from '../case.ts'
import { emailOf, NO_RUN, type Names } from '../names.ts'

/** §3.2 rows 15 to 22: the rules, and what comes after the enrollment. */
export function postRuleCases(names: Names): Case[] {
  return [...updates(names), ...unavailable(names), ...closed(names), ...afterwards(names), ...examples(names)]
}

function updates({ learner, open }: Names): Case[] {
  const has = standing(learner, open, 'active audit')
  const attribute = [{ namespace: 'a', name: 'b', value: 'c' }]
  const missing = says(
    400,
    "Missing enrollment attributes: requested mode=credit required attributes=['credit:provider_id']",
  )
  return [
    ...['verified', 'credit', 'nonsense'].map((mode) =>
      one(
        '3.2 row 15a',
        `deactivating with the mode ${mode}, before the attributes and the mode itself`,
        [
          'key',
          enroll(open, { user: learner, mode, is_active: false, enrollment_attributes: attribute }),
          says(400, `Enrollment mode mismatch: active mode=audit, requested mode=${mode}. Won't deactivate.`),
        ],
        { has, after: has },
      ),
    ),
    one(
      '3.2 row 15b',
      'credit without its provider',
      ['key', enroll(open, { user: learner, mode: 'credit', enrollment_attributes: attribute }), missing],
      { has, after: has },
    ),
    one(
      '3.2 row 15b',
      'before a value that is missing',
      [
        'key',
        enroll(open, { user: learner, mode: 'credit', enrollment_attributes: [{ namespace: 'a', name: 'b' }] }),
        missing,
      ],
      { has, after: has },
    ),
    one(
      '5.1 32',
      'credit with its provider',
      [
        'key',
        enroll(open, {
          user: learner,
          mode: 'credit',
          enrollment_attributes: [{ namespace: 'credit', name: 'provider_id', value: 'hogwarts' }],
        }),
        stands('active credit', learner),
      ],
      { has, after: standing(learner, open, 'active credit') },
    ),
    one(
      '5.1 41',
      'credit without attributes',
      ['key', enroll(open, { user: learner, mode: 'credit' }), stands('active credit', learner)],
      { has, after: standing(learner, open, 'active credit') },
    ),
    one(
      '5.1 68',
      'another attribute',
      [
        'key',
        enroll(open, {
          user: learner,
          mode: 'verified',
          enrollment_attributes: [{ namespace: 'order', name: 'order_number', value: 'EDX-1000' }],
        }),
        stands('active verified', learner),
      ],
      { has },
    ),
    one(
      '3.2 row 15c',
      'a mode that the course run does not have',
      [
        'key',
        enroll(open, { user: learner, mode: 'nonsense' }),
        { status: 400, like: { message: unavailableText('nonsense', open), course_details: { course_id: open } } },
      ],
      { has, after: has },
    ),
    one('3.2 row 17', 'an unknown course run, before its modes', [
      'key',
      enroll(NO_RUN, { user: learner, mode: 'nonsense' }),
      says(400, `No course '${NO_RUN}' found for enrollment`),
    ]),
    one('5.1 22', 'a course run that does not exist', [
      'learner',
      enroll('entirely/fake/course'),
      says(400, "No course 'entirely/fake/course' found for enrollment"),
    ]),
  ]
}

function unavailableText(mode: string, courseId: string): string {
  return `The [${mode}] course mode is expired or otherwise unavailable for course run [${courseId}].`
}

function unavailable({ idle, closed, full, verified, professional, learner }: Names): Case[] {
  return [
    ...[closed, full].map((courseId) =>
      one('3.2 row 16', `an unavailable mode, before closed and full, in ${courseId}`, [
        'key',
        enroll(courseId, { user: idle, mode: 'honor' }),
        { status: 400, like: { message: unavailableText('honor', courseId) }, keys: ['message', 'course_details'] },
      ]),
    ),
    one('3.2 row 16', 'where none was asked for, the text says so', [
      'learner',
      enroll(verified),
      {
        status: 400,
        like: { message: unavailableText('None', verified), course_details: { course_modes: [{ slug: 'verified' }] } },
      },
    ]),
    one('5.1 17', 'only professional, a learner asks for audit', [
      'learner',
      enroll(professional, { mode: 'audit' }),
      { status: 400, like: { course_details: { course_modes: [{ slug: 'professional' }] } } },
    ]),
    one('5.9 165', 'only verified, no mode', ['key', enroll(verified, { user: idle }), { status: 400 }]),
    one('5.1 10', 'closed, a learner asks for verified', [
      'learner',
      enroll(closed, { mode: 'verified', force_enrollment: false }),
      { status: 403 },
    ]),
    one('5.1 11', 'closed, global staff without force', [
      'staff',
      enroll(closed, { user: idle, mode: 'verified', force_enrollment: false }),
      generic(idle, closed),
    ]),
    one(
      '5.1 30',
      'a server asks for professional',
      ['key', enroll(professional, { user: learner, mode: 'professional' }), stands('active professional', learner)],
      { after: standing(learner, professional, 'active professional') },
    ),
    one(
      '5.1 65',
      'global staff asks for verified',
      ['staff', enroll(verified, { user: learner, mode: 'verified' }), stands('active verified', learner)],
      { after: standing(learner, verified, 'active verified') },
    ),
    one(
      '5.1 38',
      'audit cannot end a professional enrollment',
      ['key', enroll(professional, { user: learner, mode: 'audit', is_active: false }), { status: 400 }],
      { has: standing(learner, professional, 'inactive professional') },
    ),
  ]
}

function generic(user: string, courseId: string) {
  return says(
    400,
    `An error occurred while creating the new course enrollment for user '${user}' in course '${courseId}'`,
  )
}

function closed({ learner, other, idle, closed, full, future, invitation }: Names): Case[] {
  return [
    ...[closed, full, future, invitation].map((courseId) =>
      one('3.2 row 18', `closed and full say the same: ${courseId}`, [
        'learner',
        enroll(courseId),
        generic(learner, courseId),
      ]),
    ),
    ...[closed, full].map((courseId) =>
      one(
        '3.2 row 18',
        `before "already active": a repeat in ${courseId}`,
        ['key', enroll(courseId, { user: other }), generic(other, courseId)],
        { has: standing(other, courseId, 'active audit') },
      ),
    ),
    one(
      '3.2 row 15f',
      'a change passes no window',
      ['key', enroll(closed, { user: other, is_active: false }), stands('inactive audit', other)],
      { has: standing(other, closed, 'active audit') },
    ),
    one(
      '3.2 row 15f',
      'nor a reactivation that says so',
      ['key', enroll(closed, { user: other, is_active: true }), stands('active audit', other)],
      { has: standing(other, closed, 'inactive audit') },
    ),
    one(
      '3.2 row 15f',
      'nor does it ask for a seat',
      ['key', enroll(full, { user: other, mode: 'verified' }), stands('active verified', other)],
      { has: standing(other, full, 'active audit') },
    ),
    one('3.2 row 15f', 'without saying so it does', ['key', enroll(closed, { user: other }), generic(other, closed)], {
      has: standing(other, closed, 'inactive audit'),
    }),
    one('3.2 row 18', 'nobody is forced in by a key alone', [
      'key',
      enroll(closed, { user: idle, force_enrollment: true }),
      generic(idle, closed),
    ]),
  ]
}

function afterwards({ learner, second, open, staff }: Names): Case[] {
  const has = standing(learner, open, 'active audit')
  const inactive = standing(learner, open, 'inactive audit')
  const noValue = { enrollment_attributes: [{ namespace: 'a', name: 'b' }] }
  return [
    ...(['red', 'no such cohort', 7] as const).map((cohort) =>
      one(
        '3.2 row 15g',
        `what is active already gets nothing further, the cohort ${cohort} too`,
        ['key', enroll(open, { user: learner, cohort }), stands('active audit', learner)],
        { has },
      ),
    ),
    one(
      '3.2 row 15g',
      'nor attributes that lack their value',
      ['key', enroll(open, { user: learner, ...noValue }), stands('active audit', learner)],
      { has },
    ),
    one(
      '3.2 row 15h',
      'without its value an attribute fails after the enrollment, which stays',
      [
        'key',
        enroll(open, { user: learner, ...noValue }),
        {
          status: 400,
          json: {
            message: "'value' not in enrollment attribute",
            localizedMessage: "'value' not in enrollment attribute",
          },
        },
      ],
      { has: inactive, after: has },
    ),
    one(
      '3.2 row 19',
      'a cohort that does not exist, and the enrollment stays',
      [
        'key',
        enroll(open, { user: learner, cohort: 'no such' }),
        says(400, 'An error occured while adding to cohort [no such]'),
      ],
      { has: inactive, after: has },
    ),
    one(
      '0 D2',
      'a cohort of the wrong type is noticed when it is read',
      ['key', enroll(open, { user: learner, cohort: 7 }), says(400, 'cohort must be text.')],
      { has: inactive, after: has, known: 'D2' },
    ),
    several(
      '3.2 row 20',
      'a cohort, again, and another one',
      ['red', 'red', 'blue'].flatMap((cohort) => [
        step('key', enroll(second, { user: learner, cohort }), stands('active audit', learner)),
        step('key', enroll(second, { user: learner, is_active: false }), stands('inactive audit', learner)),
      ]),
      { has: standing(learner, second, 'inactive audit') },
    ),
    one(
      '3.2 row 21',
      'an opt-in is taken',
      ['keyStaff', enroll(open, { user: learner, email_opt_in: true }), stands('active audit', learner)],
      { has: inactive },
    ),
    one(
      '0 D17',
      'an opt-in of nobody is taken too',
      ['key', enroll(open, { user: learner, email_opt_in: true }), stands('active audit', learner)],
      { has: inactive, known: 'D17' },
    ),
    several(
      '3.2 row 22',
      'a success is 200, whatever it did',
      [{}, {}, { mode: 'verified' }, { is_active: false }, { is_active: true }].map((more) =>
        step('key', enroll(open, { user: learner, ...more }), { status: 200 }),
      ),
      { has: inactive, after: standing(learner, open, 'active verified') },
    ),
    one(
      '3.2 row 22',
      'the answer is an enrollment, its keys in their order',
      [
        'key',
        enroll(open, { user: learner }),
        {
          status: 200,
          keys: ['created', 'mode', 'is_active', 'course_details', 'user'],
          shape: enrollment,
          headers: { 'content-type': 'application/json' },
        },
      ],
      { has },
    ),
    one(
      '5.1 3',
      'global staff names the learner by e-mail',
      ['staff', enroll(open, { email: emailOf(learner) }), ok({ user: learner })],
      { has },
    ),
    one(
      '5.1 42',
      'global staff without a key deactivates',
      [
        'staff',
        enroll(open, { user: learner, mode: 'verified', is_active: false }),
        stands('inactive verified', learner),
      ],
      { has: standing(learner, open, 'active verified'), after: standing(learner, open, 'inactive verified') },
    ),
    one('5.1 9', 'only the course run: the caller', ['learner', enroll(open), ok({ user: learner })], { has }),
    one('2.2', 'a key and staff: the caller is enrolled', ['keyStaff', enroll(open), ok({ user: staff })], {
      has: standing(staff, open, 'active audit'),
    }),
  ]
}

const details = z.object({ course_id: z.string(), course_modes: z.array(z.unknown()).min(1), invite_only: z.boolean() })
const enrollment = z.strictObject({
  created: z.iso.datetime(),
  mode: z.string(),
  is_active: z.boolean(),
  course_details: details,
  user: z.string(),
})

function examples({ learner, open }: Names): Case[] {
  const inactive = standing(learner, open, 'inactive audit')
  const client = { user: learner, is_active: true, cohort: null, enterprise_uuid: 'None' }
  return [
    several(
      '5.1 23',
      'the same twice',
      [
        step('key', enroll(open, { user: learner }), stands('active audit', learner)),
        step('key', enroll(open, { user: learner }), stands('active audit', learner)),
      ],
      { has: inactive },
    ),
    several(
      '5.1 31',
      'an upgrade',
      [
        step('key', enroll(open, { user: learner, mode: 'audit' }), stands('active audit')),
        step('key', enroll(open, { user: learner, mode: 'verified' }), stands('active verified')),
      ],
      { has: inactive, after: standing(learner, open, 'active verified') },
    ),
    several(
      '5.1 35',
      'deactivation, and again',
      [
        step('key', enroll(open, { user: learner, mode: null, is_active: 'foo' }), { status: 400 }),
        step('key', enroll(open, { user: learner, mode: 'audit', is_active: false }), stands('inactive audit')),
        step('key', enroll(open, { user: learner, mode: 'audit', is_active: false }), stands('inactive audit')),
      ],
      { has: standing(learner, open, 'active audit'), after: inactive },
    ),
    several(
      '5.9 171',
      'audit, honor, verified one after another',
      ['audit', 'honor', 'verified'].map((mode) =>
        step('key', enroll(open, { user: learner, mode }), stands(`active ${mode}`)),
      ),
      { has: standing(learner, open, 'active verified') },
    ),
    several(
      '6 3',
      'what the enterprise client does: enroll, read, leave with the mode that it read',
      [
        step('key', enroll(open, { ...client, mode: 'verified' }), stands('active verified', learner)),
        step('key', get(`/enrollment/${learner},${open}`), stands('active verified', learner)),
        step('key', enroll(open, { ...client, is_active: false, mode: 'verified' }), stands('inactive verified')),
        step('key', get(`/enrollment/${learner},${open}`), stands('inactive verified', learner)),
      ],
      { has: inactive },
    ),
    several(
      '6 4',
      'to change the mode it says nothing of the activity',
      [step('key', enroll(open, { user: learner, mode: 'verified' }), stands('active verified', learner))],
      { has: standing(learner, open, 'active audit') },
    ),
    several('3.2 decisions', 'an account that nobody had yet: it is made by its token, and enrolled', [
      step('fresh', enroll(open), stands('active audit')),
      step('fresh', enroll(open), stands('active audit')),
    ]),
    several('3.2 decisions', 'the same with is_active false: a row that is inactive', [
      step('fresh', enroll(open, { is_active: false }), stands('inactive audit')),
    ]),
    several('6 1', 'an account that nobody had yet reads: 200 without content', [
      step('fresh', get(`/enrollment/${open}`), { status: 200, text: '' }),
      step('fresh', get('/enrollment'), { status: 200, text: '[]' }),
    ]),
  ]
}
