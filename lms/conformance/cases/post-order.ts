import { enroll, HIDDEN, one, post, says, stands } from '../build.ts'
import type { Caller, Case, Expected } from '../case.ts'
import { emailOf, NOBODY, type Names } from '../names.ts'

const FAKE = 'some/fake/course'
const NO_COURSE_ID = says(400, 'Course ID must be specified to create a new enrollment.')

/** §3.2 rows 1 to 13: the checks before the rules, and which comes first. None of them enrolls anybody. */
export function postOrderCases(names: Names): Case[] {
  return [...courseId(), ...whom(names), ...mode(names), ...account(names), ...activation(names), ...attributes(names)]
}

function courseId(): Case[] {
  const absent: unknown[] = [
    {},
    { course_details: {} },
    ...['', null, 0, []].map((course_id) => ({ course_details: { course_id } })),
    { course_id: 'course-v1:a+b+c' },
  ]
  const wrong: [body: unknown, text: string][] = [
    [{ course_details: null }, 'course_details must be an object.'],
    [{ course_details: 'course-v1:a+b+c' }, 'course_details must be an object.'],
    [{ course_details: ['course-v1:a+b+c'] }, 'course_details must be an object.'],
    [{ course_details: { course_id: 7 } }, 'course_details.course_id must be text.'],
    [{ course_details: { course_id: ['x'] } }, 'course_details.course_id must be text.'],
    [{ course_details: { course_id: { a: 1 } } }, 'course_details.course_id must be text.'],
  ]
  return [
    ...absent.map((body) => one('3.2 row 1', JSON.stringify(body), ['key', post(body), NO_COURSE_ID])),
    ...wrong.map(([body, text]) =>
      one('0 D2', `POST ${JSON.stringify(body)}`, ['key', post(body), says(400, text)], { known: 'D2' }),
    ),
    ...['[]', '"text"', '7', 'null', 'true'].map((body) =>
      one('0 D2', `POST ${body}`, ['key', post(body), says(400, 'The request body must be a JSON object.')], {
        known: 'D2',
      }),
    ),
    one('3.2 row 2', 'a text that is no course key, before the user and the mode', [
      'key',
      enroll('invalidcourse', { user: NOBODY, mode: 'nonsense' }),
      says(400, "No course 'invalidcourse' found for enrollment"),
    ]),
    one(
      '3.2 row 2',
      'a version alone is none',
      [
        'key',
        enroll('course-v1:version@519665f6223ebd6980884f2b', { user: NOBODY }),
        says(400, "No course 'course-v1:version@519665f6223ebd6980884f2b' found for enrollment"),
      ],
      { known: 'D15' },
    ),
  ]
}

function whom({ learner, staff, open }: Names): Case[] {
  const email = emailOf(learner)
  const wrong: [more: object, text: string][] = [
    [{ user: 7 }, 'user must be text.'],
    [{ user: ['bob'] }, 'user must be text.'],
    [{ user: true }, 'user must be text.'],
    [{ email: 7 }, 'email must be text.'],
  ]
  return [
    ...[{}, { mode: 'verified' }, { is_active: 'x' }, { cohort: 7 }].map((more) =>
      one('3.2 row 3', `another user, for a learner, with ${JSON.stringify(more)}`, [
        'learner',
        enroll(FAKE, { user: staff, ...more }),
        HIDDEN,
      ]),
    ),
    one('5.1 7', 'the user of another and own e-mail', ['learner', enroll(FAKE, { user: staff, email }), HIDDEN]),
    one('5.1 61', 'a learner names somebody who does not exist', ['learner', enroll(open, { user: NOBODY }), HIDDEN]),
    one('3.2 row 4a', 'an e-mail address, for a learner, even their own', ['learner', enroll(open, { email }), HIDDEN]),
    one('3.2 row 4a', 'the same beside an empty user', ['learner', enroll(open, { user: '', email }), HIDDEN]),
    ...(['key', 'staff'] as const).map((caller) =>
      one('3.2 row 4b', `an e-mail address of nobody, for ${caller}`, [
        caller,
        enroll(FAKE, { email: `${NOBODY}@x.org`, is_active: 'x' }),
        says(406, `The user with the email address ${NOBODY}@x.org does not exist.`),
      ]),
    ),
    one('0 D6', 'an e-mail address finds its account in any letters', [
      'key',
      enroll(FAKE, { email: email.toUpperCase() }),
      says(400, `No course '${FAKE}' found for enrollment`),
    ]),
    one('5.1 6', 'the e-mail address is not looked at beside a user', [
      'learner',
      enroll(FAKE, { user: learner, email: emailOf(staff) }),
      says(400, `No course '${FAKE}' found for enrollment`),
    ]),
    ...wrong.map(([more, text]) =>
      one('0 D2', `POST with ${JSON.stringify(more)}`, ['key', enroll(open, { ...more, mode: 7 }), says(400, text)], {
        known: 'D2',
      }),
    ),
    ...[{ user: '' }, { user: null }, { user: 0 }, { email: null }].map((more) =>
      one('3.2 body', `${JSON.stringify(more)} counts as absent: the caller`, [
        'keyLearner',
        enroll(FAKE, more),
        says(400, `No course '${FAKE}' found for enrollment`),
      ]),
    ),
  ]
}

