import {
  BULK_ENROLL,
  EMPTY,
  enroll,
  get,
  HIDDEN,
  NO_CREDENTIALS,
  NOT_PERMITTED,
  ok,
  one,
  postTo,
  says,
} from '../build.ts'
import type { Caller, Case, Expected } from '../case.ts'
import type { Request } from '../../exchange/server.ts'
import { NOBODY, type Names } from '../names.ts'

// The matrix of rest-v1 §2.2, with requests that change nothing, whatever comes of them: the course run does not exist, or the
// enrollment is there already.

/** Rights of the callers on a route, in the words of the matrix. */
interface Row {
  readonly name: string
  readonly request: Request
  readonly cells: Readonly<Partial<Record<Caller, Expected>>>
}

const OK: Expected = { status: 200 }
const inOwnEnvelope = (status: number, text: string): Expected => ({
  ...says(status, text, 'developer_message'),
  headers: { 'www-authenticate': null },
})
const NO_CREDENTIALS_R4 = inOwnEnvelope(401, 'Authentication credentials were not provided.')
const NOT_PERMITTED_R4 = inOwnEnvelope(403, 'You do not have permission to perform this action.')

const INACTIVE_BEARER: Expected = { status: 401, like: { error_code: 'user_not_active' } }

/** §2.2: who may do what. */
export function rightsCases(names: Names): Case[] {
  const rows = [...ofEnrollments(names), ...ofTheRest(names)]
  return rows.flatMap(({ name, request, cells }) =>
    Object.entries(cells).map(
      ([caller, expected]) => one('2.2', `${name}, ${caller}`, [caller as Caller, request, expected]), // The keys of `cells` are callers.
    ),
  )
}

function ofEnrollments({ other, empty, detailed }: Names): Row[] {
  const listed: Expected = { status: 200, like: [{ user: other }] }
  const verified = says(403, 'User does not have permission to create enrollment with mode [verified].')
  const unknown = says(400, "No course 'some/fake/course' found for enrollment")
  return [
    {
      name: 'R1 of another',
      request: get(`/enrollment/${other},${detailed}`),
      cells: {
        anonymous: NO_CREDENTIALS,
        learner: HIDDEN,
        inactive: HIDDEN,
        teacher: HIDDEN,
        staff: ok({ user: other }),
        superuser: HIDDEN,
        key: ok({ user: other }),
        keyLearner: ok({ user: other }),
        worker: HIDDEN,
      },
    },
    {
      name: 'R1 of oneself',
      request: get(`/enrollment/${other},${detailed}`),
      cells: { other: ok({ user: other }) },
    },
    {
      name: 'R2',
      request: get(`/enrollment/${detailed}`),
      cells: { anonymous: NO_CREDENTIALS, other: ok({ user: other }), key: EMPTY },
    },
    {
      name: 'R2 where nobody is',
      request: get(`/enrollment/${empty}`),
      cells: { learner: EMPTY, staff: EMPTY, keyLearner: EMPTY },
    },
    {
      name: 'R3 GET own',
      request: get('/enrollment'),
      cells: { anonymous: NO_CREDENTIALS, learner: OK, inactive: OK, key: { status: 200, text: '[]' }, worker: OK },
    },
    {
      name: 'R3 GET of somebody without enrollments',
      request: get(`/enrollment?user=${NOBODY}`),
      cells: { anonymous: NO_CREDENTIALS, learner: { status: 200, text: '[]' }, key: { status: 200, text: '[]' } },
    },
    {
      name: 'R3 GET of another, whose course runs are not staffed',
      request: get(`/enrollment?user=${other}`),
      cells: { worker: { status: 200, text: '[]' }, superuser: { status: 200, text: '[]' } },
    },
    {
      name: 'R3 POST for oneself',
      request: enroll('some/fake/course'),
      cells: {
        anonymous: NO_CREDENTIALS,
        learner: unknown,
        inactive: unknown,
        staff: unknown,
        key: says(406, 'The user  does not exist.'),
        keyLearner: unknown,
      },
    },
    {
      name: 'R3 POST for oneself in another mode',
      request: enroll('some/fake/course', { mode: 'verified' }),
      cells: {
        anonymous: NO_CREDENTIALS,
        learner: verified,
        inactive: verified,
        teacher: verified,
        superuser: verified,
        staff: unknown,
        keyLearner: unknown,
      },
    },
    {
      name: 'R3 POST for another',
      request: enroll('some/fake/course', { user: other }),
      cells: {
        anonymous: NO_CREDENTIALS,
        learner: HIDDEN,
        inactive: HIDDEN,
        teacher: HIDDEN,
        superuser: HIDDEN,
        worker: HIDDEN,
        staff: unknown,
        key: unknown,
        keyLearner: unknown,
      },
    },
    {
      name: 'R4',
      request: get(`/enrollments?username=${other}`),
      cells: {
        anonymous: NO_CREDENTIALS_R4,
        key: NO_CREDENTIALS_R4,
        learner: NOT_PERMITTED_R4,
        teacher: NOT_PERMITTED_R4,
        superuser: NOT_PERMITTED_R4,
        keyLearner: NOT_PERMITTED_R4,
        staff: OK,
        keyStaff: OK,
      },
    },
    {
      name: 'R3 GET of another',
      request: get(`/enrollment?user=${other}`),
      cells: { staff: { ...listed, like: undefined }, key: { ...listed, like: undefined } },
    },
  ]
}

