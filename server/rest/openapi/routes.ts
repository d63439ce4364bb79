import { BASE_PATH, BULK_ENROLL_PATH, type RouteMatch } from '../routes.ts'
import { OWNED_BY_LMS, UNREADABLE, UNSTORABLE } from './answers.ts'
import type { ParameterSpec, RouteSpec } from './operation.ts'

const course: ParameterSpec = {
  name: 'course_id',
  in: 'path',
  description: 'A course id; `+` and `/` may be sent as they are or percent-encoded.',
  example: 'course-v1:edX+DemoX+2014',
}

const everybody = { credentials: ['token', 'cookies', 'apiKey'], isThrottled: true, envelope: 'Detail' } as const
const hidden = { description: 'The caller may not know of this learner.' }

const readOne = {
  200: {
    description: 'The enrollment, active or not; an empty body where there is none.',
    bodies: ['Enrollment'],
    orEmpty: true,
  },
  400: { description: 'The text is no course id, or cannot be stored.', bodies: ['Message'] },
} as const

const enrollmentOfLearner: RouteSpec = {
  ...everybody,
  path: `${BASE_PATH}enrollment/{username},{course_id}`,
  tag: 'Enrollment',
  methods: {
    get: {
      id: 'readEnrollment',
      summary: 'The enrollment of a learner',
      parameters: [{ name: 'username', in: 'path', description: 'Whose enrollment.', example: 'bob' }, course],
      answers: { ...readOne, 404: hidden },
    },
  },
}

const ownEnrollment: RouteSpec = {
  ...everybody,
  path: `${BASE_PATH}enrollment/{course_id}`,
  tag: 'Enrollment',
  methods: {
    get: { id: 'readOwnEnrollment', summary: 'The enrollment of the caller', parameters: [course], answers: readOne },
  },
}

const enrollmentList: RouteSpec = {
  ...everybody,
  path: `${BASE_PATH}enrollment`,
  tag: 'Enrollment',
  methods: {
    get: {
      id: 'listEnrollments',
      summary: 'The active enrollments of a learner',
      description: 'Of other learners a course team sees those in its own course runs.',
      parameters: [{ name: 'user', in: 'query', description: 'A username; the caller unless given.' }],
      answers: { 200: { description: 'The oldest first.', bodies: ['EnrollmentList'] }, ...UNSTORABLE },
    },
    post: {
      id: 'enroll',
      summary: 'Enrolls a learner, or changes an enrollment',
      description:
        'Learners enroll themselves, in the modes `audit` and `honor`. Global staff and holders of an API key enroll anybody, change modes and end enrollments.',
      body: { schema: 'EnrollmentRequest', forms: false },
      answers: {
        200: {
          description: 'The enrollment as it is now, also where nothing was to be changed.',
          bodies: ['Enrollment'],
        },
        ...UNREADABLE,
        400: {
          description: 'The course run is unknown, closed, full or without the mode, or a field is wrong.',
          bodies: ['Message', 'Detail', 'LocalizedMessage', 'ModeUnavailable'],
        },
        403: {
          description: 'Not permitted: to this caller, for this mode, from this country, or by a rule of the site.',
          bodies: ['Detail', 'Message', 'LocalizedMessage', 'Embargoed'],
        },
        404: hidden,
        406: {
          description: 'The learner does not exist; or JSON is all that there is, and `Accept` does not take it.',
          bodies: ['Message', 'Detail'],
        },
      },
    },
  },
}

const enrollmentPages: RouteSpec = {
  path: `${BASE_PATH}enrollments`,
  tag: 'Enrollment',
  credentials: ['token', 'cookies'],
  isThrottled: true,
  envelope: 'DeveloperMessage',
  methods: {
    get: {
      id: 'listAllEnrollments',
      summary: 'All enrollments, a page at a time',
      description: 'For global staff. The path may end in a slash.',
      parameters: [
        { name: 'course_id', in: 'query', description: 'One course id. A `+` has to be sent as `%2B`.' },
        { name: 'course_ids', in: 'query', description: 'Parts of course ids, between commas; any of them matches.' },
        { name: 'username', in: 'query', description: 'At most 100 usernames, between commas.' },
        { name: 'email', in: 'query', description: 'At most 100 e-mail addresses, between commas.' },
        { name: 'cursor', in: 'query', description: 'From `next` or `previous` of another page.' },
      ],
      answers: {
        200: { description: 'A page.', bodies: ['EnrollmentPage'] },
        400: { description: 'A parameter is wrong, or cannot be stored.', bodies: ['PageFaults', 'Message'] },
        404: { description: 'The cursor is not one.', bodies: ['DeveloperMessage'] },
      },
    },
  },
}

