import { BULK_ENROLL, form, NOT_FOUND, one, postTo, says, send, several, step } from '../build.ts'
import type { Case, Expected } from '../case.ts'
import { emailOf, NO_RUN, type Names } from '../names.ts'

const REQUIRED = ['This field is required.']
const NULL = ['This field may not be null.']
const BLANK = ['This field may not be blank.']
const NOT_TEXT = ['Not a valid string.']
const NOT_BOOLEAN = ['Must be a valid boolean.']

/** Somebody with an account who is not enrolled. */
const OUT = { user: true, enrollment: false, allowed: false, auto_enroll: false }
const IN = { ...OUT, enrollment: true }

/** §3.9: enrolling and unenrolling lists of people. */
export function bulkCases(names: Names): Case[] {
  return [...fields(names), ...together(names), ...enrolling(names)]
}

const bad = (errors: Record<string, string[]>): Expected => ({ status: 400, json: errors })

function fields({ open }: Names): Case[] {
  const refused: [fields: Record<string, unknown>, errors: Record<string, string[]>][] = [
    [{ identifiers: undefined }, { identifiers: REQUIRED }],
    [{ courses: undefined }, { courses: REQUIRED }],
    [{ action: undefined }, { action: REQUIRED }],
    [{ identifiers: null }, { identifiers: NULL }],
    [{ courses: null }, { courses: NULL }],
    [{ action: null }, { action: NULL }],
    [{ auto_enroll: null }, { auto_enroll: NULL }],
    [{ identifiers: '' }, { identifiers: BLANK }],
    [{ identifiers: ' \n ' }, { identifiers: BLANK }],
    [{ identifiers: true }, { identifiers: NOT_TEXT }],
    [{ identifiers: ['bob'] }, { identifiers: NOT_TEXT }],
    [{ reason: {} }, { reason: NOT_TEXT }],
    [{ action: 'invalid-action' }, { action: ['"invalid-action" is not a valid choice.'] }],
    [{ action: '' }, { action: ['"" is not a valid choice.'] }],
    [{ action: 'Enroll' }, { action: ['"Enroll" is not a valid choice.'] }],
    [{ courses: 'nokey' }, { courses: ['Course key not valid: nokey'] }],
    [{ courses: 'a/b/c,' }, { courses: ['Course key not valid: '] }],
    [{ auto_enroll: 'maybe' }, { auto_enroll: NOT_BOOLEAN }],
    [{ auto_enroll: 2 }, { auto_enroll: NOT_BOOLEAN }],
    [{ email_students: 'tRuE' }, { email_students: NOT_BOOLEAN }],
    [
      { identifiers: '', courses: 'x', action: 'y', auto_enroll: 'z' },
      {
        identifiers: BLANK,
        courses: ['Course key not valid: x'],
        action: ['"y" is not a valid choice.'],
        auto_enroll: NOT_BOOLEAN,
      },
    ],
  ]
  const whole = { identifiers: '#', courses: open, action: 'enroll' }
  return [
    ...refused.map(([more, errors]) =>
      one('3.9', `a field is wrong: ${inWords(more)}`, [
        'staff',
        postTo(BULK_ENROLL, { ...whole, ...more }),
        bad(errors),
      ]),
    ),
    one('5.8 143', 'nothing', [
      'staff',
      send('POST', BULK_ENROLL, { 'content-length': '0' }),
      bad({ identifiers: REQUIRED, courses: REQUIRED, action: REQUIRED }),
    ]),
    ...['[]', '"enroll"', '7'].map((body) =>
      one(
        '0 D2',
        `bulk_enroll with ${body}`,
        ['staff', postTo(BULK_ENROLL, body), says(400, 'The request body must be a JSON object.')],
        { known: 'D2' },
      ),
    ),
    one('3.9', 'GET is not allowed', [
      'staff',
      send('GET', BULK_ENROLL),
      says(405, 'Method "GET" not allowed.', 'detail'),
    ]),
    one('0 D12', 'a course run that does not exist', [
      'staff',
      postTo(BULK_ENROLL, { ...whole, courses: NO_RUN }),
      NOT_FOUND,
    ]),
    one('3.9', 'no course run at all', [
      'staff',
      postTo(BULK_ENROLL, { ...whole, courses: '' }),
      { status: 200, json: { auto_enroll: false, email_students: false, action: 'enroll', courses: {} } },
    ]),
  ]
}

function inWords(fields: Record<string, unknown>): string {
  return Object.entries(fields)
    .map(([name, value]) => (value === undefined ? `no ${name}` : `${name} ${JSON.stringify(value)}`))
    .join(', ')
}