function ofTheRest({ open }: Names): Row[] {
  const noStatus: Expected = { status: 404, text: '"No retirement request status for username."' }
  const notThere: Expected = { status: 404 }
  return [
    { name: 'R5', request: get(`/course/${open}`), cells: { anonymous: OK, key: OK, staff: OK } },
    {
      name: 'R6',
      request: postTo('/unenroll/', { username: NOBODY }),
      cells: {
        anonymous: NO_CREDENTIALS,
        key: NO_CREDENTIALS,
        learner: NOT_PERMITTED,
        staff: NOT_PERMITTED,
        teacher: NOT_PERMITTED,
        superuser: noStatus,
        worker: noStatus,
      },
    },
    {
      name: 'R7',
      request: get('/roles/'),
      cells: {
        anonymous: NO_CREDENTIALS,
        learner: OK,
        staff: OK,
        keyLearner: OK,
        key: { status: 400, text: `{"message":"An error occurred while retrieving roles for user '"}` },
      },
    },
    {
      name: 'R8 GET',
      request: get(`/enrollment_allowed/?email=${NOBODY}%40example.com`),
      cells: {
        anonymous: NO_CREDENTIALS,
        key: NO_CREDENTIALS,
        learner: NOT_PERMITTED,
        teacher: NOT_PERMITTED,
        superuser: NOT_PERMITTED,
        keyLearner: NOT_PERMITTED,
        staff: { status: 200, text: '[]' },
      },
    },
    {
      name: 'R8 DELETE',
      request: postTo('/enrollment_allowed/', { email: `${NOBODY}@example.com`, course_id: open }, 'DELETE'),
      cells: { anonymous: NO_CREDENTIALS, key: NO_CREDENTIALS, learner: NOT_PERMITTED, staff: notThere },
    },
    {
      name: 'R8 POST',
      request: postTo('/enrollment_allowed/', {}),
      cells: { anonymous: NO_CREDENTIALS, key: NO_CREDENTIALS, learner: NOT_PERMITTED, staff: { status: 400 } },
    },
    {
      name: 'R9',
      request: postTo(BULK_ENROLL, {}),
      cells: {
        anonymous: NO_CREDENTIALS,
        key: NO_CREDENTIALS,
        learner: NOT_PERMITTED,
        bearerLearner: NOT_PERMITTED,
        bearerInactive: INACTIVE_BEARER,
        superuser: NOT_PERMITTED,
        staff: { status: 400 },
        keyStaff: { status: 400 },
      },
    },
  ]
}