function mode({ open }: Names): Case[] {
  return [
    ...['verified', 'credit', 'nonsense', ''].map((slug) =>
      one('3.2 row 5', `a learner may not ask for '${slug}'`, [
        'learner',
        enroll(FAKE, { mode: slug, is_active: 'x', force_enrollment: 'x' }),
        says(403, `User does not have permission to create enrollment with mode [${slug}].`),
      ]),
    ),
    ...[7, true, ['audit'], {}].map((value) =>
      one(
        '0 D2',
        `POST with the mode ${JSON.stringify(value)}`,
        ['keyLearner', enroll(open, { mode: value }), says(400, 'mode must be text.')],
        { known: 'D2' },
      ),
    ),
  ]
}

function account({ learner }: Names): Case[] {
  return [
    ...(['key', 'staff', 'keyStaff'] as const).map((caller) =>
      one('3.2 row 6', `a user whom nobody is, for ${caller}`, [
        caller,
        enroll(FAKE, { user: NOBODY, is_active: 'x' }),
        says(406, `The user ${NOBODY} does not exist.`),
      ]),
    ),
    one('3.2 row 6', 'a key without a user is the empty username', [
      'key',
      enroll(FAKE),
      says(406, 'The user  does not exist.'),
    ]),
    one(
      '0 D6',
      'a username is exact, in a POST',
      [
        'key',
        enroll(FAKE, { user: learner.toUpperCase() }),
        says(406, `The user ${learner.toUpperCase()} does not exist.`),
      ],
      { known: 'D6' },
    ),
  ]
}

function activation(names: Names): Case[] {
  const values: [value: unknown, spelling: string][] = [
    [1, '1'],
    [0, '0'],
    ['true', 'true'],
    ['', ''],
    [[], '[]'],
    [[true, null], '[True, None]'],
    [{ a: 'b' }, "{'a': 'b'}"],
  ]
  const { learner } = names
  return values.flatMap(([value, spelling]) => [
    one('3.2 row 9', `is_active ${JSON.stringify(value)}, before force_enrollment`, [
      'key',
      enroll(FAKE, { user: learner, is_active: value, force_enrollment: 'x' }),
      says(400, `'${spelling}' is an invalid enrollment activation status.`),
    ]),
    one('3.2 row 11', `force_enrollment ${JSON.stringify(value)}, before the course run`, [
      'key',
      enroll(FAKE, { user: learner, is_active: true, force_enrollment: value }),
      says(400, `'${spelling}' is an invalid force enrollment status.`),
    ]),
  ])
}

function attributes(names: Names): Case[] {
  const refused: [value: unknown, text: string][] = [
    [7, 'enrollment_attributes must be a list.'],
    ['x', 'enrollment_attributes must be a list.'],
    [{ namespace: 'a' }, 'enrollment_attributes must be a list.'],
    [['x'], 'enrollment_attributes must hold objects.'],
    [[null], 'enrollment_attributes must hold objects.'],
    [[{}], "'namespace' not in enrollment attribute"],
    [[{ name: 'b', value: 'c' }], "'namespace' not in enrollment attribute"],
    [[{ namespace: 'a', value: 'c' }], "'name' not in enrollment attribute"],
    [[{ namespace: 'a', name: 'b', value: null }], 'enrollment_attributes must hold texts.'],
  ]
  const { learner } = names
  return refused.map(([value, text]) =>
    one(
      '3.2 row 13',
      `enrollment_attributes ${JSON.stringify(value)}`,
      ['key', enroll(FAKE, { user: learner, enrollment_attributes: value }), says(400, text)],
      { known: 'D2' },
    ),
  )
}

/** §6: what clients send, and what is the same as nothing. */
export function nullCases(names: Names): Case[] {
  const { learner, open } = names
  const nothing = {
    is_active: null,
    force_enrollment: null,
    enrollment_attributes: null,
    cohort: null,
    email_opt_in: null,
    mode: null,
    email: null,
    enterprise_uuid: null,
  }
  const asked: [what: string, caller: Caller, body: object, expected: Expected][] = [
    ['6 6|null means absent', 'key', nothing, stands('active audit', learner)],
    ['6 2|an enterprise_uuid of "None"', 'key', { enterprise_uuid: 'None', cohort: null }, stands('active audit')],
    ['3.2 body|unknown keys are ignored', 'key', { create_consent_record: true, linked: {} }, stands('active audit')],
  ]
  return asked.map(([what, caller, body, expected]) => {
    const [section = '', words = ''] = what.split('|')
    return one(section, words, [caller, enroll(open, { user: learner, ...body }), expected], {
      has: [[learner, open, 'active audit']],
      after: [[learner, open, 'active audit']],
    })
  })
}