function together({ second, other }: Names): Case[] {
  const refused: [fields: Record<string, string>, words: string][] = [
    [{ action: 'unenroll', cohorts: 'a,b' }, 'Cohorts can only be used for enrollments.'],
    [{ cohorts: 'a,b' }, 'If provided, the cohorts and courses should have equal number of items.'],
    [{ cohorts: 'none' }, `cohort none not found in course ${second}.`],
    [{ cohorts: 'Red' }, `cohort Red not found in course ${second}.`],
  ]
  return refused.map(([more, words]) =>
    one('3.9', `fields do not go together: ${JSON.stringify(more)}`, [
      'staff',
      postTo(BULK_ENROLL, { identifiers: other, courses: second, action: 'enroll', ...more }),
      bad({ non_field_errors: [words] }),
    ]),
  )
}

function enrolling({ learner, second }: Names): Case[] {
  const all = (action: string, results: unknown[]): Expected => ({
    status: 200,
    json: {
      auto_enroll: false,
      email_students: false,
      action,
      courses: { [second]: { action, auto_enroll: false, results } },
    },
  })
  const ask = (identifiers: string, action = 'enroll', more: object = {}) =>
    postTo(BULK_ENROLL, { identifiers, action, courses: second, email_students: false, ...more })
  const email = emailOf(learner)
  const out: Pick<Case, 'has'> = { has: [[learner, second, 'inactive audit']] }
  const inside: Pick<Case, 'has'> = { has: [[learner, second, 'active audit']] }
  const joined = { identifier: learner, before: OUT, after: IN }
  const left = { identifier: learner, before: IN, after: OUT }
  return [
    one('5.8 145', 'an identifier of nobody', [
      'staff',
      ask('percivaloctavius@'),
      all('enroll', [{ identifier: 'percivaloctavius@', invalidIdentifier: true }]),
    ]),
    one('5.8 147', 'by username', ['staff', ask(learner), all('enroll', [joined])], {
      ...out,
      after: [[learner, second, 'active audit']],
    }),
    one(
      '5.8 148',
      'by e-mail address, in a form',
      [
        'staff',
        form(BULK_ENROLL, { identifiers: email, action: 'enroll', courses: second, email_students: 'false' }),
        all('enroll', [{ ...joined, identifier: email }]),
      ],
      { ...out, after: [[learner, second, 'active audit']] },
    ),
    one('5.8 151', 'unenrolling', ['staff', ask(learner, 'unenroll'), all('unenroll', [left])], {
      ...inside,
      after: [[learner, second, 'inactive audit']],
    }),
    one(
      '5.8 150',
      'unenrolling in a form',
      [
        'staff',
        form(BULK_ENROLL, { identifiers: email, action: 'unenroll', courses: second, email_students: 'false' }),
        all('unenroll', [{ ...left, identifier: email }]),
      ],
      inside,
    ),
    one(
      '3.9',
      'whoever is enrolled keeps the mode',
      ['staff', ask(learner), all('enroll', [{ ...joined, before: IN }])],
      { has: [[learner, second, 'active verified']], after: [[learner, second, 'active verified']] },
    ),
    one('3.9', 'several, between commas, blanks and lines', [
      'staff',
      ask(`nobody-a@, nobody-b@\nnobody-c@`),
      all(
        'enroll',
        ['nobody-a@', 'nobody-b@', 'nobody-c@'].map((identifier) => ({ identifier, invalidIdentifier: true })),
      ),
    ]),
    several(
      '5.8 155',
      'into a cohort, and again',
      [
        step('staff', ask(learner, 'enroll', { cohorts: 'blue' }), { status: 200 }),
        step(
          'staff',
          ask(learner, 'enroll', { cohorts: 'blue' }),
          all('enroll', [{ identifier: learner, before: { ...IN, cohort: 'blue' }, after: { ...IN, cohort: 'blue' } }]),
        ),
        step(
          'staff',
          ask(learner, 'enroll', { cohorts: 'red' }),
          all('enroll', [{ identifier: learner, before: { ...IN, cohort: 'blue' }, after: { ...IN, cohort: 'red' } }]),
        ),
      ],
      out,
    ),
    one('5.8 158', 'a list of one course run', [
      'staff',
      postTo(BULK_ENROLL, { identifiers: 'nobody-a@', action: 'enroll', courses: [second] }),
      { status: 200 },
    ]),
    one('5.8 142', 'not by a learner', ['learner', ask(learner), { status: 403 }], out),
  ]
}