const courseDetails: RouteSpec = {
  path: `${BASE_PATH}course/{course_id}`,
  tag: 'Course',
  credentials: [],
  isThrottled: true,
  envelope: 'Detail',
  methods: {
    get: {
      id: 'readCourse',
      summary: 'What a course run offers',
      parameters: [
        course,
        { name: 'include_expired', in: 'query', description: 'Any text but the empty one says yes, `0` too.' },
      ],
      answers: {
        200: { description: 'The course run.', bodies: ['CourseDetails'] },
        400: { description: 'There is no such course run.', bodies: ['Message'] },
      },
    },
  },
}

const unenroll: RouteSpec = {
  path: `${BASE_PATH}unenroll/`,
  tag: 'Retirement',
  credentials: ['token', 'cookies'],
  isThrottled: false,
  envelope: 'Detail',
  methods: {
    post: {
      id: 'unenroll',
      summary: 'Ends all enrollments of a learner who wants to be forgotten',
      description: 'For the retirement worker and superusers.',
      body: { schema: 'UnenrollRequest', forms: true },
      answers: {
        200: { description: 'Done.', bodies: ['Organisations'] },
        204: { description: 'No enrollment was active.' },
        ...UNREADABLE,
        404: { description: 'No username was sent, or nobody asked for its retirement.', bodies: ['PlainWords'] },
        500: { description: 'The retirement is in a state in which nothing can be done.', bodies: ['PlainWords'] },
      },
    },
  },
}

const roles: RouteSpec = {
  ...everybody,
  path: `${BASE_PATH}roles/`,
  tag: 'Roles',
  methods: {
    get: {
      id: 'listRoles',
      summary: 'The roles of the caller',
      parameters: [{ name: 'course_id', in: 'query', description: 'Only roles in this course run, compared as text.' }],
      answers: {
        200: { description: 'In no particular order.', bodies: ['Roles'] },
        400: { description: 'The caller is nobody with roles, or a text cannot be stored.', bodies: ['Message'] },
      },
    },
  },
}

const allowances: RouteSpec = {
  path: `${BASE_PATH}enrollment_allowed/`,
  tag: 'Allowances',
  credentials: ['token', 'cookies'],
  isThrottled: true,
  envelope: 'Detail',
  methods: {
    get: {
      id: 'listAllowances',
      summary: 'The allowances of an e-mail address',
      description: 'For global staff.',
      parameters: [{ name: 'email', in: 'query', description: 'That of the caller unless given.' }],
      answers: { 200: { description: 'All of them.', bodies: ['AllowanceList'] }, ...UNSTORABLE },
    },
    post: {
      id: 'allow',
      summary: 'Allows whoever has an e-mail address to enroll',
      description: 'For global staff.',
      body: { schema: 'AllowanceRequest', forms: true },
      answers: {
        201: { description: 'Allowed.', bodies: ['Allowance'] },
        ...UNREADABLE,
        ...OWNED_BY_LMS,
        409: { description: 'It was allowed already.', bodies: ['Message'] },
      },
    },
    delete: {
      id: 'disallow',
      summary: 'Takes an allowance back',
      description: 'For global staff. The fields are in the body.',
      body: { schema: 'AllowanceRemoval', forms: true },
      answers: {
        204: { description: 'Taken back.' },
        ...UNREADABLE,
        ...OWNED_BY_LMS,
        404: { description: 'There is none.', bodies: ['Message'] },
      },
    },
  },
}

const bulkEnroll: RouteSpec = {
  path: BULK_ENROLL_PATH,
  tag: 'Bulk enrollment',
  credentials: ['token'],
  isThrottled: true,
  envelope: 'Detail',
  methods: {
    post: {
      id: 'bulkEnroll',
      summary: 'Enrolls or unenrolls many people in many course runs',
      description:
        'For global staff. A token that is sent as `Bearer` has to be that of an active account. The path may end in a slash.',
      body: { schema: 'BulkEnrollRequest', forms: true },
      answers: {
        200: { description: 'What became of everybody, by course run.', bodies: ['BulkEnrollment'] },
        ...UNREADABLE,
        ...OWNED_BY_LMS,
        400: {
          description: 'The body cannot be read, or a field is wrong.',
          bodies: ['BulkEnrollFaults', 'Message', 'Detail'],
        },
        404: { description: 'One of the course runs does not exist; nothing is done.', bodies: ['Detail'] },
      },
    },
  },
}

/** The nine routes, in the order of rest-v1 §1.1. */
export const routes: readonly RouteSpec[] = [
  enrollmentOfLearner,
  ownEnrollment,
  enrollmentList,
  enrollmentPages,
  courseDetails,
  unenroll,
  roles,
  allowances,
  bulkEnroll,
]

const documentedRoutes: Readonly<Record<Exclude<RouteMatch['route'], 'enrollment'>, RouteSpec>> = {
  enrollmentList,
  enrollmentPages,
  course: courseDetails,
  unenroll,
  roles,
  allowances,
  bulkEnroll,
}

/** The route as the document describes it. */
export function documentedRoute(match: RouteMatch): RouteSpec {
  if (match.route !== 'enrollment') return documentedRoutes[match.route]
  return match.username === null ? ownEnrollment : enrollmentOfLearner
}
